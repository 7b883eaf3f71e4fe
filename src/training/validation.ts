/** The held-out tokens that a run is evaluated on, and how many bytes of text they are. */

import type { Communicator } from "../cluster/portable.ts";
import { countedIn, type Inference } from "../inference/index.ts";
import {
  type Batch,
  type Corpus,
  consecutiveBatches,
  hasDocuments,
  learnedBytes,
  measureBytes,
} from "../text/portable.ts";
import { ALONE, batchesOf, meanLoss } from "./ranks.ts";

export interface ValidationOptions {
  /** Tokens of a window. */
  readonly context: number;
  /** About how many tokens are predicted: as many whole windows as fit, at least one. 0: all. */
  readonly evaluationTokens: number;
  /** The ranks that divide it. Default: this one is alone. */
  readonly communicator?: Communicator | undefined;
}

export class Validation {
  readonly #corpus: Corpus;
  readonly #options: ValidationOptions;
  #bytes: number | undefined;

  constructor(corpus: Corpus, options: ValidationOptions) {
    this.#corpus = corpus;
    this.#options = options;
  }

  /** With its bytes measured. Throws a `UserError` for tokens that the tokenizer does not have. */
  static measured(corpus: Corpus, options: ValidationOptions): Validation {
    const validation = new Validation(corpus, options);
    validation.#bytes = validation.bytes;
    return validation;
  }

  /** Tokens that are predicted: from the second of the held-out ones on. */
  get tokens(): number {
    const { context, evaluationTokens } = this.#options;
    if (hasDocuments(this.#corpus.validation)) return this.#counted();
    const all = Math.max(0, this.#corpus.validation.length - 1);
    if (evaluationTokens === 0) return all;
    return Math.min(all, Math.max(1, Math.floor(evaluationTokens / context)) * context);
  }

  /** How many tokens of documents are learned. */
  #counted(): number {
    let sum = 0;
    for (const batch of this.batches()) sum += countedIn(batch);
    return sum;
  }

  /** The text of just these tokens, in UTF-8 bytes. Measured when it is first asked for, and then throws as `measured` does. */
  get bytes(): number {
    const { validation, tokenizer } = this.#corpus;
    this.#bytes ??= hasDocuments(validation)
      ? learnedBytes(tokenizer, this.batches())
      : measureBytes(tokenizer, validation, 1, this.tokens);
    return this.#bytes;
  }

  batches(): Generator<Batch> {
    const { context, evaluationTokens } = this.#options;
    const { validation } = this.#corpus;
    const most = evaluationTokens === 0 ? Number.POSITIVE_INFINITY : evaluationTokens;
    return consecutiveBatches(validation, { context, maxTokens: hasDocuments(validation) ? most : this.tokens });
  }

  /** The mean loss, in nats per token. */
  async loss(inference: Inference): Promise<number> {
    const { communicator } = this.#options;
    return meanLoss(await inference.sumLosses(batchesOf(this.batches(), communicator ?? ALONE)), communicator);
  }

  /** A mean loss in bits per byte of the text. */
  bitsPerByte(loss: number): number {
    return ((loss / Math.LN2) * this.tokens) / this.bytes;
  }
}
