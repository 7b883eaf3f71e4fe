/** A request for completions: one or more prompts, each continued once or more. */

import { randomInt } from "node:crypto";
import { Random } from "../random.ts";
import { StreamDecoder, type Tokenizer } from "../text/index.ts";
import { ApiError } from "./api-error.ts";
import type { Asked } from "./asked.ts";
import { Choice, type ChoiceOptions, type Piece } from "./choice.ts";
import { scoreAt, type TokenEntry, tokenEntry } from "./log-probabilities.ts";
import type { Prompt, PromptReader } from "./prompts.ts";
import type { RequestLife } from "./requests.ts";
import type { Scheduler } from "./scheduler.ts";

/** The model that answers, as far as requests know of it. */
export interface ServedModel {
  readonly name: string;
  /** The names of its skills, which requests choose as their `model`, in the order of the gated generations. Default: none. */
  readonly skills?: readonly string[] | undefined;
  readonly tokenizer: Tokenizer;
  /** The longest sequence, in tokens, with what is written. */
  readonly context: number;
  /** Number of token ids. */
  readonly vocabulary: number;
}

/** A request whose prompts are tokens and whose limits are checked. */
export interface Completion {
  readonly asked: Asked;
  readonly prompts: readonly Prompt[];
  /** How many texts to write: those for the first prompt, then those for the next. */
  readonly texts: number;
  readonly maxTokens: number;
  readonly promptTokens: number;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** @throws ApiError for prompts that cannot be encoded or leave no room in the model's context */
export async function planCompletion(
  model: ServedModel,
  reader: PromptReader,
  asked: Asked,
  signal: AbortSignal,
): Promise<Completion> {
  checkBias(model, asked);
  checkLimit(model, asked);
  const prompts = await reader.read(asked, model.context - (asked.maxTokens ?? 1), signal);
  const longest = Math.max(...prompts.map(({ ids }) => ids.length));
  const room = model.context - longest;
  const maxTokens = asked.maxTokens ?? Math.max(1, Math.min(asked.most, room));
  if (longest + maxTokens > model.context) {
    throw new ApiError(
      400,
      `this model's context is ${model.context} tokens, but ${longest} of the prompt and ${maxTokens} to be written are ${longest + maxTokens}; shorten the prompt or lower max_tokens`,
      { code: "context_length_exceeded", parameter: asked.field },
    );
  }
  const promptTokens = prompts.reduce((sum, { given }) => sum + given, 0);
  return { asked, prompts, texts: prompts.length * asked.count, maxTokens, promptTokens };
}

/** More than any prompt leaves room for. */
function checkLimit({ context }: ServedModel, { maxTokens = 0, limit }: Asked): void {
  if (maxTokens < context || context === 1) return;
  const most = context - 1;
  throw new ApiError(
    400,
    `${limit}: this model's context is ${context} tokens, of which the prompt needs at least one; ask for ${most} at most`,
    { code: "context_length_exceeded", parameter: limit },
  );
}

function checkBias({ vocabulary }: ServedModel, { biased }: Asked): void {
  const wrong = biased.find((id) => !/^\d+$/.test(id) || Number(id) >= vocabulary);
  if (wrong === undefined) return;
  throw new ApiError(400, `logit_bias: token ${wrong} is not one of 0 to ${vocabulary - 1}`, {
    parameter: "logit_bias",
  });
}

/**
 * Writes all texts of a request. Each goes its own way, whatever else is in the request: the same prompt with the same seed
 * gives the same text.
 * @param emit called with the pieces of each text, by its index
 */
export async function complete(
  scheduler: Scheduler,
  model: ServedModel,
  completion: Completion,
  life: Pick<RequestLife, "signal" | "textDone">,
  emit: (index: number, piece: Piece) => void,
): Promise<Usage> {
  const { signal } = life;
  const { prompts, promptTokens, asked } = completion;
  const { count, seed = randomInt(2 ** 31) } = asked;
  const work = { scheduler, model, completion, signal };
  const texts = prompts.flatMap((prompt, place) =>
    Array.from({ length: count }, async (_, number) => {
      const random = Random.from("completion", seed, number);
      const tokens = await write(work, prompt, random, (piece) => emit(place * count + number, piece));
      life.textDone();
      return tokens;
    }),
  );
  const written = (await Promise.all(texts)).reduce((sum, tokens) => sum + tokens, 0);
  return { prompt_tokens: promptTokens, completion_tokens: written, total_tokens: promptTokens + written };
}

interface Work {
  readonly scheduler: Scheduler;
  readonly model: ServedModel;
  readonly completion: Completion;
  readonly signal: AbortSignal;
}

/** Writes one text and gives the number of its tokens. */
async function write(work: Work, prompt: Prompt, random: Random, emit: (piece: Piece) => void): Promise<number> {
  const { asked, maxTokens } = work.completion;
  const echoed = asked.echo ? textOf(work.model.tokenizer, prompt) : "";
  const options = choiceOptions(work, prompt, { random, offset: [...echoed].length });
  const choice = new Choice(work.model.tokenizer, options, emit);
  const finishReason = maxTokens === 0 ? "length" : null;
  if (!asked.echo || asked.alternatives === undefined) {
    if (echoed !== "" || finishReason !== null) emit({ text: echoed, entries: null, finishReason });
    if (maxTokens > 0) await goOn(work, choice, prompt.ids);
    return choice.tokens;
  }
  const { logits, entries } = await scored(work, prompt, asked.alternatives);
  emit({ text: echoed, entries, finishReason });
  const first = maxTokens === 0 ? undefined : choice.next(logits);
  if (first === undefined) return choice.tokens;
  const begun = new Int32Array(prompt.ids.length + 1);
  begun.set(prompt.ids);
  begun[prompt.ids.length] = first;
  await goOn(work, choice, begun);
  return choice.tokens;
}

const goOn = ({ scheduler, signal, completion }: Work, choice: Choice, ids: Int32Array): Promise<void> =>
  scheduler.write(ids, (logits) => choice.next(logits), signal, completion.asked.gates);

/** The tokens of a prompt that its client gave. */
const givenIds = ({ ids, given }: Prompt): Int32Array => ids.subarray(ids.length - given);

const textOf = (tokenizer: Tokenizer, { source }: Prompt): string =>
  typeof source === "string" ? source : tokenizer.decode(source);

function choiceOptions(
  { completion }: Work,
  prompt: Prompt,
  rest: Pick<ChoiceOptions, "random" | "offset">,
): ChoiceOptions {
  const { asked, maxTokens } = completion;
  const { sampling, stop, ends, alternatives } = asked;
  return { ...rest, prompt: prompt.ids, context: givenIds(prompt), sampling, maxTokens, stop, ends, alternatives };
}

/** The log-probabilities of a prompt's tokens, and the logits of what follows it. */
async function scored({ scheduler, model, signal, completion }: Work, prompt: Prompt, alternatives: number) {
  const scores = await scheduler.score(prompt.ids, signal, completion.asked.gates);
  const entries: TokenEntry[] = [];
  const decoder = new StreamDecoder(model.tokenizer);
  let offset = 0;
  for (const [place, id] of givenIds(prompt).entries()) {
    const score = place === 0 ? undefined : scoreAt(scores, prompt.ids, place - 1, alternatives);
    entries.push(tokenEntry(decoder, { id, offset, score }));
    offset += [...decoder.push(id)].length;
  }
  return { logits: scores.next, entries };
}
