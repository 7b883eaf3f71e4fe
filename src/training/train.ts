/** The training loop: one generator of typed events, for the command line, tests and pages alike. */

import { join } from "node:path";
import { UserError } from "../errors.ts";
import { advanceRamps, type ModelState } from "../growth/index.ts";
import { countParameters, givenOf, modelOf, sameProgram, trainingFlopsPerToken } from "../model/index.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { type Corpus, checkCorpus, consecutiveBatches, randomBatch } from "../text/index.ts";
import { type BeginningOptions, beginning } from "./beginning.ts";
import { type Checkpoint, type Progress, saveCheckpoint } from "./checkpoint.ts";
import { type Config, growthPlansOf, microBatchOf, scheduleOf } from "./config.ts";
import { isCorpus } from "./data.ts";
import { absoluteData, nameOfData } from "./data-files.ts";
import type { GrowthEvent, StepEvent, TrainingEvent, ValidationEvent } from "./events.ts";
import { growMeasured } from "./growing.ts";
import { MetricsFile } from "./metrics.ts";
import { learningRateAt } from "./schedule.ts";
import { Trainer } from "./trainer.ts";

export interface TrainOptions extends BeginningOptions {
  /** Default "cpu". An opened device stays open, and so does an opened corpus. */
  readonly device?: DeviceName | Device;
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/** The loss or the gradients were not finite: what stopped, and what may help. */
export class DivergenceError extends UserError {}

/** Steps between two writes of the metrics. */
const FLUSH_EVERY = 20;

/**
 * Trains, and yields what happens. Nothing goes on while an event is being looked at.
 * @throws UserError if the data, the folder or the device cannot be used, or if the loss is not finite
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainingEvent> {
  const run = await Run.start(options);
  try {
    yield* run.events(options.signal);
  } finally {
    await run.close();
  }
}

/** A run under way. `train` is its public face; the run itself is for callers that want to look inside between events. */
export class Run {
  readonly corpus: Corpus;
  readonly #data: Pick<Checkpoint, "dataName" | "data">;
  readonly #config: Config;
  readonly #out: string | undefined;
  readonly #owns: { readonly device: boolean; readonly corpus: boolean };
  readonly #metrics: MetricsFile | undefined;
  #trainer: Trainer;
  #model: Pick<ModelState, "config" | "ramps" | "rewarm">;
  #progress: Progress;
  /** Of the model as it is; kept, because counting traces the model, which is too slow for every step. */
  #flopsPerToken: number;

  private constructor(
    parts: {
      trainer: Trainer;
      corpus: Corpus;
      data: Pick<Checkpoint, "dataName" | "data">;
      config: Config;
      metrics: MetricsFile | undefined;
      owns: { device: boolean; corpus: boolean };
    },
    out: string | undefined,
    model: Pick<ModelState, "config" | "ramps" | "rewarm">,
    progress: Progress,
  ) {
    this.#trainer = parts.trainer;
    this.corpus = parts.corpus;
    this.#data = parts.data;
    this.#config = parts.config;
    this.#metrics = parts.metrics;
    this.#owns = parts.owns;
    this.#out = out;
    this.#model = model;
    this.#progress = progress;
    this.#flopsPerToken = trainingFlopsPerToken(model.config);
  }

