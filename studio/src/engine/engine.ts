/** The engine: runs that are kept in the browser, and train in turns on one device. */

import { BreakdownError, DeviceLostError, DivergenceError, UserError } from "tokenformer/browser";
import type {
  AttentionWeights,
  Backend,
  Choices,
  Comparison,
  Engine,
  EngineEvent,
  Environment,
  Estimate,
  GrowthPreview,
  GrowthRequest,
  Inspection,
  Lesson,
  Message,
  NamedFile,
  RunStatus,
  RunSummary,
  RunView,
  SiteWeights,
  SmallLayer,
  SmallLayerAnswer,
  SmallMatrix,
  TextChoice,
  WritingOptions,
} from "./api.ts";
import { configFromChoices, equalTransformer, estimateOf, fromScratch } from "./choices.ts";
import { type Opened, openBackend } from "./device.ts";
import { divergedWords, explained } from "./faults.ts";
import { Figures } from "./figures.ts";
import { previewOf } from "./growing.ts";
import type { LiveRun } from "./live-run.ts";
import { vocabularyOf } from "./pieces.ts";
import { Shelf } from "./shelf.ts";
import { Store } from "./store.ts";
import { Tabs } from "./tabs.ts";
import { textOf } from "./texts.ts";
import { Turns } from "./turns.ts";

type Listener = (event: EngineEvent) => void;

interface OpenEngine {
  readonly device: Opened;
  readonly figures: Figures;
  readonly store: Store;
  readonly shelf: Shelf;
  readonly tabs: Tabs;
}

export class StudioEngine implements Engine {
  readonly #listeners = new Set<Listener>();
  readonly #turns: Turns;
  #opened: OpenEngine | undefined;
  #writing: AbortController | undefined;

