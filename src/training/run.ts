/** The training loop: one generator of typed events, for the command line, tests and pages alike. */

import { type Checkpoint, type LearningPart, learnsOf, type Progress } from "../checkpoint/portable.ts";
import { isAny } from "../cluster/portable.ts";
import {
  type Config,
  type GrowthEvent,
  growthPlansOf,
  type RunConfig,
  type ScheduledGrowth,
  type StepEvent,
  type TrainingEvent,
} from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { allOrNothing, freeAll } from "../freeing.ts";
import { advanceRamps, grow, type ModelState } from "../growth/index.ts";
import { givenOf, trainingFlopsOf } from "../model/index.ts";
import { learningRateAt } from "../optimizer/index.ts";
import type { Corpus } from "../text/portable.ts";
import { growthReport } from "./growing.ts";
import { type GrowthNow, withGrowthNow } from "./growth-now.ts";
import { formOfBatches, requireExchanged } from "./ranks.ts";
import type { RunPlace } from "./run-place.ts";
import { candidateBeside, trainerOf } from "./run-trainer.ts";
import { type RunSink, recordOrWithdraw } from "./sink.ts";
import { Soundness } from "./soundness.ts";
import {
  branchedStart,
  type ContinueOptions,
  checkComing,
  checkStart,
  newStart,
  type RunInput,
  type RunStart,
  resumedStart,
  startEvent,
} from "./start.ts";
import { StepPlan } from "./step-plan.ts";
import type { Trainer } from "./trainer.ts";
import type { Validation } from "./validation.ts";

type Wanted = Parameters<Trainer["download"]>[0];

/** A run under way. Between its events it can be looked into, grown and copied. */
export class Run {
  readonly corpus: Corpus;
  /** The part of the model that learns, where not all of it does. */
  readonly part: LearningPart | undefined;
  readonly #place: RunPlace;
  #config: RunConfig;
  #plan: StepPlan;
  #trainer: Trainer;
  /** Ramps of τ, and the rise of the learning rate, after growth. */
  #growing: Pick<ModelState, "ramps" | "rewarm">;
  #progress: Progress;
  /** Operations of a training pass of the model as it is, for each token; kept, as counting them takes too long for every step. */
  #flopsPerToken: number;
  readonly #validation: Validation;
  readonly #soundness: Soundness;
  /** The evaluation and the checkpoint that are due at this step and have not come yet. */
  #due: { readonly evaluation: boolean; readonly checkpoint: boolean };
  /** The step of the last checkpoint; `undefined` where the model has become another one since, which takes no step. */
  #saved: number | undefined;
  #underWay = false;
  /** Resolves when all is freed; `undefined` until `close`. */
  #closed: Promise<void> | undefined;

  private constructor(
    { corpus, config, state, progress, part }: RunStart,
    place: RunPlace,
    trainer: Trainer,
    validation: Validation,
  ) {
    this.corpus = corpus;
    this.part = part;
    this.#place = place;
    this.#config = config;
    this.#plan = new StepPlan(config, corpus, place.communicator);
    this.#trainer = trainer;
    this.#growing = { ramps: state.ramps, rewarm: state.rewarm };
    this.#progress = progress;
    this.#flopsPerToken = trainingFlopsOf(config.model, state.parameters, learnsOf(part));
    this.#validation = validation;
    this.#soundness = new Soundness(config, place.sink?.place);
    this.#due = { evaluation: state.step === progress.start, checkpoint: false };
    this.#saved = state.step;
  }

  /**
   * A run of a new model.
   * @throws UserError for growth that cannot be, a model that the tokenizer or the memory does not fit, a corpus that is too short
   */
  static async create({ config, ...options }: { readonly config: Config } & RunInput & RunPlace): Promise<Run> {
    return Run.begin(await newStart(config, options), options);
  }

