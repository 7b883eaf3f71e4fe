/** Prompts as tokens: what can be refused unread is, and the rest is written out and encoded in threads of its own. */

import { UserError } from "../errors.ts";
import { beginningOfText, longestTokenBytes } from "../text/index.ts";
import { ApiError } from "./api-error.ts";
import type { Asked } from "./asked.ts";
import type { ServedModel } from "./completion.ts";
import type { GivenPrompt } from "./schemas.ts";
import type { TextThreads } from "./text-threads.ts";

export interface Prompt {
  /** At least one token: a prompt of none is the token that begins a text. */
  readonly ids: Int32Array;
  /** How many of them the client gave. */
  readonly given: number;
  /** The prompt as the client gave it, or as it was written out: a text, or token ids. */
  readonly source: WrittenPrompt;
}

type WrittenPrompt = string | readonly number[];

/** Reads the prompts of one model. */
export class PromptReader {
  readonly #model: ServedModel;
  readonly #threads: TextThreads;
  /** Bytes of a text that one token stands for at most. */
  readonly #longest: number | undefined;
  /** What a model without a prompt goes on from. */
  readonly #first: number;

  constructor(model: ServedModel, threads: TextThreads) {
    this.#model = model;
    this.#threads = threads;
    this.#longest = longestTokenBytes(model.tokenizer);
    this.#first = beginningOfText(model.tokenizer)?.id ?? 0;
  }

  /**
   * @param room the longest prompt, in tokens
   * @throws ApiError for a prompt that is longer, and for one that cannot be encoded
   */
  async read(
    { prompts, field }: Pick<Asked, "prompts" | "field">,
    room: number,
    signal: AbortSignal,
  ): Promise<Prompt[]> {
    const written = await Promise.all(prompts.map((prompt) => this.#written(prompt, field, signal)));
    for (const prompt of written) this.#checkLength(prompt, room, field);
    return Promise.all(written.map((prompt) => this.#readOne(prompt, field, signal)));
  }

  async #written(prompt: GivenPrompt, field: string, signal: AbortSignal): Promise<WrittenPrompt> {
    if (typeof prompt === "string" || !("messages" in prompt)) return prompt;
    return encoded(this.#threads.write(prompt.messages, signal), field);
  }

  /** Refuses what cannot fit, by its length alone: to encode a long text takes seconds. */
  #checkLength(prompt: WrittenPrompt, room: number, field: string): void {
    const least = typeof prompt === "string" ? this.#leastTokens(prompt) : prompt.length;
    if (least <= room) return;
    const length = typeof prompt === "string" ? `at least ${least} tokens` : `${least} tokens`;
    throw new ApiError(
      400,
      `this model's context is ${this.#model.context} tokens, of which ${room} are left for the prompt, but it has ${length}; shorten it`,
      { code: "context_length_exceeded", parameter: field },
    );
  }

  #leastTokens(text: string): number {
    return this.#longest === undefined ? 0 : Math.ceil(Buffer.byteLength(text) / this.#longest);
  }

  async #readOne(source: WrittenPrompt, field: string, signal: AbortSignal): Promise<Prompt> {
    if (typeof source !== "string") return { ids: this.#checked(source), given: source.length, source };
    const ids = Int32Array.from((await encoded(this.#threads.encode(source, signal), field)).ids);
    return { ids: ids.length > 0 ? ids : Int32Array.of(this.#first), given: ids.length, source };
  }

  #checked(ids: readonly number[]): Int32Array {
    const wrong = ids.find((id) => id >= this.#model.vocabulary);
    if (wrong === undefined) return Int32Array.from(ids);
    throw new ApiError(400, `prompt: token ${wrong} is not one of 0 to ${this.#model.vocabulary - 1}`, {
      parameter: "prompt",
    });
  }
}

/** What the tokenizer or its template refuses is the client's mistake. */
export async function encoded<Result>(encoding: Promise<Result>, field = "prompt"): Promise<Result> {
  try {
    return await encoding;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new ApiError(400, `${field}: ${error.message}`, { parameter: field });
  }
}
