/** What clients may ask, checked. */

import { z } from "zod";
import { ApiError } from "./api-error.ts";

/** Of `logprobs`, as OpenAI's API has it. */
export const MOST_ALTERNATIVES = 5;

const tokenId = z.int().nonnegative();
const flag = z.boolean().nullish();

export const completionSchema = z.looseObject({
  /** Any name: there is one model. */
  model: z.string().nullish(),
  prompt: z.union(
    [z.string(), z.array(z.string()).min(1), z.array(tokenId).min(1), z.array(z.array(tokenId).min(1)).min(1)],
    { error: "expected a string, an array of strings, an array of token ids, or an array of such arrays" },
  ),
  max_tokens: z.int().nonnegative().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().positive().nullish(),
  n: z.int().min(1).max(128).nullish(),
  stop: z
    .union([z.string().min(1), z.array(z.string().min(1)).max(16)], {
      error: "expected a string, or an array of up to 16 strings, none of them empty",
    })
    .nullish(),
  seed: z.int().nullish(),
  echo: flag,
  logprobs: z.int().min(0).max(MOST_ALTERNATIVES).nullish(),
  stream: flag,
  stream_options: z.looseObject({ include_usage: flag }).nullish(),
  best_of: z.int().nullish(),
  suffix: z.string().nullish(),
  presence_penalty: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
});

export type CompletionRequest = z.infer<typeof completionSchema>;

export const tokenizeSchema = z.looseObject({ prompt: z.string(), return_token_strs: flag });

export const detokenizeSchema = z.looseObject({ tokens: z.array(tokenId) });

/** Checks a request. @throws ApiError that names the first field that is wrong */
export function checked<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join(".") ?? "";
  const message = `${field === "" ? "the body" : field}: ${issue?.message ?? "invalid"}`;
  throw new ApiError(400, message, { parameter: field === "" ? null : field });
}

/** Refuses what would change the answer but is not known here: to leave it out silently would be worse. */
export function refuseUnsupported(request: CompletionRequest): void {
  const { best_of, n, suffix, presence_penalty, frequency_penalty, logit_bias } = request;
  const asked: readonly (readonly [string, boolean])[] = [
    ["best_of", (best_of ?? n ?? 1) !== (n ?? 1)],
    ["suffix", (suffix ?? "") !== ""],
    ["presence_penalty", (presence_penalty ?? 0) !== 0],
    ["frequency_penalty", (frequency_penalty ?? 0) !== 0],
    ["logit_bias", Object.keys(logit_bias ?? {}).length > 0],
  ];
  const field = asked.find(([, wanted]) => wanted)?.[0];
  if (field !== undefined) throw new ApiError(400, `${field}: is not supported by this server`, { parameter: field });
}
