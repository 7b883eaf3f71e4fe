/** The training loop: one generator of typed events, for the command line, tests and pages alike. */

import type { Checkpoint, Progress } from "../checkpoint/portable.ts";
import { type Communicator, isAny } from "../cluster/portable.ts";
import {
  type Config,
  type GrowthEvent,
  growthPlansOf,
  type ScheduledGrowth,
  type StepEvent,
  scheduleOf,
  type TrainingEvent,
  type ValidationEvent,
} from "../configuration/index.ts";
import { allOrNothing, freeQuietly } from "../freeing.ts";
import { advanceRamps, grow, type ModelState } from "../growth/index.ts";
import { countParameters, givenOf, sameProgram, trainingFlopsPerToken } from "../model/index.ts";
import { learningRateAt } from "../optimizer/index.ts";
import type { Batch, Corpus } from "../text/portable.ts";
import { type Beginning, checkGrowth } from "./beginning.ts";
import { divergence, LossWatch } from "./divergence.ts";
import { growthReport } from "./growing.ts";
import { type ImmediateGrowth, scheduledNow } from "./immediate-growth.ts";
import { ALONE, passesOf } from "./ranks.ts";
import { assemble, type RunOptions, type RunParts, type RunSink, replicasOf, trainerOf } from "./run-parts.ts";
import type { Candidate, Trainer } from "./trainer.ts";
import type { Validation } from "./validation.ts";

/** A run under way. Between its events it can be looked into, grown and copied. */
export class Run {
  readonly corpus: Corpus;
  readonly #data: Pick<Checkpoint, "dataName" | "data">;
  readonly #sink: RunSink | undefined;
  readonly #communicator: Communicator | undefined;
  #config: Config;
  #trainer: Trainer;
  #model: Pick<ModelState, "config" | "ramps" | "rewarm">;
  #progress: Progress;
  /** Of the model as it is; kept, because counting traces the model, which is too slow for every step. */
  #flopsPerToken: number;
  readonly #validation: Validation;
  readonly #losses: LossWatch;
  /** The validation loss that was measured last, and at which step. */
  #measured: { readonly step: number; readonly loss: number } | undefined;
  /** What was to come at this step, and has not yet. */
  #due: { readonly evaluation: boolean; readonly checkpoint: boolean };
  /** The step of the last checkpoint. */
  #saved: number;
  #underWay = false;

  protected constructor({ trainer, corpus, config, state, progress, sink, communicator, data, validation }: RunParts) {
    this.corpus = corpus;
    this.#data = data ?? { dataName: corpus.name };
    this.#sink = sink;
    this.#communicator = communicator;
    this.#config = config;
    this.#trainer = trainer;
    this.#model = { config: state.config, ramps: state.ramps, rewarm: state.rewarm };
    this.#progress = progress;
    this.#flopsPerToken = trainingFlopsPerToken(state.config);
    this.#validation = validation;
    this.#losses = new LossWatch(state.config.vocabulary);
    this.#due = { evaluation: state.step === progress.start, checkpoint: false };
    this.#saved = state.step;
  }

  /** Throws a `UserError` for a corpus that is too short. */
  static async begin(begun: Beginning, options: RunOptions): Promise<Run> {
    return new Run(await assemble(begun, options));
  }

  #startEvent(): TrainingEvent {
    const { config } = this.#model;
    const { train: training, validation, name, tokenizer } = this.corpus;
    return {
      type: "start",
      config: { ...this.#config, model: config },
      step: this.trainer.step,
      parameters: countParameters(config),
      flopsPerToken: this.#flopsPerToken,
      device: this.trainer.device.description,
      data: {
        name,
        trainTokens: training.length,
        validationTokens: validation.length,
        vocabulary: tokenizer.vocabularySize,
      },
    };
  }

  /** All events from here to the end, each recorded by the sink before it is yielded. Nothing goes on while one is looked at. */
  async *events(signal?: AbortSignal): AsyncGenerator<TrainingEvent> {
    yield this.#startEvent();
    const loop = this.#loop(signal);
    for (;;) {
      const { done, value: event } = await this.#alone(() => loop.next());
      if (done === true) return;
      await this.#sink?.record(event);
      yield event;
    }
  }

