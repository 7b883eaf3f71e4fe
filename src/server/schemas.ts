/** What clients may ask, checked. */

import { z } from "zod";
import { checkPlainly } from "../plain-words.ts";
import type { Message } from "../text/index.ts";
import { ApiError } from "./api-error.ts";

/** The largest `logprobs` of OpenAI's API. */
export const MOST_ALTERNATIVES = 5;

/** A conversation that becomes a prompt. */
export interface Conversation {
  readonly messages: readonly Message[];
}

/** A prompt as a text, as token ids, or as a conversation. */
export type GivenPrompt = string | readonly number[] | Conversation;

const flag = z.boolean().nullish();
const text = z.string().nullish();

// A schema that looks at each id takes seconds for half a million of them.
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isIds = (value: unknown): value is number[] => Array.isArray(value) && value.every(isId);
const isText = (value: unknown): value is string => typeof value === "string";
const isPrompt = (value: unknown): value is string | string[] | number[] | number[][] =>
  isText(value) ||
  (Array.isArray(value) &&
    value.length > 0 &&
    (value.every(isText) || value.every(isId) || value.every((one) => isIds(one) && one.length > 0)));

/** What says something about the client and leaves the answer as it is. */
const withoutEffect: ReadonlySet<string> = new Set([
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "request_id",
]);

/** What clients of OpenAI and of vLLM send although it asks for nothing: the values that do. Any others are refused. */
const asksNothing: ReadonlyMap<string, readonly unknown[]> = new Map([
  ["suffix", [""]],
  ["use_beam_search", [false]],
  ["length_penalty", [1]],
  ["early_stopping", [false]],
  ["ignore_eos", [false]],
  ["min_tokens", [0]],
  ["stop_token_ids", []],
  ["include_stop_str_in_output", [false]],
  ["skip_special_tokens", [true]],
  ["spaces_between_special_tokens", [true]],
  ["add_special_tokens", [false]],
  ["return_tokens_as_token_ids", [false]],
  ["include_obfuscation", [false]],
  ["continuous_usage_stats", [false]],
]);

/**
 * An object of a request, or within one. What it has beside its fields is refused by name, unless it asks for nothing: to leave out in
 * silence what would change the answer would be worse.
 */
export function fields<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const names = new Set(Object.keys(shape));
  return z.looseObject(shape).check(({ value, issues }) => {
    for (const [name, given] of Object.entries(value)) {
      const isEmpty = given === null || (Array.isArray(given) && given.length === 0);
      if (names.has(name) || withoutEffect.has(name) || isEmpty || asksNothing.get(name)?.includes(given)) continue;
      const message = "is not supported by this server; leave it out";
      issues.push({ code: "custom", path: [name], message, input: given, continue: true });
    }
  });
}

/** What requests of any route may say of how texts are drawn and told. */
export const samplingFields = {
  /** Any name where there is one model; with skills, one of those that `/v1/models` lists. Default: the model without skills. */
  model: text,
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  /** 0 and -1: all tokens. */
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  /** Far beyond these bounds, which nobody needs, a logit would be infinite. */
  repetition_penalty: z.number().min(0.01).max(100).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  n: z.int().min(1).max(128).nullish(),
  stop: z
    .union([z.string().min(1), z.array(z.string().min(1)).max(16)], {
      error: "expected a string, or an array of up to 16 strings, none of them empty",
    })
    .nullish(),
  seed: z.int().nullish(),
  stream: flag,
  stream_options: fields({ include_usage: flag }).nullish(),
};

const samplingSchema = fields(samplingFields);

export type SamplingRequest = z.infer<typeof samplingSchema>;

const completionFields = {
  ...samplingFields,
  prompt: z.custom<string | string[] | number[] | number[][]>(
    isPrompt,
    "expected a string, an array of strings, an array of token ids, or an array of such arrays",
  ),
  max_tokens: z.int().nonnegative().nullish(),
  echo: flag,
  logprobs: z.int().min(0).max(MOST_ALTERNATIVES).nullish(),
  /** As many choices as are given, or none: choosing among more is not supported. */
  best_of: z.int().nullish(),
};

export const completionSchema = fields(completionFields).refine(({ n, best_of }) => (best_of ?? n ?? 1) === (n ?? 1), {
  path: ["best_of"],
  error: "is not supported by this server; leave it out",
});

export type CompletionRequest = z.infer<typeof completionSchema>;

export const tokenizeSchema = fields({ model: text, prompt: z.string(), return_token_strs: flag });

export const detokenizeSchema = fields({
  model: text,
  tokens: z.custom<number[]>(isIds, "expected an array of token ids"),
});

/** Checks a request. @throws ApiError that names the first field that is wrong, or not known and not without effect */
export function checked<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const result = checkPlainly(schema, body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join(".") ?? "";
  const message = `${field === "" ? "the body" : field}: ${issue?.message ?? "invalid"}`;
  throw new ApiError(400, message, { parameter: field === "" ? null : field });
}

/** The prompts of a request, one by one. */
export function promptsOf({ prompt }: CompletionRequest): readonly GivenPrompt[] {
  if (typeof prompt === "string") return [prompt];
  return prompt.every((part) => typeof part === "number") ? [prompt] : prompt;
}