  static async start(options: TrainOptions): Promise<Run> {
    const { config, corpus, state, progress } = await beginning(options);
    checkCorpus(corpus, config.model.context);
    const { device: wanted = "cpu", out } = options;
    const data = whereabouts(options.data);
    const ownsDevice = typeof wanted === "string";
    const device = ownsDevice ? await openDevice(wanted) : wanted;
    try {
      const given = givenOf(state.config);
      const trainer = await Trainer.create(device, modelOf(state.config), state, { ...config.training, given });
      if (out !== undefined && state.step === progress.start)
        await saveCheckpoint(out, { config, state, tokenizer: corpus.tokenizer, ...data, progress });
      const metrics =
        out === undefined
          ? undefined
          : await MetricsFile.open(join(out, "metrics.jsonl"), originOf(config, state, progress));
      const { config: model, ramps, rewarm } = state;
      const owns = { device: ownsDevice, corpus: !isCorpus(options.data) };
      return new Run({ trainer, corpus, data, config, metrics, owns }, out, { config: model, ramps, rewarm }, progress);
    } catch (error) {
      if (ownsDevice) await device.close();
      throw error;
    }
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

  /** All events from here to the end, each recorded in the metrics before it is yielded. */
  async *events(signal?: AbortSignal): AsyncGenerator<TrainingEvent> {
    yield this.#startEvent();
    for await (const event of this.#loop(signal)) {
      await this.#record(event);
      yield event;
    }
  }

  async *#loop(signal?: AbortSignal): AsyncGenerator<TrainingEvent> {
    const { steps, evaluateEvery, evaluateAt, checkpointEvery } = this.#config.training;
    const isEvaluated = (step: number) =>
      step === steps || (evaluateEvery > 0 && step % evaluateEvery === 0) || evaluateAt.includes(step);
    if (this.trainer.step === this.#progress.start) yield* this.#evaluateAndKeep();
    let saved = this.trainer.step;
    while (this.trainer.step < steps && signal?.aborted !== true) {
      yield* this.#growths();
      yield await this.#step();
      const { step } = this.trainer;
      if (isEvaluated(step)) yield* this.#evaluateAndKeep();
      if (this.#out !== undefined && (step === steps || (checkpointEvery > 0 && step % checkpointEvery === 0))) {
        yield await this.#save(this.#out, false);
        saved = step;
      }
    }
    const { step } = this.trainer;
    if (this.#out !== undefined && saved !== step) yield await this.#save(this.#out, false);
    yield { type: "end", step, model: this.#model.config, interrupted: step < steps };
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

  async #record(event: TrainingEvent): Promise<void> {
    if (this.#metrics === undefined) return;
    this.#metrics.add(event);
    if (event.type !== "step" || this.#metrics.pending >= FLUSH_EVERY) await this.#metrics.flush();
  }

  async close(): Promise<void> {
    await this.#metrics?.flush();
    if (this.#owns.corpus) {
      this.corpus.train.close();
      this.corpus.validation.close();
    }
    if (this.#owns.device) await this.trainer.device.close();
    else await this.trainer.close();
  }

  async #step(): Promise<StepEvent> {
    const { training, model } = this.#config;
    const { step } = this.trainer;
    const learningRate = learningRateAt(step, scheduleOf(this.#config), this.#model.rewarm);
    const begun = performance.now();
    const { loss, gradientNorm } = await this.trainer.update(this.#passes(step), learningRate, training.seed);
    const seconds = (performance.now() - begun) / 1000;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      await this.#diverged(`step ${step + 1}: the loss is ${loss} and the gradient norm ${gradientNorm}`);
    }
    const tokens = training.batch * model.context;
    const flops = tokens * this.#flopsPerToken;
    this.#progress = {
      ...this.#progress,
      tokens: this.#progress.tokens + tokens,
      flops: this.#progress.flops + flops,
      seconds: this.#progress.seconds + seconds,
    };
    // At once, so that what is evaluated, saved or grown now has the τ of the next pass.
    this.#model = { ...this.#model, ...advanceRamps(this.#model, step + 1) };
    this.trainer.inference.use({ given: givenOf(this.#model.config) });
    const rates = { tokensPerSecond: tokens / seconds, flopsPerSecond: flops / seconds };
    return { type: "step", step: step + 1, loss, learningRate, gradientNorm, ...this.#totals(), ...rates };
  }

  /** The batch of a step, in passes that fit the memory. */
  #passes(step: number) {
    const { training, model } = this.#config;
    const size = microBatchOf(this.#config);
    return Array.from({ length: Math.ceil(training.batch / size) }, (_, pass) =>
      randomBatch(this.corpus.train, {
        seed: training.seed,
        step,
        sequences: training.batch,
        context: model.context,
        rows: { from: pass * size, to: Math.min(training.batch, (pass + 1) * size) },
      }),
    );
  }

  async *#growths(): AsyncGenerator<GrowthEvent> {
    for (const [index, { step, ...plan }] of growthPlansOf(this.#config).entries()) {
      if (index < this.#progress.growthsDone || step > this.trainer.step) continue;
      const lossBefore = await this.#validationLoss();
      const batch = this.#passes(this.trainer.step)[0];
      if (batch === undefined) throw new Error("internal: a step without a pass");
      const state = await this.state();
      const grown = await growMeasured(this.trainer.inference, state, plan, this.#config.training.seed, batch);
      await this.#take(grown.state);
      this.#flopsPerToken = grown.report.flopsPerTokenAfter;
      this.#progress = { ...this.#progress, growthsDone: index + 1 };
      const lossAfter = await this.#validationLoss();
      yield { type: "growth", step: this.trainer.step, ...grown.report, lossBefore, lossAfter, ...this.#totals() };
    }
  }

  /** Goes on with a grown state; what is compiled stays where it serves that too. */
  async #take(state: ModelState): Promise<void> {
    const { config, ramps, rewarm } = state;
    const given = givenOf(config);
    if (sameProgram(this.#model.config, config)) {
      await this.#trainer.replace(state);
      this.#trainer.inference.use({ given });
    } else {
      const { device } = this.#trainer;
      await this.#trainer.close();
      this.#trainer = await Trainer.create(device, modelOf(config), state, { ...this.#config.training, given });
    }
    this.#model = { config, ramps, rewarm };
  }

  async *#evaluateAndKeep(): AsyncGenerator<TrainingEvent> {
    const validationLoss = await this.#validationLoss();
    const bitsPerByte = validationLoss / Math.LN2 / this.corpus.validationBytesPerToken;
    const { step } = this.trainer;
    const event: ValidationEvent = {
      type: "validation",
      step,
      validationLoss,
      perplexity: Math.exp(validationLoss),
      bitsPerByte,
      ...this.#totals(),
    };
    yield event;
    if (!Number.isFinite(validationLoss))
      await this.#diverged(`step ${step}: the validation loss is ${validationLoss}`);
    if (validationLoss >= (this.#progress.best?.validationLoss ?? Number.POSITIVE_INFINITY)) return;
    this.#progress = { ...this.#progress, best: { step, validationLoss } };
    if (this.#out === undefined || step === 0 || !this.#config.training.keepBest) return;
    yield await this.#save(join(this.#out, "best"), true);
  }

  async #validationLoss(): Promise<number> {
    const { training, model } = this.#config;
    const { context } = model;
    const whole = Math.max(1, Math.floor(training.evaluationTokens / context)) * context;
    const batches = consecutiveBatches(this.corpus.validation, {
      context,
      ...(training.evaluationTokens > 0 && { maxTokens: whole }),
    });
    return (await this.trainer.inference.evaluate(batches)).loss;
  }

  async #save(directory: string, best: boolean): Promise<TrainingEvent> {
    await this.#metrics?.flush();
    await saveCheckpoint(directory, {
      config: this.#config,
      state: await this.state(),
      tokenizer: this.corpus.tokenizer,
      ...this.#data,
      progress: this.#progress,
    });
    return { type: "checkpoint", step: this.trainer.step, directory, best };
  }

  #totals() {
    const { tokens, flops, seconds } = this.#progress;
    return { tokens, flops, seconds };
  }

  async #diverged(what: string): Promise<never> {
    const norms = [...(await this.trainer.parameterNorms())].toSorted(([, a], [, b]) => b - a);
    const largest = norms.slice(0, 3).map(([name, norm]) => `${name} ${norm.toPrecision(3)}`);
    const kept = this.#out === undefined ? "" : ` The last checkpoint in ${this.#out} is kept.`;
    throw new DivergenceError(
      `${what}, training stops; largest parameter norms: ${largest.join(", ")}.${kept} Lower training.learningRate, or limit the gradients with training.clip.`,
    );
  }
}

/** How a checkpoint names its data, so that the run can go on from another folder. */
function whereabouts(data: TrainOptions["data"]): Pick<Checkpoint, "dataName" | "data"> {
  if (isCorpus(data)) return { dataName: data.name };
  const absolute = absoluteData(data);
  return { dataName: nameOfData(absolute), data: absolute };
}

/** What the metrics have to know of the checkpoint that a run goes on from. */
function originOf(config: Config, { step }: ModelState, { start, growthsDone }: Progress) {
  return { step, start, grown: growthPlansOf(config)[growthsDone - 1]?.step === step };
}
