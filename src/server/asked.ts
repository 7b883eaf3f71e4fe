/** What is asked of the texts of a request, whichever route it came by. */

import { UserError } from "../errors.ts";
import type { SamplingOptions } from "../generation/index.ts";
import { chatTemplateOf, endOfText, type Tokenizer } from "../text/index.ts";
import { type ChatRequest, messagesOf } from "./chat-schemas.ts";
import { type CompletionRequest, type GivenPrompt, promptsOf, type SamplingRequest } from "./schemas.ts";

export interface Asked {
  /** The field of the request that the prompts come from, for messages. */
  readonly field: "prompt" | "messages";
  readonly prompts: readonly GivenPrompt[];
  /** Which of the gated generations of parameter tokens write. */
  readonly gates: readonly number[];
  /** Texts for each prompt. */
  readonly count: number;
  /** Tokens to write, at most; where the request does not say, `most` as far as the context has room. */
  readonly maxTokens: number | undefined;
  /** The field of the request that says it. */
  readonly limit: "max_tokens" | "max_completion_tokens";
  readonly most: number;
  /** Whether each text begins with its prompt. */
  readonly echo: boolean;
  /** How many alternatives to list for each token. `undefined`: no log-probabilities. */
  readonly alternatives: number | undefined;
  readonly stop: readonly string[];
  /** The tokens that end a text. */
  readonly ends: ReadonlySet<number>;
  readonly seed: number | undefined;
  readonly sampling: SamplingOptions;
  /** The ids that `logit_bias` names. */
  readonly biased: readonly string[];
  readonly stream: boolean;
  /** Whether a stream ends with the usage. */
  readonly streamsUsage: boolean;
}

/** Tokens that a completion has unless its request says, as in OpenAI's API. */
const COMPLETION_TOKENS = 16;

export function askedOfCompletion(request: CompletionRequest, tokenizer: Tokenizer, gates: readonly number[]): Asked {
  const end = endOfText(tokenizer);
  return {
    ...commonOf(request),
    field: "prompt",
    gates,
    prompts: promptsOf(request),
    maxTokens: request.max_tokens ?? undefined,
    limit: "max_tokens",
    most: COMPLETION_TOKENS,
    echo: request.echo === true,
    alternatives: request.logprobs ?? undefined,
    ends: new Set(end === undefined ? [] : [end.id]),
  };
}

/** A conversation becomes one prompt. Throws a `UserError` where the model can hold none. */
export function askedOfChat(request: ChatRequest, tokenizer: Tokenizer, gates: readonly number[]): Asked {
  const template = chatTemplateOf(tokenizer);
  if (template.unreadable !== undefined) throw new UserError(template.unreadable);
  const { end } = template;
  const common = commonOf(request);
  return {
    ...common,
    field: "messages",
    gates,
    prompts: [{ messages: messagesOf(request) }],
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
    limit: typeof request.max_completion_tokens === "number" ? "max_completion_tokens" : "max_tokens",
    most: Number.POSITIVE_INFINITY,
    echo: false,
    alternatives: request.logprobs === true ? (request.top_logprobs ?? 0) : undefined,
    ends: end.ids,
    stop: end.stop === undefined ? common.stop : [...common.stop, end.stop],
  };
}

function commonOf(request: SamplingRequest) {
  const { n, stop, seed, logit_bias, stream, stream_options } = request;
  return {
    count: n ?? 1,
    stop: typeof stop === "string" ? [stop] : (stop ?? []),
    seed: seed ?? undefined,
    sampling: samplingOf(request),
    biased: Object.keys(logit_bias ?? {}),
    stream: stream === true,
    streamsUsage: stream_options?.include_usage === true,
  };
}

/** How the tokens of an answer are drawn. */
function samplingOf(request: SamplingRequest): SamplingOptions {
  const { top_k, logit_bias } = request;
  return {
    temperature: request.temperature ?? 1,
    topP: request.top_p ?? 1,
    minP: request.min_p ?? 0,
    topK: top_k == null || top_k < 1 ? undefined : top_k,
    repetitionPenalty: request.repetition_penalty ?? 1,
    presencePenalty: request.presence_penalty ?? 0,
    frequencyPenalty: request.frequency_penalty ?? 0,
    logitBias: logit_bias == null ? undefined : biasOf(logit_bias),
  };
}

const biasOf = (biases: Readonly<Record<string, number>>): ReadonlyMap<number, number> =>
  new Map(Object.entries(biases).map(([id, bias]) => [Number(id), bias]));
