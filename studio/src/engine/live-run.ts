/** A run whose model is on the device: it trains, grows, writes and is looked into, one thing at a time. */

import {
  type Checkpoint,
  type Corpus,
  consecutiveBatches,
  Decoder,
  generate,
  type Inference,
  type LearningPart,
  type ModelState,
  measureUsage,
  memoryTokens,
  type Run,
  type RunConfig,
  reply,
  type StepEvent,
  type Tokenizer,
  type TrainingEvent,
  UserError,
  usageByGeneration,
} from "tokenformer/browser";
import { sites } from "tokenformer/model";
import type {
  EngineEvent,
  Growth,
  GrowthRequest,
  Message,
  UsagePoint,
  ValidationPoint,
  WritingOptions,
} from "./api.ts";
import { requestedPlan } from "./growing.ts";
import { growthOf, type History, pointOf, validationPointOf, withSample, withTraining, withUsage } from "./history.ts";
import { InspectedText } from "./inspecting.ts";
import { OneByOne } from "./one-by-one.ts";
import type { HeldOut } from "./pieces.ts";

/** Milliseconds between two messages about the curve. */
const POINT_EVERY = 120;
/** Milliseconds between two samples, at least; the first come sooner. */
const SAMPLE_EVERY = 4000;
const FIRST_SAMPLES = [0, 1000, 2000] as const;
/** Milliseconds after which a sample ends where it is, and the share of all time that samples take, at most. */
const LONGEST_SAMPLE = 1500;
const SAMPLE_SHARE = 0.1;
const SAMPLE: WritingOptions = { prompt: "", length: 160, temperature: 0.8, topK: 0, topP: 0.95 };
/** Tokens of the first one, which is to come soon, and is nonsense. */
const FIRST_LENGTH = 60;

/** Sequences of held-out text on which the use of parameter tokens is measured. */
const USAGE_SEQUENCES = 16;

/** Everything of a run: what is kept, and what another one can go on from. */
export interface RunState {
  readonly checkpoint: Checkpoint;
  readonly history: History;
  /** How often the run had changed by then. */
  readonly changes: number;
}

/** What is to be seen of a run beside its weights. */
export interface Facts {
  /** With the model as it is now. */
  readonly config: RunConfig;
  readonly lineage: ModelState["lineage"];
  readonly tokenizer: Tokenizer | undefined;
  readonly history: History;
  /** What learns, where that is not all. */
  readonly part: LearningPart | undefined;
}

/** Takes a piece of text; the next one waits for it. */
type OnText = (text: string) => void | Promise<void>;

/** Told of a run that grew at a step for which that was planned: everything of it may have changed. */
export interface PlannedGrowthEvent {
  readonly type: "grown";
  readonly run: string;
}

type Listener = (event: EngineEvent | PlannedGrowthEvent) => void;

export class LiveRun {
  readonly id: string;
  readonly #run: Run;
  #events: AsyncIterator<TrainingEvent>;
  readonly #tell: Listener;
  readonly #before: HeldOut | undefined;
  #history: History;
  #pending: StepEvent[] = [];
  #told = 0;
  #changes = 0;
  /** When the next sample is due, by the clock of the page; how many there were since the run was opened. */
  #sampleAt = 0;
  #samples = 0;
  #decoder: { readonly decoder: Decoder; readonly inference: Inference } | undefined;
  #inspected: InspectedText | undefined;
  /** What runs on the device sees one state of the model. */
  readonly #work = new OneByOne();

  /** @param before what the model had learned before it learns a skill, to see what it forgets */
  constructor(id: string, run: Run, history: History, tell: Listener, before?: HeldOut) {
    this.id = id;
    this.#run = run;
    this.#events = run.events()[Symbol.asyncIterator]();
    this.#history = history;
    this.#tell = tell;
    this.#before = before;
  }

  get step(): number {
    return this.#run.trainer.step;
  }

  /** How often it has changed since it was opened. */
  get changes(): number {
    return this.#changes;
  }

  /** Floating-point operations of training so far. */
  get flops(): number {
    return this.#run.progress.flops;
  }

  get corpus(): Corpus {
    return this.#run.corpus;
  }

