/** The engine: runs that are kept in the browser, and train in turns on one device. */

import { BreakdownError, DeviceLostError, UserError } from "tokenformer/browser";
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
  NamedFile,
  RunSummary,
  RunView,
  SiteWeights,
  TextChoice,
  WritingOptions,
} from "./api.ts";
import { configOf, equalTransformer, estimateOf, fromScratch } from "./choices.ts";
import { type Opened, openBackend } from "./device.ts";
import { previewOf } from "./growing.ts";
import { Shelf } from "./shelf.ts";
import { Store } from "./store.ts";
import { textOf } from "./texts.ts";
import { Turns } from "./turns.ts";

type Listener = (event: EngineEvent) => void;

export class StudioEngine implements Engine {
  readonly #listeners = new Set<Listener>();
  readonly #turns: Turns;
  #opened: { readonly device: Opened; readonly shelf: Shelf } | undefined;
  #writing: AbortController | undefined;

  constructor() {
    this.#turns = new Turns({
      live: (run) => this.#shelf.live(run),
      family: (run) => this.#shelf.record(run).besides ?? run,
      save: (run) => this.#shelf.save(run),
      changed: (run) => this.#tell({ type: "summary", summary: this.#shelf.summary(run) }),
      mended: (error) => this.#mended(error),
    });
  }

  async open(backend: Backend | "auto"): Promise<Environment> {
    const device = await openBackend(backend);
    const shelf = await Shelf.open({
      store: await Store.open(),
      device: () => this.#device.device,
      status: (run) => this.#turns.status(run),
      tell: (event) => this.#tell(event),
    });
    this.#opened = { device, shelf };
    return device.environment;
  }

  async listen(listener: Listener): Promise<void> {
    this.#listeners.add(listener);
  }

  async runs(): Promise<readonly RunSummary[]> {
    return this.#shelf.summaries();
  }

  async estimate(choices: Choices): Promise<Estimate> {
    const { text } = await textOf(choices.text);
    return estimateOf(choices, new Set(text).size);
  }

  async create(choices: Choices): Promise<RunView> {
    const made = configOf(choices);
    if ("complaints" in made) throw new UserError(made.complaints.map(({ message }) => message).join("; "));
    return this.#shelf.create(choices.name, made.config, await textOf(choices.text));
  }

  view(run: string): Promise<RunView> {
    return this.#shelf.view(run);
  }

  rename(run: string, name: string): Promise<void> {
    return this.#shelf.rename(run, name);
  }

  async remove(run: string): Promise<void> {
    this.#turns.forget(run);
    await this.#shelf.remove(run);
  }

  async start(run: string): Promise<void> {
    this.#turns.start(run);
  }

  pause(run: string): Promise<void> {
    return this.#turns.pause(run);
  }

  async save(): Promise<void> {
    for (const run of this.#turns.training) await this.#shelf.save(run);
  }

  async previewGrowth(run: string, request: GrowthRequest): Promise<GrowthPreview> {
    const { config } = await this.#shelf.facts(run);
    return previewOf(config.model, request, config.training.batch);
  }

  async grow(run: string, request: GrowthRequest): Promise<RunView> {
    const { complaint } = await this.previewGrowth(run, request);
    if (complaint !== undefined) throw new UserError(complaint);
    await this.#shelf.grow(run, request);
    return this.#changed(run);
  }

  async undoGrowth(run: string): Promise<RunView> {
    const wasTraining = this.#turns.training.includes(run);
    this.#turns.forget(run);
    await this.#shelf.undo(run);
    if (wasTraining) this.#turns.start(run);
    return this.#changed(run);
  }

  async compare(run: string, with_: Comparison): Promise<RunView> {
    const { config } = await this.#shelf.facts(run);
    const text = await this.#shelf.text(run);
    const { name } = this.#shelf.record(run);
    const made = with_ === "scratch" ? fromScratch(config) : equalTransformer(config);
    const suffix = with_ === "scratch" ? "from scratch" : "plain GPT";
    return this.#shelf.create(`${name}, ${suffix}`, made, text, run);
  }

  async inspect(run: string, text: string): Promise<Inspection> {
    return (await (await this.#shelf.live(run)).inspect(text)).inspection;
  }

  async siteWeights(run: string, path: string): Promise<SiteWeights> {
    return (await this.#shelf.live(run)).inspected.site(path);
  }

  async attentionWeights(run: string, layer: number): Promise<AttentionWeights> {
    return (await this.#shelf.live(run)).inspected.attention(layer);
  }

  async write(run: string, options: WritingOptions, onText: (text: string) => void): Promise<void> {
    this.#writing?.abort();
    const writing = new AbortController();
    this.#writing = writing;
    try {
      await (await this.#shelf.live(run)).write(options, onText, writing.signal);
    } catch (error) {
      if (!writing.signal.aborted) throw error;
    }
  }

  async stopWriting(): Promise<void> {
    this.#writing?.abort();
  }

  exportRun(run: string): Promise<Blob> {
    return this.#shelf.archive(run);
  }

  importRun(name: string, files: Blob | readonly NamedFile[], text?: TextChoice): Promise<RunView> {
    return this.#shelf.take(name, files, text);
  }

  get #shelf(): Shelf {
    if (this.#opened === undefined) throw new Error("internal: the engine was not opened");
    return this.#opened.shelf;
  }

  get #device(): Opened {
    if (this.#opened === undefined) throw new Error("internal: the engine was not opened");
    return this.#opened.device;
  }

  #tell(event: EngineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Keeps what has changed, and tells it. */
  async #changed(run: string): Promise<RunView> {
    await this.#shelf.save(run);
    const view = await this.#shelf.view(run);
    this.#tell({ type: "changed", view });
    return view;
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

  /** Where the GPU was lost, goes on from what was kept, on WebAssembly. */
  async #mended(error: unknown): Promise<boolean> {
    if (!(await this.#isLost(error))) return false;
    const shelf = this.#shelf;
    shelf.dropLive();
    this.#opened = { shelf, device: await openBackend("wasm") };
    this.#tell({
      type: "notice",
      message:
        "The GPU was lost, so training went on with WebAssembly from what was last saved; reload the page to try the GPU again.",
    });
    for (const run of this.#turns.training) this.#tell({ type: "changed", view: await shelf.view(run) });
    return true;
  }
}