  /** Does what must not be done twice at a time. */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#underWay) throw new Error("the run is at work; it can be changed and copied between its events");
    this.#underWay = true;
    try {
      return await work();
    } finally {
      this.#underWay = false;
    }
  }

  async *#loop(signal?: AbortSignal): AsyncGenerator<TrainingEvent> {
    const { steps } = this.#config.training;
    yield* this.#whatIsDue();
    while (this.trainer.step < steps && !(await this.#isAborted(signal))) {
      yield* this.#growths();
      yield await this.#step();
      yield* this.#whatIsDue();
    }
    const { step } = this.trainer;
    if (this.#saved !== step) yield* this.#saveAtEnd();
    yield { type: "end", step, model: this.#model.config, interrupted: step < steps };
  }

  /** Whether this rank is to stop, or another: they stop after the same step. */
  async #isAborted(signal: AbortSignal | undefined): Promise<boolean> {
    const own = signal?.aborted === true;
    return this.#communicator === undefined ? own : isAny(this.#communicator, own);
  }

  /** What comes after a step. What fails stays due. */
  async *#whatIsDue(): AsyncGenerator<TrainingEvent> {
    if (this.#due.evaluation) yield* this.#evaluateAndKeep();
    // A state that is worse than what was kept is kept as soon as it is better again.
    if (this.#due.checkpoint && this.#sink !== undefined && (await this.#complaint()) === undefined)
      yield* this.#saveLast();
  }

  async *#saveAtEnd(): AsyncGenerator<TrainingEvent> {
    if (this.#sink !== undefined || this.#measured?.step === this.trainer.step) await this.requireSound();
    yield* this.#saveLast();
  }

  #dueAfter(step: number): { readonly evaluation: boolean; readonly checkpoint: boolean } {
    const { steps, evaluateEvery, evaluateAt, checkpointEvery } = this.#config.training;
    return {
      evaluation: step === steps || (evaluateEvery > 0 && step % evaluateEvery === 0) || evaluateAt.includes(step),
      checkpoint: this.#due.checkpoint || (checkpointEvery > 0 && step % checkpointEvery === 0),
    };
  }

  /** What learns. Another one once the model has grown in more than its numbers of tokens. */
  get trainer(): Trainer {
    return this.#trainer;
  }

  /** The logits [V] of the token that follows a window, by the weights as they are now. */
  async nextLogits(window: Int32Array): Promise<Float32Array> {
    return this.trainer.inference.nextLogits(window);
  }

  /** The longest window of the model, in tokens. */
  get context(): number {
    return this.#config.model.context;
  }

  /** With the growth that was asked for since it began. Its model is that of the beginning. */
  get config(): Config {
    return this.#config;
  }

  /** What it has done so far. */
  get progress(): Progress {
    return this.#progress;
  }

  /** The model's configuration as it is now. */
  get model(): ModelState["config"] {
    return this.#model.config;
  }

  /** Whether the model is to grow after a step. */
  growsAt(step: number): boolean {
    return this.#config.growth.some((plan) => plan.step === step);
  }

  /** Everything as it is now, on the host. */
  async state(): Promise<ModelState> {
    return { ...this.#model, ...(await this.trainer.download()) };
  }

  /**
   * Everything that another run needs to go on from here, bitwise: `resumedBeginning` takes it.
   * @throws Error while the run is at work
   */
  async checkpoint(): Promise<Checkpoint> {
    return this.#alone(() => this.#checkpoint());
  }

  /**
   * Grows at once. The plan becomes part of the configuration, as one for the current step, so that a run that goes on from a
   * checkpoint knows of it. If it fails, for whatever reason, the run is what it was.
   * @param plan as in the configuration, without its step
   * @throws UserError for a plan that cannot be, now or with those that are to come; Error while the run is at work
   */
  async grow(plan: ImmediateGrowth): Promise<GrowthEvent> {
    return this.#alone(async () => {
      const { step } = this.trainer;
      const scheduled = scheduledNow(plan, step);
      const plans = growthPlansOf(this.#config);
      const done = this.#progress.growthsDone;
      const growth = [...plans.slice(0, done), scheduled, ...plans.slice(done)];
      checkGrowth(this.#model.config, growth.slice(done), step, this.#config.training.steps);
      return this.#grow(scheduled, { ...this.#config, growth }, (event) => this.#recordOrNot(event));
    });
  }

  /**
   * Whether what it has learnt can take the place of an earlier state: its loss on held-out text, or on the next batch.
   * @throws DivergenceError where that is not finite, or far above that of a uniform guess and of the lowest so far
   */
  async requireSound(): Promise<void> {
    const complaint = await this.#complaint();
    if (complaint !== undefined) await this.#diverged(complaint);
  }

  /** Frees what it has on the device. */
  async close(): Promise<void> {
    await this.#trainer.close();
  }

  async #step(): Promise<StepEvent> {
    const { training, model } = this.#config;
    const { step } = this.trainer;
    const learningRate = learningRateAt(step, scheduleOf(this.#config), this.#model.rewarm);
    const begun = performance.now();
    const tokens = training.batch * model.context;
    const passes = passesOf(this.#config, this.corpus, step, this.#communicator ?? ALONE);
    const { loss, gradientNorm } = await this.trainer.update(passes, learningRate, training.seed, tokens);
    const seconds = (performance.now() - begun) / 1000;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      await this.#diverged(`step ${step + 1}: the loss is ${loss} and the gradient norm ${gradientNorm}`);
    }
    const high = this.#losses.update(loss, this.#progress.best?.validationLoss);
    if (high !== undefined) await this.#diverged(`step ${step + 1}: the loss is ${high}`);
    const flops = tokens * this.#flopsPerToken;
    this.#progress = {
      ...this.#progress,
      tokens: this.#progress.tokens + tokens,
      flops: this.#progress.flops + flops,
      seconds: this.#progress.seconds + seconds,
    };
    this.#due = this.#dueAfter(step + 1);
    // At once, so that what is evaluated, saved or grown now has the τ of the next pass.
    this.#model = { ...this.#model, ...advanceRamps(this.#model, step + 1) };
    this.trainer.inference.use({ given: givenOf(this.#model.config) });
    const rates = { tokensPerSecond: tokens / seconds, flopsPerSecond: flops / seconds };
    return { type: "step", step: step + 1, loss, learningRate, gradientNorm, ...this.#totals(), ...rates };
  }

  #firstPass(step: number): Batch {
    const [batch] = passesOf(this.#config, this.corpus, step, ALONE);
    if (batch === undefined) throw new Error("internal: a step without a pass");
    return batch;
  }

  async *#growths(): AsyncGenerator<GrowthEvent> {
    for (;;) {
      const plan = growthPlansOf(this.#config)[this.#progress.growthsDone];
      if (plan === undefined || plan.step > this.trainer.step) return;
      yield await this.#grow(plan);
    }
  }

  /**
   * Carries out the plan that is next. All that can fail comes first; only then does the run become the grown one.
   * @param config with the plan
   * @param record tells of it before it is done
   */
  async #grow(
    { step: _, ...plan }: ScheduledGrowth,
    config: Config = this.#config,
    record: (event: GrowthEvent) => Promise<void> = async () => {},
  ): Promise<GrowthEvent> {
    const { inference, step } = this.trainer;
    const lossBefore = await this.#validation.loss(inference);
    const batch = this.#firstPass(step);
    const state = grow(await this.state(), plan, config.training.seed);
    return allOrNothing(async (onFailure) => {
      const next = await this.#candidate(state);
      onFailure(() => next.discard());
      const models = { before: this.#model.config, after: state.config };
      const report = await growthReport({ before: inference, after: next.inference }, models, plan, batch);
      const lossAfter = await this.#validation.loss(next.inference);
      const event: GrowthEvent = { type: "growth", step, ...report, lossBefore, lossAfter, ...this.#totals() };
      await record(event);
      const freed = next.take();
      this.#config = config;
      this.#model = { config: state.config, ramps: state.ramps, rewarm: state.rewarm };
      this.#flopsPerToken = report.flopsPerTokenAfter;
      this.#progress = { ...this.#progress, growthsDone: this.#progress.growthsDone + 1 };
      await freed;
      return event;
    });
  }

  /**
   * A grown state beside what trains; what is compiled stays where it serves that too. Else a trainer is made while the old
   * one is still there, 12 bytes a parameter and its programs, as an old one that was closed first would be lost where there
   * is no room for the new one.
   */
  async #candidate(state: ModelState): Promise<Candidate> {
    const { config } = state;
    const old = this.#trainer;
    const { device, replicas } = old;
    // As many replicas as a run has that begins here, so that one that is resumed computes the same.
    if (
      sameProgram(this.#model.config, config) &&
      replicas === replicasOf(device, this.#config, config, this.#communicator)
    ) {
      return old.prepare(state, givenOf(config));
    }
    const trainer = await trainerOf(device, this.#config, state, this.#communicator);
    return {
      inference: trainer.inference,
      take: async () => {
        this.#trainer = trainer;
        await freeQuietly(() => old.close());
      },
      discard: () => trainer.close(),
    };
  }

  async *#evaluateAndKeep(): AsyncGenerator<TrainingEvent> {
    const validationLoss = await this.#validation.loss(this.trainer.inference);
    const { step } = this.trainer;
    this.#measured = { step, loss: validationLoss };
    const event: ValidationEvent = {
      type: "validation",
      step,
      validationLoss,
      perplexity: Math.exp(validationLoss),
      bitsPerByte: this.#validation.bitsPerByte(validationLoss),
      ...this.#totals(),
    };
    yield event;
    if (!Number.isFinite(validationLoss)) await this.requireSound();
    if (validationLoss < (this.#progress.best?.validationLoss ?? Number.POSITIVE_INFINITY)) {
      const progress = { ...this.#progress, best: { step, validationLoss } };
      const directory = step > 0 && this.#config.training.keepBest ? await this.#save(true, progress) : undefined;
      this.#progress = progress;
      if (directory !== undefined) yield { type: "checkpoint", step, directory, best: true };
    }
    this.#due = { ...this.#due, evaluation: false };
  }

  /** What is wrong with the state as it is: the loss of the last update was that of the one before. */
  async #complaint(): Promise<string | undefined> {
    const { step, inference } = this.trainer;
    const known = this.#measured?.step === step ? this.#measured.loss : undefined;
    const loss = known ?? (await inference.evaluate([this.#firstPass(step)])).loss;
    const complaint = this.#losses.complaint(loss, this.#progress.best?.validationLoss);
    const which = known === undefined ? "loss on the next batch" : "validation loss";
    return complaint && `step ${step}: the ${which} is ${complaint}`;
  }

  async #checkpoint(progress = this.#progress, wanted = true): Promise<Checkpoint> {
    const config = { ...this.#config, model: this.#model.config };
    const { tokenizer } = this.corpus;
    const state = { ...this.#model, ...(await this.trainer.download(wanted)) };
    return { config, state, tokenizer, ...this.#data, progress };
  }

  async *#saveLast(): AsyncGenerator<TrainingEvent> {
    const { step } = this.trainer;
    const directory = await this.#save(false);
    this.#saved = step;
    this.#due = { ...this.#due, checkpoint: false };
    if (directory !== undefined) yield { type: "checkpoint", step, directory, best: false };
  }

  /** Where a checkpoint was put; nowhere without a sink. */
  async #save(best: boolean, progress = this.#progress): Promise<string | undefined> {
    if (this.#sink === undefined) return undefined;
    return this.#sink.save(await this.#checkpoint(progress, this.#sink.isIdle !== true), best);
  }

  async #recordOrNot(event: GrowthEvent): Promise<void> {
    try {
      await this.#sink?.record(event);
    } catch (error) {
      this.#sink?.withdraw?.(event);
      throw error;
    }
  }

  #totals() {
    const { tokens, flops, seconds } = this.#progress;
    return { tokens, flops, seconds };
  }

  async #diverged(what: string): Promise<never> {
    throw divergence(what, await this.trainer.parameterNorms(), this.#config.training, this.#sink?.place);
  }
}