  /** Everything as it is now, to be kept. Throws a `DivergenceError` where it cannot take the place of what was kept before. */
  state(): Promise<RunState> {
    return this.#work.do(async () => {
      await this.#run.requireSound();
      return this.#state();
    });
  }

  /** Everything as it is now, sound or not: to be handed out. */
  snapshot(): Promise<RunState> {
    return this.#work.do(() => this.#state());
  }

  /** What is to be seen of it beside its weights. */
  facts(): Facts {
    const { config, trainer, part } = this.#run;
    return { config, lineage: trainer.lineage, tokenizer: this.corpus.tokenizer, history: this.#history, part };
  }

  /** The next update, or what comes before it. Whether there are more. */
  advance(): Promise<boolean> {
    return this.#work.do(async () => {
      const { done, value } = await this.#next();
      if (done === true) return false;
      await this.#heed(value);
      return true;
    });
  }

  /** @param keep takes the state just before, to go back to */
  grow(request: GrowthRequest, keep: (before: RunState) => Promise<void>): Promise<Growth> {
    return this.#work.do(async () => {
      await this.#sample();
      await keep(await this.#state());
      const growth = growthOf(await this.#run.grow(requestedPlan(request, this.#run.config.model)));
      this.#changes++;
      this.#history = { ...this.#history, growths: [...this.#history.growths, growth] };
      await this.#useIfPossible();
      return growth;
    });
  }

  inspect(text: string): Promise<InspectedText> {
    return this.#work.do(async () => {
      const { config, trainer, corpus } = this.#run;
      const { inference, lineage, step } = trainer;
      const { model } = config;
      const { tokenizer } = corpus;
      this.#inspected = await InspectedText.of({ inference, model, lineage, tokenizer, step }, text);
      return this.#inspected;
    });
  }

  /** The text that was inspected last. */
  get inspected(): InspectedText {
    if (this.#inspected === undefined) throw new UserError("no text was looked into yet; type one first");
    return this.#inspected;
  }

  /** Has it write by itself now. */
  sample(): Promise<void> {
    return this.#work.do(() => this.#sample(Number.POSITIVE_INFINITY));
  }

  /** Writes on; training waits for it. */
  write(options: WritingOptions, onText: OnText, signal?: AbortSignal): Promise<void> {
    return this.#work.do(() => this.#write(options, onText, signal));
  }

  /** Replies to a conversation; training waits for it. */
  reply(
    messages: readonly Message[],
    options: Omit<WritingOptions, "prompt">,
    onText: OnText,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#work.do(async () => {
      const { length: tokens, ...others } = options;
      const said = reply(await this.#decoding(), this.corpus.tokenizer, messages, {
        tokens,
        ...samplingOf(others),
        signal,
      });
      for await (const text of said) await onText(text);
    });
  }

  /** Frees what it has on the device. */
  close(): Promise<void> {
    return this.#work.do(async () => {
      try {
        await this.#forgetDecoder();
      } finally {
        await this.#run.close();
      }
    });
  }

  /** The next event. After a failure, the run goes on from where it was. */
  async #next(): Promise<IteratorResult<TrainingEvent>> {
    try {
      return await this.#events.next();
    } catch (error) {
      this.#events = this.#run.events()[Symbol.asyncIterator]();
      throw error;
    }
  }

  async #state(): Promise<RunState> {
    this.#flush();
    return { checkpoint: await this.#run.checkpoint(), history: this.#history, changes: this.#changes };
  }

  async #heed(event: TrainingEvent): Promise<void> {
    if (event.type === "step") {
      this.#changes++;
      this.#pending.push(event);
      if (performance.now() - this.#told >= POINT_EVERY) this.#flush();
      if (performance.now() >= this.#sampleAt) await this.#sample();
    }
    if (event.type === "growth") {
      this.#flush();
      this.#changes++;
      this.#history = { ...this.#history, growths: [...this.#history.growths, growthOf(event)] };
      await this.#useIfPossible();
      this.#tell({ type: "grown", run: this.id });
    }
    if (event.type === "validation") {
      this.#flush();
      const point = { ...validationPointOf(event), ...(await this.#oldIfPossible()) };
      this.#history = { ...this.#history, validation: [...this.#history.validation, point] };
      this.#tell({ type: "validation", run: this.id, point });
    }
  }

  /** The loss on held-out text comes once: it is known also where that on what was learned before cannot be measured. */
  async #oldIfPossible(): Promise<Pick<ValidationPoint, "oldLoss" | "oldBitsPerByte">> {
    return this.#old().catch(() => ({}));
  }

  /** The loss on what the model had learned before, if that is known. */
  async #old(): Promise<Pick<ValidationPoint, "oldLoss" | "oldBitsPerByte">> {
    if (this.#before === undefined) return {};
    const { tokens } = this.#before;
    const batches = consecutiveBatches(memoryTokens(tokens), { context: this.#run.context });
    const { loss: oldLoss } = await this.#run.trainer.inference.evaluate(batches);
    const bytes = new TextEncoder().encode(this.corpus.tokenizer.decode(tokens)).length;
    return { oldLoss, oldBitsPerByte: ((oldLoss / Math.LN2) * tokens.length) / bytes };
  }

  /** Gathers the updates since the last point. */
  #flush(): void {
    const point = pointOf(this.#pending);
    this.#pending = [];
    this.#told = performance.now();
    if (point === undefined) return;
    this.#history = withTraining(this.#history, [point]);
    this.#tell({ type: "training", run: this.id, points: [point] });
  }

  /** What it writes by itself now, and how much its tokens are used. */
  async #sample(longest = LONGEST_SAMPLE): Promise<void> {
    const startedAt = performance.now();
    const text = await this.#written(startedAt + longest);
    const sample = { step: this.step, text };
    this.#history = withSample(this.#history, sample);
    this.#tell({ type: "sample", run: this.id, sample });
    await this.#use();
    const now = performance.now();
    // The first one has compiled its programs, which the others need not wait for.
    const share = this.#samples === 0 ? 0 : (now - startedAt) / SAMPLE_SHARE;
    this.#sampleAt = now + Math.max(FIRST_SAMPLES[++this.#samples] ?? SAMPLE_EVERY, share);
  }

  /** What it writes until a moment, but something that can be seen, or to the end of a sample. */
  async #written(end: number): Promise<string> {
    const late = new AbortController();
    let text = "";
    const take = (piece: string) => {
      text += piece;
      if (performance.now() > end && text.trim() !== "") late.abort();
    };
    try {
      // Another draw each time, at the same step too.
      const seed = this.step + this.#history.samples.length + this.#samples;
      const length = this.step <= 1 ? FIRST_LENGTH : SAMPLE.length;
      await this.#write({ ...SAMPLE, length, seed }, take, late.signal);
    } catch (error) {
      if (!late.signal.aborted) throw error;
    }
    return text;
  }

  /** How much the generations are used, once there are several. */
  async #use(): Promise<void> {
    const { config, trainer, corpus } = this.#run;
    const { lineage, inference, step } = trainer;
    const { model } = config;
    if (!sites(model).some(({ path }) => (lineage.get(path)?.length ?? 0) > 1)) return;
    const { context } = model;
    const batches = consecutiveBatches(corpus.validation, { context, maxTokens: USAGE_SEQUENCES * context });
    const usage = await measureUsage(inference, batches);
    const { all } = usageByGeneration(sites(model), lineage, usage);
    const point: UsagePoint = { step, generations: all.map(({ gradientNorm: _, ...share }) => share) };
    this.#history = withUsage(this.#history, point);
    this.#tell({ type: "usage", run: this.id, usage: point });
  }

  /** It has grown, also where the larger model's use cannot be measured for want of memory: the next sample tries again, and tells why. */
  async #useIfPossible(): Promise<void> {
    await this.#use().catch(() => undefined);
  }

  async #write(options: WritingOptions, onText: OnText, signal?: AbortSignal): Promise<void> {
    const { prompt, length: tokens, ...others } = options;
    const written = { prompt, tokens, ...samplingOf(others), signal };
    for await (const text of generate(await this.#decoding(), this.corpus.tokenizer, written)) await onText(text);
  }

  /** A decoder with the weights as they are at each token: another one where the run has another model since. */
  async #decoding(): Promise<Decoder> {
    const { inference } = this.#run.trainer;
    if (this.#decoder?.inference !== inference) {
      await this.#forgetDecoder();
      const decoder = await Decoder.open(inference, { context: this.#run.context, freeze: false });
      this.#decoder = { decoder, inference };
    }
    return this.#decoder.decoder;
  }

  async #forgetDecoder(): Promise<void> {
    const { decoder } = this.#decoder ?? {};
    this.#decoder = undefined;
    await decoder?.release();
  }
}

function samplingOf({ temperature, topK, topP, seed }: Omit<WritingOptions, "prompt" | "length">) {
  return { temperature, ...(topK > 0 && { topK }), ...(topP < 1 && { topP }), ...(seed !== undefined && { seed }) };
}
