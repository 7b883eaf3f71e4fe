/** What a configuration comes to at each step: worked out once, as no growth that was planned changes it. */

import type { Communicator } from "../cluster/portable.ts";
import { growthPlansOf, type RunConfig, type ScheduledGrowth, scheduleOf } from "../configuration/index.ts";
import { countedIn } from "../inference/index.ts";
import type { ScheduleOptions } from "../optimizer/index.ts";
import { type Corpus, randomBatch } from "../text/portable.ts";
import { ALONE, type PassRows, passRowsOf, sequencesOfPass } from "./ranks.ts";
import type { Pass } from "./trainer.ts";

export class StepPlan {
  readonly schedule: ScheduleOptions;
  /** Growth in the order of its steps. */
  readonly growths: readonly ScheduledGrowth[];
  /** The most sequences that this rank has in one pass. */
  readonly sequences: number;
  readonly #config: RunConfig;
  readonly #corpus: Corpus;
  readonly #own: readonly PassRows[];
  readonly #first: PassRows | undefined;

  /** @param communicator of the ranks that the run is divided among; `undefined`: it is alone */
  constructor(config: RunConfig, corpus: Corpus, communicator: Communicator | undefined) {
    this.schedule = scheduleOf(config);
    this.growths = growthPlansOf(config);
    this.sequences = sequencesOfPass(config, communicator ?? ALONE);
    this.#config = config;
    this.#corpus = corpus;
    this.#own = passRowsOf(config, communicator ?? ALONE);
    this.#first = passRowsOf(config, ALONE)[0];
  }

  /** What this rank computes at a step. */
  passesAt(step: number): Pass[] {
    return this.#own.map((pass) => this.#drawn(pass, step));
  }

  /** The targets of a step's batch that count, on all ranks together; at least 1, as the loss is divided by them. */
  countedAt(step: number): number {
    const { training, model } = this.#config;
    if (this.#corpus.train.documents === undefined) return training.batch * model.context;
    const whole = this.#drawn({ pass: 0, first: 0, rows: { from: 0, to: training.batch } }, step);
    return Math.max(1, countedIn(whole));
  }

  /** The first pass of a step where a run is alone: the same on all ranks. */
  firstPassAt(step: number): Pass {
    if (this.#first === undefined) throw new Error("internal: a step without a pass");
    return this.#drawn(this.#first, step);
  }

  /** Whether a step is followed by an evaluation, and by a checkpoint. */
  isDueAfter(step: number): { readonly evaluation: boolean; readonly checkpoint: boolean } {
    const { steps, evaluateEvery, evaluateAt, checkpointEvery } = this.#config.training;
    return {
      evaluation: step === steps || (evaluateEvery > 0 && step % evaluateEvery === 0) || evaluateAt.includes(step),
      checkpoint: checkpointEvery > 0 && step % checkpointEvery === 0,
    };
  }

  #drawn({ rows, ...pass }: PassRows, step: number): Pass {
    const { training, model } = this.#config;
    const { seed, batch: sequences } = training;
    return { ...randomBatch(this.#corpus.train, { seed, step, sequences, context: model.context, rows }), ...pass };
  }
}