  /**
   * Goes on where a run stopped, bitwise as if it had not: with its weights, tokenizer and model, but for the dropout, and with
   * the growth that it has applied; plans that repeat it are not applied again.
   * @throws UserError as `create` does, and for another tokenizer
   */
  static async resume(checkpoint: Checkpoint, options: ContinueOptions & RunPlace): Promise<Run> {
    return Run.begin(await resumedStart(checkpoint, options), options);
  }

  /**
   * Another run from the weights, optimiser state, tokenizer, model and applied growth of a checkpoint, but with the training and
   * the growth to come of `config`. Steps, and with them the data and the schedule, count from the beginning of the first run, so
   * `training.steps` has to be more than it has made. Of `config.model`, the dropout may differ.
   * @param options with `restart`, takes the weights, tokenizer and model alone, and steps count from 0; by the
   * checkpoint's own configuration it grows by the plans alone that were not applied
   * @throws UserError as `resume` does, for another model, where nothing is left to train, and for a restart with growth that the
   * checkpoint has applied
   */
  static async from(
    checkpoint: Checkpoint,
    options: ContinueOptions & RunPlace & { readonly restart?: boolean | undefined },
  ): Promise<Run> {
    return Run.begin(await branchedStart(checkpoint, options), options);
  }

  /** Puts a start on a device, and keeps it if the run is new. Throws a `UserError` as `checkStart` does. */
  static async begin(start: RunStart, place: RunPlace): Promise<Run> {
    const { config, corpus, state, progress, part } = start;
    const { device, sink, communicator } = place;
    const validation = await checkStart(start, place);
    return allOrNothing(async (onFailure) => {
      const trainer = await trainerOf(device, config, state, communicator, formOfBatches(corpus.train), learnsOf(part));
      onFailure(() => trainer.close());
      // Growth then compiles nothing, and what it needs is known to be had before any time is spent.
      if (growthPlansOf(config).length > progress.growthsDone) await trainer.inference.prepareLogits();
      const run = new Run(start, place, trainer, validation);
      await sink?.open?.(start);
      // Last, as a start that fails once there is a checkpoint would leave a run, which the same command refuses to make again.
      if (state.step === progress.start) await run.#save();
      return run;
    });
  }

