/** The runs: those that are kept, and those of them that are on the device. */

import {
  type Checkpoint,
  type Complete,
  type Config,
  checkpointFiles,
  countParameters,
  type Device,
  DivergenceError,
  parseCheckpoint,
  Run,
} from "tokenformer/browser";
import type { EngineEvent, GrowthRequest, NamedFile, RunStatus, RunSummary, RunView, TextChoice } from "./api.ts";
import { METRICS_FILE, packed, TEXT_FILE, unpacked } from "./archive.ts";
import { choicesOf, costsOf, endlessOf } from "./choices.ts";
import { EMPTY, type History, historyOf, metricsText } from "./history.ts";
import { type Facts, LiveRun } from "./live-run.ts";
import { siteViews } from "./sites.ts";
import { type Store, type StoredRun, storageFault } from "./store.ts";
import { corpusOf, fallbackText, type NamedText, textOf } from "./texts.ts";

/** Runs that stay on the device though they do not train: to look at one again, it need not be compiled again. */
const MOST_IDLE = 2;

export interface ShelfOptions {
  readonly store: Store;
  readonly device: () => Device;
  readonly status: (run: string) => RunStatus;
  readonly tell: (event: EngineEvent) => void;
}

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #records: Map<string, StoredRun>;
  /** Runs on the device, those used last at the end. */
  readonly #live = new Map<string, Promise<LiveRun>>();

  private constructor(options: ShelfOptions, records: readonly StoredRun[]) {
    this.#options = options;
    this.#records = new Map(records.map((record) => [record.id, record]));
  }

  static async open(options: ShelfOptions): Promise<Shelf> {
    return new Shelf(options, await options.store.runs());
  }

  /** Those changed last first. */
  summaries(): RunSummary[] {
    return [...this.#records.values()]
      .toSorted((a, b) => b.changed - a.changed)
      .map((record) => this.#summaryOf(record));
  }

  summary(id: string): RunSummary {
    return this.#summaryOf(this.record(id));
  }

  record(id: string): StoredRun {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`internal: there is no run ${id}`);
    return record;
  }

  /** A new run, which has not been trained. */
  async create(name: string, config: Config, text: NamedText, besides?: string): Promise<RunView> {
    const corpus = corpusOf(text);
    const run = await Run.create({ config, corpus, device: this.#options.device() });
    const { train, validation, tokenizer } = corpus;
    const record: StoredRun = {
      id: crypto.randomUUID(),
      name,
      architecture: architectureOf(run.config.model),
      ...(besides !== undefined && { besides }),
      textName: text.name,
      parameters: countParameters(run.config.model).total,
      vocabulary: tokenizer.vocabularySize,
      trainTokens: train.length,
      validationTokens: validation.length,
      step: 0,
      changed: Date.now(),
    };
    this.#adopt(record, new LiveRun(record.id, run, EMPTY, this.#options.tell));
    await this.#store(record.id, text);
    return this.view(record.id);
  }

  /** A run from files. Throws a `UserError` where they are not those of a checkpoint. */
  async take(name: string, source: Blob | readonly NamedFile[], choice?: TextChoice): Promise<RunView> {
    const files = await unpacked(source);
    const checkpoint = await parseCheckpoint(files);
    const own = files.get(TEXT_FILE);
    const text = choice === undefined ? fallbackText(checkpoint, own && new TextDecoder().decode(own)) : textOf(choice);
    return this.#take(name, checkpoint, await text, historyOf(new TextDecoder().decode(files.get(METRICS_FILE))));
  }

  async #take(name: string, checkpoint: Checkpoint, text: NamedText, history: History): Promise<RunView> {
    const corpus = corpusOf(text, checkpoint.tokenizer);
    const { state } = checkpoint;
    const record: StoredRun = {
      id: crypto.randomUUID(),
      name,
      architecture: architectureOf(state.config),
      textName: text.name,
      parameters: countParameters(state.config).total,
      vocabulary: corpus.tokenizer.vocabularySize,
      trainTokens: corpus.train.length,
      validationTokens: corpus.validation.length,
      step: state.step,
      ...lossOf(history),
      changed: Date.now(),
    };
    this.#records.set(record.id, record);
    try {
      await this.#options.store.save(record, { state: { files: await checkpointFiles(checkpoint), history }, text });
      return await this.view(record.id);
    } catch (error) {
      this.#records.delete(record.id);
      throw storageFault(error);
    }
  }

  /** A run on the device, opened from what is kept where it is not there. */
  async live(id: string): Promise<LiveRun> {
    const opened = this.#live.get(id) ?? this.#openLive(id);
    // The one used last comes last.
    this.#live.delete(id);
    this.#live.set(id, opened);
    try {
      return await opened;
    } catch (error) {
      if (this.#live.get(id) === opened) this.#live.delete(id);
      throw error;
    } finally {
      await this.#unloadIdle();
    }
  }

  /** What is to be seen of a run beside its weights. */
  async facts(id: string): Promise<Facts> {
    const live = this.#live.get(id);
    return live === undefined ? this.#stored(id) : (await live).facts();
  }

  /** All that is drawn of a run. */
  async view(id: string): Promise<RunView> {
    const record = this.record(id);
    const { config, lineage, history } = await this.facts(id);
    const { memory, flopsPerUpdate } = costsOf(config.model, { ...config.training, ...config.model });
    return {
      summary: this.#summaryOf(record),
      choices: choicesOf(record.name, config),
      vocabulary: record.vocabulary,
      trainTokens: record.trainTokens,
      validationTokens: record.validationTokens,
      memory,
      flopsPerUpdate,
      sites: siteViews(config.model, lineage),
      ...history,
      undoable: await this.#options.store.hasUndo(id),
    };
  }

  async rename(id: string, name: string): Promise<void> {
    const record = { ...this.record(id), name };
    await this.#options.store.save(record);
    this.#records.set(id, record);
    this.#options.tell({ type: "summary", summary: this.#summaryOf(record) });
  }

  async remove(id: string): Promise<void> {
    await this.#unload(id);
    await this.#options.store.remove(id);
    this.#records.delete(id);
    this.#options.tell({ type: "deleted", run: id });
  }

  /** Keeps a run as it is now. Where that fails, it goes on, and the visitor is told. */
  save(id: string): Promise<void> {
    return this.#store(id);
  }

  /** Grows a run, and keeps what it was, to go back to. Where that cannot be kept, it does not grow. */
  async grow(id: string, request: GrowthRequest): Promise<void> {
    const live = await this.live(id);
    await live.grow(request, async ({ checkpoint, history }) => {
      try {
        await this.#options.store.keepUndo(id, { files: await checkpointFiles(checkpoint), history });
      } catch (error) {
        throw storageFault(error);
      }
    });
  }

  /** Goes back to the state that was kept. */
  async undo(id: string): Promise<RunView> {
    const state = await this.#options.store.undo(id);
    if (state === undefined) throw new Error("internal: there is no growth to undo");
    await this.#unload(id);
    const { state: was } = await parseCheckpoint(state.files);
    const record: StoredRun = {
      ...this.record(id),
      parameters: countParameters(was.config).total,
      step: was.step,
      ...lossOf(state.history),
      changed: Date.now(),
    };
    await this.#options.store.save(record, { state });
    await this.#options.store.dropUndo(id);
    this.#records.set(id, record);
    return this.view(id);
  }

  /** A zip of a run as it is now. */
  async archive(id: string): Promise<Blob> {
    await this.save(id);
    const state = await this.#options.store.state(id);
    const text = await this.#options.store.text(id);
    if (state === undefined) throw new Error("internal: the run has no state");
    const encoder = new TextEncoder();
    const files = new Map<string, Uint8Array>([
      ...state.files,
      [METRICS_FILE, encoder.encode(metricsText(state.history))],
    ]);
    if (text !== undefined) files.set(TEXT_FILE, encoder.encode(text.text));
    return packed(files);
  }

  async text(id: string): Promise<NamedText> {
    const text = await this.#options.store.text(id);
    if (text === undefined) throw new Error("internal: the run has no text");
    return text;
  }

  /** Forgets what is on the device, for it is gone. */
  dropLive(): void {
    this.#live.clear();
  }

  #adopt(record: StoredRun, live: LiveRun): void {
    this.#records.set(record.id, record);
    this.#live.set(record.id, Promise.resolve(live));
  }

  async #openLive(id: string): Promise<LiveRun> {
    const { store, device, tell } = this.#options;
    const [state, text] = [await store.state(id), await this.text(id)];
    if (state === undefined) throw new Error("internal: the run has no state");
    const checkpoint = await parseCheckpoint(state.files);
    const corpus = corpusOf(text, checkpoint.tokenizer);
    const config = endlessOf(checkpoint.config, checkpoint.state.step);
    const run = await Run.resume(checkpoint, { corpus, config, device: device() });
    return new LiveRun(id, run, state.history, tell);
  }

  async #stored(id: string): Promise<Facts> {
    const state = await this.#options.store.state(id);
    if (state === undefined) throw new Error("internal: the run has no state");
    const { config, state: was } = await parseCheckpoint(state.files);
    return { config, lineage: was.lineage, history: state.history };
  }

  async #store(id: string, text?: NamedText): Promise<void> {
    const live = await this.#live.get(id);
    if (live === undefined) return;
    const { store, tell } = this.#options;
    const now = await live.state().catch((error: unknown) => {
      // What was kept before it diverged is kept still.
      if (!(error instanceof DivergenceError)) throw error;
      tell({ type: "notice", message: error.message });
    });
    if (now === undefined) return;
    const { checkpoint, history } = now;
    const record: StoredRun = {
      ...this.record(id),
      parameters: countParameters(checkpoint.state.config).total,
      step: checkpoint.state.step,
      ...lossOf(history),
      changed: Date.now(),
    };
    this.#records.set(id, record);
    try {
      const state = { files: await checkpointFiles(checkpoint), history };
      await store.save(record, { state, ...(text !== undefined && { text }) });
    } catch (error) {
      tell({ type: "notice", message: storageFault(error).message });
    }
    tell({ type: "summary", summary: this.#summaryOf(record) });
  }

  async #unload(id: string): Promise<void> {
    // One that could not be opened has nothing to close.
    const live = await this.#live.get(id)?.catch(() => undefined);
    this.#live.delete(id);
    await live?.close();
  }

  /** Frees runs that have not been used for longest. */
  async #unloadIdle(): Promise<void> {
    const idle = [...this.#live.keys()].filter((id) => !isTraining(this.#options.status(id)));
    for (const id of idle.slice(0, Math.max(0, idle.length - MOST_IDLE))) {
      await this.#store(id);
      await this.#unload(id);
    }
  }

  #summaryOf(record: StoredRun): RunSummary {
    const { vocabulary: _, trainTokens: __, validationTokens: ___, ...summary } = record;
    return { ...summary, status: this.#options.status(record.id) };
  }
}

const isTraining = ({ kind }: RunStatus) => kind === "training" || kind === "starting";

const architectureOf = ({ type }: Complete) => (type === "tokenformer" ? type : "transformer");

function lossOf({ validation }: History): { validationLoss?: number } {
  const loss = validation.at(-1)?.loss;
  return loss === undefined ? {} : { validationLoss: loss };
}