  constructor() {
    this.#turns = new Turns({
      live: async (run) => (await this.#shelf.live(run)).live,
      family: (run) => this.#shelf.record(run).besides ?? run,
      save: (run) => this.#shelf.save(run),
      // One that another tab has deleted meanwhile is not in the list any more.
      changed: (run) => this.#shelf.has(run) && this.#tell({ type: "summary", summary: this.#shelf.summary(run) }),
      stopped: (run) => this.#tabs.release(run),
      mended: (error, run) => this.#mended(error, run),
    });
  }

  async open(backend: Backend | "auto"): Promise<Environment> {
    const former = this.#opened;
    const device = await openBackend(backend);
    const opened: Partial<OpenEngine> = { device };
    try {
      this.#opened = await this.#openRest(opened, device);
    } catch (error) {
      await closeQuietly(opened);
      throw error;
    }
    await closeQuietly(former);
    return device.environment;
  }

  /** @param opened takes what is to be closed where something of it cannot be opened */
  async #openRest(opened: { -readonly [Part in keyof OpenEngine]?: OpenEngine[Part] }, device: Opened) {
    const store = await Store.open();
    opened.store = store;
    const shelf = await Shelf.open({
      store,
      device: () => this.#device.device,
      status: (run) => this.#status(run),
      tell: (event) => this.#tell(event),
    });
    const tabs = await Tabs.open({
      heard: (event) => this.#answering(this.#heard(event)),
      asked: (run) => this.#answering(this.#show(run)),
      freed: (run) => this.#answering(this.#freed(run)),
      keeps: (run) => shelf.isUnsaved(run),
    });
    return { device, figures: new Figures(device.device), store, shelf, tabs };
  }

  async listen(listener: Listener): Promise<void> {
    this.#listeners.add(listener);
  }

  async runs(): Promise<readonly RunSummary[]> {
    return this.#shelf.summaries();
  }

  async estimate(choices: Choices): Promise<Estimate> {
    const { text } = await textOf(choices.text);
    return estimateOf(choices, vocabularyOf(text, choices.pieces));
  }

  async create(choices: Choices): Promise<RunView> {
    const made = configFromChoices(choices);
    if ("complaints" in made) throw new UserError(made.complaints.map(({ message }) => message).join("; "));
    const { name, pieces } = choices;
    return this.#shelf.create({ name, config: made.config, text: await textOf(choices.text), pieces });
  }

  async view(run: string): Promise<RunView> {
    // Where another tab has it, it knows more than what is kept, and tells it.
    if (this.#tabs.isElsewhere(run)) this.#tabs.ask(run);
    return this.#shelf.view(run);
  }

  rename(run: string, name: string): Promise<void> {
    return this.#changing(run, () => this.#shelf.rename(run, name));
  }

  remove(run: string): Promise<void> {
    return this.#changing(run, async () => {
      await this.#shelf.remove(run);
      this.#turns.forget(run);
      // There may be room now for what had none.
      await this.save();
    });
  }

  async start(run: string): Promise<void> {
    if (this.#turns.training.includes(run)) return;
    await this.#claim(run);
    try {
      await this.#shelf.goOn(run);
    } catch (error) {
      this.#tabs.release(run);
      throw error;
    }
    this.#turns.start(run);
  }

  pause(run: string): Promise<void> {
    return this.#turns.pause(run);
  }

  async save(): Promise<void> {
    for (const run of this.#shelf.unsaved) {
      await this.#shelf.saveIfPossible(run);
      this.#tabs.settle(run);
    }
  }

  async previewGrowth(run: string, request: GrowthRequest): Promise<GrowthPreview> {
    const { config } = await this.#shelf.facts(run);
    return previewOf(config, request);
  }

  async grow(run: string, request: GrowthRequest): Promise<RunView> {
    const { complaint } = await this.previewGrowth(run, request);
    if (complaint !== undefined) throw new UserError(complaint);
    return this.#changing(run, async () => {
      await this.#shelf.grow(run, request);
      return this.#shelf.changed(run);
    });
  }

  undoGrowth(run: string): Promise<RunView> {
    return this.#changing(run, async () => {
      await this.#turns.interrupted(run, () => this.#shelf.undo(run));
      return this.#shelf.changed(run);
    });
  }

  duplicate(run: string): Promise<RunView> {
    return this.#changing(run, () => this.#shelf.duplicate(run));
  }

  attachSkill(run: string, name: string, files: Blob | readonly NamedFile[]): Promise<RunView> {
    return this.#changing(run, () => this.#shelf.attachSkill(run, name, files));
  }

  teach(run: string, lesson: Lesson): Promise<RunView> {
    return this.#changing(run, () => this.#shelf.teach(run, lesson));
  }

  exportSkill(run: string): Promise<Blob> {
    return this.#shelf.skill(run);
  }

  async compare(run: string, with_: Comparison): Promise<RunView> {
    const { config, tokenizer, history } = await this.#shelf.facts(run);
    const text = await this.#shelf.text(run);
    const { name, pieces = "characters" } = this.#shelf.record(run);
    const made = with_ === "scratch" ? fromScratch(config, history) : equalTransformer(config, history);
    const suffix = with_ === "scratch" ? "from scratch" : "plain GPT";
    return this.#shelf.create({ name: `${name}, ${suffix}`, config: made, text, pieces, besides: run, tokenizer });
  }

  async inspect(run: string, text: string): Promise<Inspection> {
    return (await (await this.#live(run)).inspect(text)).inspection;
  }

  async siteWeights(run: string, path: string): Promise<SiteWeights> {
    return (await this.#live(run)).inspected.site(path);
  }

  async attentionWeights(run: string, layer: number): Promise<AttentionWeights> {
    return (await this.#live(run)).inspected.attention(layer);
  }

  async sample(run: string): Promise<void> {
    await (await this.#live(run)).sample();
  }

  reply(
    run: string,
    messages: readonly Message[],
    options: Omit<WritingOptions, "prompt">,
    onText: (text: string) => void,
  ): Promise<void> {
    return this.#untilStopped(async (signal) => (await this.#live(run)).reply(messages, options, onText, signal));
  }

  write(run: string, options: WritingOptions, onText: (text: string) => void): Promise<void> {
    return this.#untilStopped(async (signal) => (await this.#live(run)).write(options, onText, signal));
  }

  /** Writes in place of what was being written. */
  async #untilStopped(write: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#writing?.abort();
    const writing = new AbortController();
    this.#writing = writing;
    try {
      await write(writing.signal);
    } catch (error) {
      if (!writing.signal.aborted) throw error;
    }
  }

  async stopWriting(): Promise<void> {
    this.#writing?.abort();
  }

  smallLayer(layer: SmallLayer): Promise<SmallLayerAnswer> {
    return this.#open.figures.layer(layer);
  }

  smallProduct(product: SmallMatrix): Promise<readonly number[]> {
    return this.#open.figures.product(product);
  }

  exportRun(run: string): Promise<Blob> {
    return this.#shelf.archive(run);
  }

  importRun(name: string, files: Blob | readonly NamedFile[], text?: TextChoice): Promise<RunView> {
    return this.#shelf.take(name, files, text);
  }

  get #open(): OpenEngine {
    if (this.#opened === undefined) throw new Error("internal: the engine was not opened");
    return this.#opened;
  }

  get #shelf(): Shelf {
    return this.#open.shelf;
  }

  get #device(): Opened {
    return this.#open.device;
  }

  get #tabs(): Tabs {
    return this.#open.tabs;
  }

  #status(run: string): RunStatus {
    return this.#opened?.tabs.isElsewhere(run) === true ? { kind: "elsewhere" } : this.#turns.status(run);
  }

  /** A run to look into, or to write with. */
  async #live(run: string): Promise<LiveRun> {
    return (await this.#shelf.live(run)).live;
  }

  #tell(event: EngineEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (!isOfThisTab(event)) this.#opened?.tabs.tell(event);
  }

  // ---- other tabs -----------------------------------------------------------------------------------------------------

  /** Has a run for itself, as it was kept last; where that cannot be read, lets others have it. */
  async #claim(run: string): Promise<void> {
    const { name } = this.#shelf.record(run);
    if (!(await this.#tabs.claim(run))) {
      throw new UserError(`${name} trains in another tab: watch it here, or pause it there first.`);
    }
    try {
      await this.#shelf.refresh(run);
    } catch (error) {
      this.#tabs.release(run);
      throw error;
    }
  }

  async #changing<Result>(run: string, work: () => Promise<Result>): Promise<Result> {
    await this.#claim(run);
    try {
      return await work();
    } finally {
      this.#tabs.release(run);
    }
  }

  /** What other tabs ask for is nobody's action here, so that what fails of it is told beside. */
  #answering(work: Promise<void>): void {
    work.catch((error: unknown) => this.#notice(error));
  }

  #notice(error: unknown): void {
    this.#tell({ type: "notice", message: explained(error).message });
  }

  /** Learns what is kept of a run, as far as that can be read: what another tab tells of it is known all the same. */
  async #refreshIfPossible(run: string): Promise<void> {
    await this.#shelf.refresh(run).catch((error: unknown) => this.#notice(error));
  }

  /** What another tab tells, as the visitor of this one sees it. */
  async #heard(event: EngineEvent): Promise<void> {
    if (event.type === "deleted") {
      this.#shelf.forget(event.run);
      this.#turns.forget(event.run);
    }
    const summary =
      event.type === "summary" ? event.summary : event.type === "changed" ? event.view.summary : undefined;
    if (summary === undefined) return this.#hand(event);
    if (isTraining(summary.status)) this.#tabs.watch(summary.id);
    await this.#refreshIfPossible(summary.id);
    const seen = { ...summary, status: this.#status(summary.id) };
    this.#hand(
      event.type === "changed"
        ? { ...event, view: { ...event.view, summary: seen } }
        : { type: "summary", summary: seen },
    );
  }

  #hand(event: EngineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Shows other tabs a run that this one has. */
  async #show(run: string): Promise<void> {
    this.#tabs.tell({ type: "changed", view: await this.#shelf.view(run) });
  }

  async #freed(run: string): Promise<void> {
    await this.#refreshIfPossible(run);
    if (!this.#shelf.has(run)) return;
    // All that is kept, which may be less than what this tab has seen of it: the other one may have been closed before it kept that.
    const view = await this.#shelf.view(run).catch(() => undefined);
    this.#hand(view === undefined ? { type: "summary", summary: this.#shelf.summary(run) } : { type: "changed", view });
  }

  /** Whether the GPU is gone: it may fail a run before it says so. */
  async #isLost(error: unknown): Promise<boolean> {
    const { device, environment } = this.#device;
    if (environment.backend === "wasm") return false;
    if (error instanceof DeviceLostError || error instanceof BreakdownError) return true;
    if (error instanceof UserError) return false;
    try {
      const tensor = await device.upload({ dtype: "float32", shape: [1], data: Float32Array.of(1) });
      await device.download(tensor);
      await device.dispose([tensor]);
      return false;
    } catch {
      return true;
    }
  }

  /**
   * Where the GPU was lost, goes on from what was kept, on WebAssembly. A run that has diverged is what was kept of it, and stops: the
   * error that is thrown says what can be done.
   */
  async #mended(error: unknown, run: string): Promise<boolean> {
    if (error instanceof DivergenceError) {
      const isBack = await this.#shelf.goBack(run);
      await this.#showKept(run);
      throw new UserError(divergedWords(error, isBack), { cause: error });
    }
    if (!(await this.#isLost(error))) return false;
    const { device: lost, shelf } = this.#open;
    const device = await openBackend("wasm");
    shelf.dropLive();
    this.#opened = { ...this.#open, device, figures: new Figures(device.device) };
    // Not waited for: what is gone may never answer.
    void closeQuietly({ device: lost });
    this.#tell({ type: "environment", environment: device.environment });
    this.#tell({
      type: "notice",
      message:
        "The GPU was lost, so training went on with WebAssembly from what was last saved; reload the page to try the GPU again.",
    });
    for (const run of this.#turns.training) await this.#showKept(run);
    return true;
  }

  /** Tells what is kept of a run. Of one that could not be kept there is nothing: its turn says so. */
  async #showKept(run: string): Promise<void> {
    const view = await this.#shelf.view(run).catch(() => undefined);
    if (view !== undefined) this.#tell({ type: "changed", view });
  }
}

/** Closes what was opened of an engine. Failures are not told: nothing is done with it any more. */
async function closeQuietly({ tabs, store, device }: Partial<OpenEngine> = {}): Promise<void> {
  tabs?.close();
  store?.close();
  await device?.device.close().catch(() => undefined);
}

/** What is wrong in this tab, and what it runs on, is not so in others. */
const isOfThisTab = ({ type }: EngineEvent) => type === "notice" || type === "environment";

const isTraining = ({ kind }: RunStatus) => kind === "training" || kind === "starting";
