/** A request for completions: one or more prompts, each continued once or more. */

import { randomInt } from "node:crypto";
import { Random } from "../random.ts";
import { endOfText, StreamDecoder, type Tokenizer } from "../text/index.ts";
import { ApiError } from "./api-error.ts";
import { Choice, type ChoiceOptions, type Piece } from "./choice.ts";
import { addLogProbability, noLogProbabilities, scoreAt } from "./log-probabilities.ts";
import type { Prompt, PromptReader } from "./prompts.ts";
import type { Scheduler } from "./scheduler.ts";
import { type CompletionRequest, promptsOf, samplingOf } from "./schemas.ts";

/** The model that answers, as far as requests know of it. */
export interface ServedModel {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** The longest sequence, in tokens, with what is written. */
  readonly context: number;
  /** Number of token ids. */
  readonly vocabulary: number;
}

/** A request whose prompts are tokens and whose limits are checked. */
export interface Completion {
  readonly prompts: readonly Prompt[];
  readonly request: CompletionRequest;
  /** Texts for each prompt. */
  readonly count: number;
  readonly maxTokens: number;
  readonly promptTokens: number;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** Tokens that are written unless the request says, as in OpenAI's API. */
const DEFAULT_TOKENS = 16;

/** @throws ApiError for prompts that cannot be encoded or leave no room in the model's context */
export async function planCompletion(
  model: ServedModel,
  reader: PromptReader,
  request: CompletionRequest,
  signal: AbortSignal,
): Promise<Completion> {
  checkBias(model, request);
  const prompts = await reader.read(promptsOf(request), model.context - (request.max_tokens ?? 1), signal);
  const longest = Math.max(...prompts.map(({ ids }) => ids.length));
  const room = model.context - longest;
  const maxTokens = request.max_tokens ?? Math.max(1, Math.min(DEFAULT_TOKENS, room));
  if (longest + maxTokens > model.context) {
    throw new ApiError(
      400,
      `this model's context is ${model.context} tokens, but ${longest} of the prompt and ${maxTokens} to be written are ${longest + maxTokens}; shorten the prompt or lower max_tokens`,
      { code: "context_length_exceeded", parameter: "prompt" },
    );
  }
  const promptTokens = prompts.reduce((sum, { given }) => sum + given, 0);
  return { prompts, request, count: request.n ?? 1, maxTokens, promptTokens };
}

function checkBias({ vocabulary }: ServedModel, { logit_bias }: CompletionRequest): void {
  const wrong = Object.keys(logit_bias ?? {}).find((id) => !/^\d+$/.test(id) || Number(id) >= vocabulary);
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
  signal: AbortSignal,
  emit: (index: number, piece: Piece) => void,
): Promise<Usage> {
  const { prompts, count, promptTokens, request } = completion;
  const seed = request.seed ?? randomInt(2 ** 31);
  const texts = prompts.flatMap((prompt, place) =>
    Array.from({ length: count }, (_, number) =>
      write({ scheduler, model, completion, signal }, prompt, Random.from("completion", seed, number), (piece) =>
        emit(place * count + number, piece),
      ),
    ),
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
  const { request, maxTokens } = work.completion;
  const echoed = request.echo === true ? textOf(work.model.tokenizer, prompt) : "";
  const options = choiceOptions(work, prompt, { random, offset: [...echoed].length });
  const choice = new Choice(work.model.tokenizer, options, emit);
  const finishReason = maxTokens === 0 ? "length" : null;
  if (request.echo !== true || request.logprobs == null) {
    if (echoed !== "" || finishReason !== null) emit({ text: echoed, logprobs: null, finishReason });
    if (maxTokens > 0) await goOn(work, choice, prompt.ids);
    return choice.tokens;
  }
  const { logits, entries } = await scored(work, prompt, request.logprobs);
  emit({ text: echoed, logprobs: entries, finishReason });
  const first = maxTokens === 0 ? undefined : choice.next(logits);
  if (first !== undefined) await goOn(work, choice, Int32Array.of(...prompt.ids, first));
  return choice.tokens;
}

const goOn = ({ scheduler, signal }: Work, choice: Choice, ids: Int32Array): Promise<void> =>
  scheduler.write(ids, (logits) => choice.next(logits), signal);

/** The tokens of a prompt that its client gave. */
const givenIds = ({ ids, given }: Prompt): Int32Array => ids.subarray(ids.length - given);

const textOf = (tokenizer: Tokenizer, { source }: Prompt): string =>
  typeof source === "string" ? source : tokenizer.decode(source);

function choiceOptions(
  { model, completion }: Work,
  prompt: Prompt,
  rest: Pick<ChoiceOptions, "random" | "offset">,
): ChoiceOptions {
  const { request, maxTokens } = completion;
  const { stop, logprobs } = request;
  return {
    ...rest,
    prompt: prompt.ids,
    context: givenIds(prompt),
    sampling: samplingOf(request),
    maxTokens,
    stop: typeof stop === "string" ? [stop] : (stop ?? []),
    end: endOfText(model.tokenizer)?.id,
    logprobs: logprobs ?? undefined,
  };
}

/** The log-probabilities of a prompt's tokens, and the logits of what follows it. */
async function scored({ scheduler, model, signal }: Work, prompt: Prompt, logprobs: number) {
  const scores = await scheduler.score(prompt.ids, signal);
  const entries = noLogProbabilities();
  const decoder = new StreamDecoder(model.tokenizer);
  let offset = 0;
  for (const [place, id] of givenIds(prompt).entries()) {
    const score = place === 0 ? undefined : scoreAt(scores, prompt.ids, place - 1, logprobs);
    addLogProbability(entries, decoder, { id, offset, score });
    offset += [...decoder.push(id)].length;
  }
  return { logits: scores.next, entries };
}
