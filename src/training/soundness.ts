/** Whether what a run has learnt may take the place of an earlier state. */

import type { RunConfig, TrainingConfig } from "../configuration/index.ts";
import type { TokenBatch } from "../inference/index.ts";
import { divergence, LossWatch } from "./divergence.ts";
import type { Trainer } from "./trainer.ts";

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
