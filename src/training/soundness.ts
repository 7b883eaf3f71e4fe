/** Whether what a run has learnt is sound, and may take the place of an earlier state; and how a run ends that has diverged. */

import type { RunConfig, TrainingConfig } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import type { TokenBatch } from "../inference/index.ts";
import type { Trainer } from "./trainer.ts";

/** Training has diverged: what stopped, and what may help. */
export class DivergenceError extends UserError {
  /** "step 3: the loss is NaN and the gradient norm 7". */
  readonly what: string;

  /** @param others what else there is to say of it: where things stand, and what may help */
  constructor(what: string, others: string) {
    super(`${what}, training stops${others}`);
    this.what = what;
  }
}

/** Watches the losses of a run's updates and validations, and ends one that has diverged. */
export class Soundness {
  readonly #training: TrainingConfig;
  readonly #place: string | undefined;
  readonly #losses: LossWatch;
  /** The validation loss that was measured last, and after which step. */
  #measured: { readonly step: number; readonly loss: number } | undefined;

  /** @param place where the last checkpoint is */
  constructor({ model, training }: RunConfig, place: string | undefined) {
    this.#training = training;
    this.#place = place;
    this.#losses = new LossWatch(model.vocabulary);
  }

  /** Takes note of a validation loss. */
  validated(step: number, loss: number): void {
    this.#measured = { step, loss };
  }

  isValidated(step: number): boolean {
    return this.#measured?.step === step;
  }

  /**
   * Takes note of an update.
   * @param lowest the lowest validation loss of the run so far
   * @throws DivergenceError where its loss or norm is not finite, and where losses stay too high
   */
  async updated(
    trainer: Trainer,
    step: number,
    { loss, gradientNorm }: { readonly loss: number; readonly gradientNorm: number },
    lowest: number | undefined,
  ): Promise<void> {
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      await this.#diverged(trainer, `step ${step}: the loss is ${loss} and the gradient norm ${gradientNorm}`);
    }
    const high = this.#losses.update(loss, lowest);
    if (high !== undefined) await this.#diverged(trainer, `step ${step}: the loss is ${high}`);
  }

  /**
   * What is wrong with the state as it is: the loss of the last update was that of the one before.
   * @param next the batch that its loss is measured on where it has not been validated
   */
  async complaint(
    { step, inference }: Trainer,
    next: () => TokenBatch,
    lowest: number | undefined,
  ): Promise<string | undefined> {
    const known = this.#measured?.step === step ? this.#measured.loss : undefined;
    const loss = known ?? (await inference.evaluate([next()])).loss;
    const complaint = this.#losses.complaint(loss, lowest);
    const which = known === undefined ? "loss on the next batch" : "validation loss";
    return complaint && `step ${step}: the ${which} is ${complaint}`;
  }

  /** @throws DivergenceError where something is wrong with the state as it is */
  async require(trainer: Trainer, next: () => TokenBatch, lowest: number | undefined): Promise<void> {
    const complaint = await this.complaint(trainer, next, lowest);
    if (complaint !== undefined) await this.#diverged(trainer, complaint);
  }

  async #diverged(trainer: Trainer, what: string): Promise<never> {
    throw divergence(what, await trainer.parameterNorms(), this.#training, this.#place);
  }
}

/**
 * What to say of training that has diverged.
 * @param norms of the parameters, by name
 * @param place where the last checkpoint is
 */
function divergence(
  what: string,
  norms: ReadonlyMap<string, number>,
  { precision }: TrainingConfig,
  place: string | undefined,
): DivergenceError {
  const largest = [...norms].toSorted(([, a], [, b]) => b - a).slice(0, 3);
  const told = largest.map(([name, norm]) => `${name} ${norm.toPrecision(3)}`).join(", ");
  const kept = place === undefined ? "" : ` The last checkpoint in ${place} is kept.`;
  const precise = precision === "float16" ? "take training.precision=float32, " : "";
  return new DivergenceError(
    what,
    `; largest parameter norms: ${told}.${kept} Lower training.learningRate, ${precise}or limit the gradients with training.clip.`,
  );
}

/** Times the loss of a uniform guess, or twice the lowest that the run has had, are beyond what training comes back from. */
const UNIFORM_GUESSES = 3;
const LOWEST_LOSSES = 2;

/** Updates in a row with such a loss that does not fall: after one batch, or a step that was too long, it may come back. */
const SUSTAINED = 20;
/** The later half of them, over the earlier half. */
const FALLING = 0.95;

/** Watches the losses of a run. */
class LossWatch {
  readonly #uniform: number;
  /** The last losses, as long as they are all too high. */
  #high: number[] = [];

  /** @param vocabulary the number of logits: a uniform guess has the loss ln(vocabulary) */
  constructor(vocabulary: number) {
    this.#uniform = Math.log(vocabulary);
  }

  /**
   * What is wrong with a loss; nothing if a state that has it may be kept in place of an earlier one.
   * @param lowest the lowest validation loss of the run so far
   */
  complaint(loss: number, lowest: number | undefined): string | undefined {
    if (!Number.isFinite(loss)) return `${loss}`;
    const limit = Math.max(UNIFORM_GUESSES * this.#uniform, LOWEST_LOSSES * (lowest ?? 0));
    if (loss <= limit) return undefined;
    return `${loss.toPrecision(4)}, where a uniform guess has ${this.#uniform.toPrecision(4)}`;
  }

  /** Takes note of the loss of an update. What is wrong, once that does not pass. */
  update(loss: number, lowest: number | undefined): string | undefined {
    const complaint = this.complaint(loss, lowest);
    this.#high = complaint === undefined ? [] : [...this.#high.slice(1 - SUSTAINED), loss];
    if (complaint === undefined || !Number.isFinite(loss)) return complaint;
    const [earlier, later] = [this.#high.slice(0, SUSTAINED / 2), this.#high.slice(SUSTAINED / 2)].map(geometricMean);
    const falls = this.#high.length < SUSTAINED || Number(later) < FALLING * Number(earlier);
    return falls ? undefined : `${complaint}, and it has not fallen for ${SUSTAINED} updates`;
  }
}

const geometricMean = (numbers: readonly number[]) =>
  Math.exp(numbers.reduce((sum, x) => sum + Math.log(x), 0) / numbers.length);