  /** All events from here to the end, each recorded by the sink before it is yielded. Nothing goes on while one is looked at. */
  async *events(signal?: AbortSignal): AsyncGenerator<TrainingEvent> {
    yield startEvent(this, this.trainer, this.#flopsPerToken, this.#place);
    const loop = this.#loop(signal);
    for (;;) {
      const { done, value: event } = await this.#alone(() => loop.next());
      if (done === true) return;
      await this.#place.sink?.record(event);
      yield event;
      // It may have been closed while its last event was looked at.
      if (event.type === "end" && this.#closed !== undefined) return;
    }
  }

  /** Does what must not be done twice at a time. */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#requireIdle();
    this.#underWay = true;
    try {
      return await work();
    } finally {
      this.#underWay = false;
    }
  }

  /** Amid its work, some of the weights may be of one step and some of another. */
  #requireIdle(): void {
    if (this.#closed !== undefined) throw new Error("the run was closed; resume it from a checkpoint");
    if (this.#underWay) throw new Error("the run is at work; it can be changed and copied between its events");
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
    if (this.#saved !== step) {
      if (this.#place.sink !== undefined || this.#soundness.isValidated(step)) await this.requireSound();
      yield* this.#saveLast();
    }
    // Told of once more, whoever grows at each checkpoint would never come to the end.
    await this.#saveGrown();
    yield { type: "end", step, model: this.#config.model, interrupted: step < steps };
    await this.#saveGrown();
  }

  /** Saves what the run has grown to while its last event was looked at. */
  async #saveGrown(): Promise<void> {
    if (this.#saved === this.trainer.step || this.#place.sink === undefined) return;
    await this.requireSound();
    await this.#save();
    this.#saved = this.trainer.step;
  }

  /** Whether all ranks have the same model: always, but where they make updates by themselves, between two exchanges. */
  get #isExchanged(): boolean {
    return this.trainer.step % this.#config.training.localSteps === 0;
  }

  /** Whether this rank is to stop, or another: they stop after the same step. */
  async #isAborted(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#isExchanged) return false;
    const own = signal?.aborted === true;
    return this.#place.communicator === undefined ? own : isAny(this.#place.communicator, own);
  }

  /** The evaluation and the checkpoint that are due after a step. One that fails stays due. */
  async *#whatIsDue(): AsyncGenerator<TrainingEvent> {
    if (this.#due.evaluation) yield* this.#evaluateAndKeep();
    // A state that is worse than what was kept is kept as soon as it is better again.
    if (this.#due.checkpoint && this.#place.sink !== undefined && (await this.#isSound())) yield* this.#saveLast();
  }

  /** Whether the state as it is may take the place of an earlier one. */
  async #isSound(): Promise<boolean> {
    return (await this.#soundness.complaint(this.trainer, this.#nextPass, this.#lowest)) === undefined;
  }

  /** The trainer of the model: another one once that has grown in more than its numbers of tokens. */
  get trainer(): Trainer {
    return this.#trainer;
  }

  /**
   * The logits [V] of the token that follows a window, by the weights as they are now.
   * @throws Error while the run is at work
   */
  async nextLogits(window: Int32Array): Promise<Float32Array> {
    this.#requireIdle();
    return this.trainer.inference.nextLogits(window);
  }

  /** The longest window of the model, in tokens. */
  get context(): number {
    return this.#config.model.context;
  }

  /** The configuration as it is now: with the model that the run has grown to, and the growth that was asked for since it began. */
  get config(): RunConfig {
    return this.#config;
  }

  /** Tokens, operations and seconds of training so far, growths done, and the best validation loss. */
  get progress(): Progress {
    return this.#progress;
  }

  /** Whether the model is to grow after a step. */
  growsAt(step: number): boolean {
    return this.#config.growth.some((plan) => plan.step === step);
  }

  /**
   * Weights, moments, counts and the model as they are now, on the host.
   * @throws Error while the run is at work
   */
  async state(): Promise<ModelState> {
    return this.#alone(() => this.#state());
  }

  /**
   * Everything that another run needs to go on from here, bitwise: `Run.resume` takes it.
   * @throws Error while the run is at work
   */
  async checkpoint(): Promise<Checkpoint> {
    return this.#alone(async () => {
      requireExchanged(this.#config, this.trainer.step, "a checkpoint");
      return this.#checkpoint();
    });
  }

  /**
   * Grows at once. The plan becomes part of the configuration, as one for the current step, so that a run that goes on from a
   * checkpoint knows of it. If it fails, for whatever reason, the run is what it was.
   * @param plan as in the configuration, without its step
   * @throws UserError for a plan that cannot be, now or with those that are to come; Error while the run is at work
   */
  async grow(plan: GrowthNow): Promise<GrowthEvent> {
    return this.#alone(async () => {
      const { step } = this.trainer;
      if (this.part !== undefined) {
        throw new UserError(
          "a run of which a part alone learns does not grow; attach what it learned, and grow that run",
        );
      }
      requireExchanged(this.#config, step, "growth");
      const { config, scheduled, coming } = withGrowthNow(this.#config, this.#progress.growthsDone, plan, step);
      checkComing(this.#config, coming, step, this.#place.memory);
      return this.#grow(scheduled, config, (event) => recordOrWithdraw(this.#place, event));
    });
  }

  /**
   * Whether what it has learnt can take the place of an earlier state: its loss on held-out text, or on the next batch.
   * @throws DivergenceError where that is not finite, or far above that of a uniform guess and of the lowest so far
   */
  async requireSound(): Promise<void> {
    return this.#soundness.require(this.trainer, this.#nextPass, this.#lowest);
  }

  /** Frees what it has on the device, and closes the sink; again, it does nothing. */
  close(): Promise<void> {
    this.#closed ??= this.#free();
    return this.#closed;
  }

  async #free(): Promise<void> {
    const { sink, onClose } = this.#place;
    await freeAll(
      () => sink?.close?.(),
      () => this.#trainer.close(),
      () => onClose?.(),
    );
  }

  async #step(): Promise<StepEvent> {
    const { training, model } = this.#config;
    const { step } = this.trainer;
    const learningRate = learningRateAt(step, this.#plan.schedule, this.#growing.rewarm);
    const startedAt = performance.now();
    const tokens = training.batch * model.context;
    const passes = this.#plan.passesAt(step);
    // Of updates that ranks make by themselves, each is one of their own passes.
    const together = training.localSteps === 1 ? this.#plan.countedAt(step) : undefined;
    const { loss, gradientNorm } = await this.trainer.update(passes, learningRate, training.seed, together);
    const seconds = (performance.now() - startedAt) / 1000;
    const flops = tokens * this.#flopsPerToken;
    // Before anything that may fail, so that all counts are of one step; what is not finite made no update.
    if (this.trainer.step > step) this.#count(step + 1, { tokens, flops, seconds });
    await this.#soundness.updated(this.trainer, step + 1, { loss, gradientNorm }, this.#lowest);
    return {
      type: "step",
      step: step + 1,
      loss,
      learningRate,
      gradientNorm,
      ...this.#totals(),
      tokensPerSecond: tokens / seconds,
      flopsPerSecond: flops / seconds,
    };
  }

  /** Takes note of an update that was made. @param step the one that it made */
  #count(step: number, spent: Pick<Progress, "tokens" | "flops" | "seconds">): void {
    this.#progress = {
      ...this.#progress,
      tokens: this.#progress.tokens + spent.tokens,
      flops: this.#progress.flops + spent.flops,
      seconds: this.#progress.seconds + spent.seconds,
    };
    const { evaluation, checkpoint } = this.#plan.isDueAfter(step);
    this.#due = { evaluation, checkpoint: this.#due.checkpoint || checkpoint };
    // At once, so that what is evaluated, saved or grown now has the τ of the next pass.
    if (this.#growing.ramps.length > 0) this.#advanceRamps(step);
  }

  #advanceRamps(step: number): void {
    const { ramps, ...others } = this.#growing;
    this.#keep({ ...others, ...advanceRamps({ config: this.#config.model, ramps }, step) });
    this.trainer.inference.use({ given: givenOf(this.#config.model) });
  }

  async *#growths(): AsyncGenerator<GrowthEvent> {
    for (;;) {
      const plan = this.#plan.growths[this.#progress.growthsDone];
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
    config: RunConfig = this.#config,
    record: (event: GrowthEvent) => Promise<void> = async () => {},
  ): Promise<GrowthEvent> {
    const { inference, step } = this.trainer;
    const lossBefore = await this.#validation.loss(inference);
    const batch = this.#plan.firstPassAt(step);
    const state = grow(await this.#state(), plan, config.training.seed);
    return allOrNothing(async (onFailure) => {
      const { communicator } = this.#place;
      const place = { config: this.#config, communicator, sequences: this.#plan.sequences };
      const next = await candidateBeside(this.#trainer, state, place, (trainer) => {
        this.#trainer = trainer;
      });
      onFailure(() => next.discard());
      const models = { before: this.#config.model, after: state.config };
      const report = await growthReport({ before: inference, after: next.inference }, models, plan, batch);
      const lossAfter = await this.#validation.loss(next.inference);
      const event: GrowthEvent = { type: "growth", step, ...report, lossBefore, lossAfter, ...this.#totals() };
      await record(event);
      const freed = next.take();
      this.#saved = undefined;
      this.#soundness.validated(step, lossAfter);
      if (config !== this.#config) this.#plan = new StepPlan(config, this.corpus, this.#place.communicator);
      this.#config = config;
      this.#keep(state);
      this.#flopsPerToken = report.flopsPerTokenAfter;
      this.#progress = { ...this.#progress, growthsDone: this.#progress.growthsDone + 1 };
      await freed;
      return event;
    });
  }

  async *#evaluateAndKeep(): AsyncGenerator<TrainingEvent> {
    const validationLoss = await this.#validation.loss(this.trainer.inference);
    const { step } = this.trainer;
    this.#soundness.validated(step, validationLoss);
    const measured = this.#config.model;
    yield {
      type: "validation",
      step,
      validationLoss,
      perplexity: Math.exp(validationLoss),
      bitsPerByte: this.#validation.bitsPerByte(validationLoss),
      ...this.#totals(),
    };
    if (!Number.isFinite(validationLoss)) await this.requireSound();
    // Whoever was told may have let the model grow, which then is not what was measured.
    if (this.#config.model === measured && validationLoss < (this.#lowest ?? Number.POSITIVE_INFINITY)) {
      const progress = { ...this.#progress, best: { step, validationLoss } };
      const { sink } = this.#place;
      if (sink !== undefined && step > 0 && this.#config.training.keepBest) yield* this.#saveBest(sink, progress);
      else this.#progress = progress;
    }
    this.#due = { ...this.#due, evaluation: false };
  }

  readonly #nextPass = () => this.#plan.firstPassAt(this.trainer.step);

  /** The lowest validation loss so far. */
  get #lowest(): number | undefined {
    return this.#progress.best?.validationLoss;
  }

  async #checkpoint(progress = this.#progress, wanted: Wanted = "all"): Promise<Checkpoint> {
    const { part } = this;
    const { tokenizer, name } = this.corpus;
    const data = this.#place.data ?? { dataName: name };
    const state = await this.#state(wanted);
    return { config: this.#config, state, tokenizer, ...data, progress, ...(part !== undefined && { part }) };
  }

  async #state(wanted: Wanted = "all"): Promise<ModelState> {
    return { config: this.#config.model, ...this.#growing, ...(await this.trainer.download(wanted)) };
  }

  /** Takes note of what a model has become. */
  #keep({ config: model, ramps, rewarm }: Pick<ModelState, "config" | "ramps" | "rewarm">): void {
    this.#config = { ...this.#config, model };
    this.#growing = { ramps, rewarm };
  }

  async *#saveLast(): AsyncGenerator<TrainingEvent> {
    const { step } = this.trainer;
    const directory = await this.#save();
    this.#saved = step;
    this.#due = { ...this.#due, checkpoint: false };
    if (directory !== undefined) yield { type: "checkpoint", step, directory, best: false };
  }

  /**
   * Keeps the state for its validation loss. Where that fails the run ends, so what it learnt is saved before, with the lowest loss
   * that was known until then.
   */
  async *#saveBest(sink: RunSink, progress: Progress): AsyncGenerator<TrainingEvent> {
    const { step } = this.trainer;
    const checkpoint = await this.#checkpointFor(sink, progress);
    let directory: string;
    try {
      directory = await sink.save(checkpoint, true);
    } catch (error) {
      const last = { ...checkpoint, progress: this.#progress };
      const saveLast = async () => ((await this.#isSound()) ? sink.save(last, false) : undefined);
      const saved = await saveLast().catch(() => undefined);
      if (saved !== undefined) yield { type: "checkpoint", step, directory: saved, best: false };
      throw error;
    }
    this.#progress = progress;
    yield { type: "checkpoint", step, directory, best: true };
  }

  /** The place where the last checkpoint was put; `undefined` without a sink. */
  async #save(): Promise<string | undefined> {
    const { sink } = this.#place;
    return sink?.save(await this.#checkpointFor(sink), false);
  }

  #checkpointFor({ isIdle = false }: RunSink, progress?: Progress): Promise<Checkpoint> {
    return this.#checkpoint(progress, isIdle ? "nothing" : "learning");
  }

  #totals() {
    const { tokens, flops, seconds } = this.#progress;
    return { tokens, flops, seconds };
  }
}
