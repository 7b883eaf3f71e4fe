/** An engine that trains nothing: curves, samples and weights made up by formulas, for tests of the page. */

import type {
  AttentionWeights,
  Choices,
  Comparison,
  Engine,
  EngineEvent,
  Environment,
  Estimate,
  Growth,
  GrowthPreview,
  GrowthRequest,
  Inspection,
  Lesson,
  Message,
  RunStatus,
  RunSummary,
  RunView,
  SiteView,
  SiteWeights,
  SmallLayer,
  SmallLayerAnswer,
  SmallMatrix,
  UsagePoint,
  WritingOptions,
} from "../src/engine/api.ts";
import { galleryText } from "../src/engine/gallery.ts";

/** Faults that tests ask for. */
export interface FakeOptions {
  /** Milliseconds between events. */
  readonly pace?: number;
  readonly openFails?: string;
  /** Milliseconds that opening takes. */
  readonly opensIn?: number;
  readonly trainingFails?: string;
  readonly notices?: readonly string[];
  /** Milliseconds that starting takes. */
  readonly startsIn?: number;
}

const KINDS = ["query", "key", "value", "projection", "feedForward"] as const;
const LINES =
  "the whale was a great white thing upon the sea and the captain stood by the mast and looked at it a long time ";

const noise = (seed: number) => {
  const wave = Math.sin(seed * 12.9898) * 43758.5453;
  return wave - Math.floor(wave);
};

export class FakeEngine implements Engine {
  readonly #options: FakeOptions;
  readonly #runs = new Map<string, RunView>();
  readonly #before = new Map<string, RunView>();
  #listener: (event: EngineEvent) => void = () => undefined;
  #stopped = false;
  #isStill = false;
  #inspected: { run: string; text: string } | undefined;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
  }

  async open(): Promise<Environment> {
    if (this.#options.openFails !== undefined) throw new Error(this.#options.openFails);
    await new Promise((resolve) => setTimeout(resolve, this.#options.opensIn ?? 0));
    void this.#advanceAll();
    return { backend: "wasm", device: "WebAssembly, 8 threads", notices: this.#options.notices ?? [] };
  }

  async listen(listener: (event: EngineEvent) => void): Promise<void> {
    this.#listener = listener;
  }

  async runs(): Promise<readonly RunSummary[]> {
    return [...this.#runs.values()].map(({ summary }) => summary);
  }

  async estimate(choices: Choices): Promise<Estimate> {
    if (choices.width % choices.heads !== 0) {
      const message = `a width of ${choices.width} does not divide by ${choices.heads} heads`;
      return { complaints: [{ field: "heads", message }] };
    }
    const parameters = parametersOf(sitesOf(choices), choices.width);
    return { complaints: [], parameters, memory: 16 * parameters, flopsPerUpdate: 6 * parameters * 768 };
  }

  async create(choices: Choices): Promise<RunView> {
    return this.#put(viewOf(`r${this.#runs.size + 1}`, choices));
  }

  view(run: string): Promise<RunView> {
    return Promise.resolve(this.#run(run));
  }

  async rename(run: string, name: string): Promise<void> {
    this.#summarise(run, { name });
  }

  async remove(run: string): Promise<void> {
    this.#runs.delete(run);
    this.#listener({ type: "deleted", run });
  }

  async start(run: string): Promise<void> {
    this.#summarise(run, { status: { kind: "starting" } });
    const message = this.#options.trainingFails;
    const status: RunStatus = message === undefined ? { kind: "training" } : { kind: "failed", message };
    setTimeout(() => this.#summarise(run, { status }), this.#options.startsIn ?? 300);
  }

  async pause(run: string): Promise<void> {
    this.#summarise(run, { status: { kind: "paused" } });
  }

  async save(): Promise<void> {}

  async previewGrowth(run: string, request: GrowthRequest): Promise<GrowthPreview> {
    const view = this.#run(run);
    const parametersAfter = parametersOf(grownSites(view, request), view.choices.width);
    const { parameters } = view.summary;
    return {
      parametersBefore: parameters,
      parametersAfter,
      flopsBefore: view.flopsPerUpdate,
      flopsAfter: (view.flopsPerUpdate * parametersAfter) / parameters,
      memoryAfter: 16 * parametersAfter,
      ...(parametersAfter === parameters && { complaint: "Choose how many tokens to add" }),
    };
  }

  async grow(run: string, request: GrowthRequest): Promise<RunView> {
    const view = this.#run(run);
    this.#before.set(run, view);
    const sites = grownSites(view, request);
    const growth = growthOf(view, request, parametersOf(sites, view.choices.width));
    const { parametersAfter: parameters } = growth;
    // As the engine tells it: of more parameters first, then of the sites that have them.
    this.#summarise(run, { parameters });
    await new Promise((resolve) => setTimeout(resolve, 60));
    const { growths, ...others } = this.#run(run);
    return this.#changed({ ...others, sites, growths: [...growths, growth], undoable: true, memory: 16 * parameters });
  }

  async undoGrowth(run: string): Promise<RunView> {
    const { summary, ...before } = this.#before.get(run) ?? this.#run(run);
    const { status } = this.#run(run).summary;
    return this.#changed({ ...before, summary: { ...summary, status }, undoable: false });
  }

  async compare(run: string, with_: Comparison): Promise<RunView> {
    const { choices, summary } = this.#run(run);
    const name = `${summary.name}, ${with_ === "scratch" ? "from scratch" : "plain GPT"}`;
    const architecture = with_ === "scratch" ? "tokenformer" : "transformer";
    const text = { kind: "gallery", key: "moby-dick" } as const;
    const view = viewOf(`r${this.#runs.size + 1}`, { ...choices, name, architecture, text, pieces: "characters" });
    return this.#put({ ...view, summary: { ...view.summary, besides: run } });
  }

  async inspect(run: string, text: string): Promise<Inspection> {
    if (text.includes("€")) throw new Error('the run\'s text has no "€"; leave it out');
    const view = this.#run(run);
    const { heads, layers, context } = view.choices;
    const all = view.pieces === "byte-pairs" ? (text.match(/.{1,3}/gsu) ?? []) : [...text];
    const tokens = all.slice(-context);
    this.#inspected = { run, text: tokens.join("") };
    const next = tokens.map((_, index) =>
      [..."etaoin h"].map((letter, k) => ({ text: letter, probability: 0.4 / (k + 1 + noise(index)) })),
    );
    const truncated = all.length > tokens.length;
    return { step: view.summary.step, tokens, truncated, next, layers, heads, sites: view.sites };
  }

  async siteWeights(run: string, path: string): Promise<SiteWeights> {
    const site = this.#run(run).sites.find((candidate) => candidate.path === path);
    const parameterTokens = site?.tokens ?? 0;
    const length = this.#inspected?.text.length ?? 0;
    const born = (site?.generations ?? []).flatMap((generation) =>
      Array<number>(generation.tokens).fill(generation.born),
    );
    const weights = Float32Array.from(
      { length: length * parameterTokens },
      (_, index) => noise(index) ** 6 - 0.1 * noise(index + 0.5),
    );
    return { path, parameterTokens, weights, born: Int32Array.from(born) };
  }

  async attentionWeights(run: string, layer: number): Promise<AttentionWeights> {
    const { heads } = this.#run(run).choices;
    const length = this.#inspected?.text.length ?? 0;
    const weights = Float32Array.from({ length: heads * length * length }, (_, index) => {
      const row = Math.floor(index / length) % length;
      const column = index % length;
      return column > row ? 0 : Math.exp(-(row - column) / 3) * noise(index + layer);
    });
    return { layer, heads, weights };
  }

  async write(_: string, options: WritingOptions, onText: (text: string) => void): Promise<void> {
    this.#stopped = false;
    for (let index = 0; index < options.length && !this.#stopped; index++) {
      onText(LINES[index % LINES.length] ?? "");
      await this.#passed(8);
    }
  }

  async reply(_: string, messages: readonly Message[], __: object, onText: (text: string) => void): Promise<void> {
    this.#stopped = false;
    if (messages.at(-1)?.content.startsWith("refuse") === true) throw new Error("the message has too many tokens");
    const said = `You said “${messages.at(-1)?.content}”, and ${messages.length - 1} things before. ${LINES.repeat(9)}`;
    for (let index = 0; index < said.length && !this.#stopped; index++) {
      onText(said[index] ?? "");
      await this.#passed(4);
    }
  }

  async sample(run: string): Promise<void> {
    const view = this.#run(run);
    const sample = { step: view.summary.step, text: garbled(Date.now() % 1000) };
    this.#runs.set(run, { ...view, samples: [...view.samples, sample] });
    this.#listener({ type: "sample", run, sample });
  }

  async stopWriting(): Promise<void> {
    this.#stopped = true;
  }

  async smallLayer({ inputs, wanted, tokens }: SmallLayer): Promise<SmallLayerAnswer> {
    const weights = inputs.map(([x, y]) => tokens.map(({ key }) => Math.max(0, x * key[0] + y * key[1])));
    const outputs = weights.map((row) =>
      row.reduce((sum, weight, index) => sum + weight * (tokens[index]?.value ?? 0), 0),
    );
    const gradients = tokens.map(({ value }) => ({ key: [-0.2 * value, 0.1 * value] as const, value: 0.05 }));
    const error =
      outputs.reduce((sum, output, index) => sum + (output - (wanted[index] ?? 0)) ** 2, 0) / outputs.length;
    return { weights, outputs, error, gradients };
  }

  async smallProduct({ row, matrix }: SmallMatrix): Promise<readonly number[]> {
    return (matrix[0] ?? []).map((_, column) =>
      row.reduce((sum, value, index) => sum + value * (matrix[index]?.[column] ?? 0), 0),
    );
  }

  async duplicate(run: string): Promise<RunView> {
    const view = this.#run(run);
    const id = `r${this.#runs.size + 1}`;
    const name = `${view.summary.name}, at step ${view.summary.step}`;
    return this.#put({ ...view, summary: { ...view.summary, id, name, status: { kind: "paused" } } });
  }

  async attachSkill(run: string, called: string): Promise<RunView> {
    if (called.includes("foreign")) throw new Error(`${called}: belongs to a model with other weights`);
    const view = this.#run(run);
    const id = `r${this.#runs.size + 1}`;
    const name = `${view.summary.name}, with ${called}`;
    return this.#put({ ...view, summary: { ...view.summary, id, name, status: { kind: "paused" } } });
  }

  async teach(run: string, { text, tokens }: Lesson): Promise<RunView> {
    if (text.kind === "own" && text.text.includes("€")) throw new Error('the run\'s text has no "€"; leave it out');
    const view = this.#run(run);
    const id = `r${this.#runs.size + 1}`;
    const textName = text.kind === "gallery" ? galleryText(text.key).name : text.name;
    const sites = view.sites.map((site) => ({
      ...site,
      tokens: site.tokens + tokens,
      generations: [...site.generations, { tokens, born: view.summary.step, init: "skill" }],
    }));
    const parameters = 2 * view.choices.width * sites.length * tokens;
    const skill = { base: view.summary.name, parameters, oldText: view.summary.textName };
    const name = `${view.summary.name}, taught ${textName}`;
    const summary: RunSummary = { ...view.summary, id, name, textName, step: 0, status: { kind: "paused" } };
    const start = {
      step: 0,
      tokens: 0,
      flops: 0,
      seconds: 0,
      loss: 4.4,
      bitsPerByte: 6.3,
      oldLoss: 1.7,
      oldBitsPerByte: 2.4,
    };
    return this.#put({ ...view, summary, sites, skill, training: [], validation: [start], growths: [], samples: [] });
  }

  async exportSkill(run: string): Promise<Blob> {
    return new Blob([JSON.stringify(this.#run(run).skill)]);
  }

  async exportRun(run: string): Promise<Blob> {
    return new Blob([JSON.stringify(this.#run(run).summary)]);
  }

  async importRun(name: string): Promise<RunView> {
    if (name.includes("broken")) throw new Error(`"${name}" has no config.json; choose the folder of a run`);
    return this.#put(viewOf(`r${this.#runs.size + 1}`, { ...DEFAULTS, name }));
  }

  /** Tells something that happened, as tests have it. */
  happens(event: EngineEvent): void {
    this.#listener(event);
  }

  #run(run: string): RunView {
    const view = this.#runs.get(run);
    if (view === undefined) throw new Error("That run is not kept here any more.");
    return view;
  }

  #put(view: RunView): RunView {
    this.#runs.set(view.summary.id, view);
    this.#listener({ type: "summary", summary: view.summary });
    return view;
  }

  #changed(view: RunView): RunView {
    this.#listener({ type: "changed", view: this.#put(view) });
    return view;
  }

  #summarise(run: string, changed: Partial<RunSummary>): void {
    const view = this.#runs.get(run);
    if (view !== undefined) this.#put({ ...view, summary: { ...view.summary, ...changed, changed: Date.now() } });
  }

  /** Leaves all as it is: nothing trains or writes on. What is looked at for long would be drawn anew all the while. */
  standStill(): void {
    this.#isStill = true;
  }

  /** Some milliseconds; for ever, once all stands still. */
  async #passed(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    if (this.#isStill) await new Promise(() => undefined);
  }

  async #advanceAll(): Promise<void> {
    for (;;) {
      await this.#passed(this.#options.pace ?? 120);
      for (const [run, view] of this.#runs) if (view.summary.status.kind === "training") this.#advance(run, view);
    }
  }

  #advance(run: string, view: RunView): void {
    const step = view.summary.step + 5;
    const position = { step, tokens: step * 768, flops: step * view.flopsPerUpdate, seconds: step * 0.05 };
    const base = lossAt(view, step);
    const loss = base + 0.12 * (noise(step) - 0.5);
    const point = {
      ...position,
      loss,
      learningRate: 2e-3,
      gradientNorm: 1,
      tokensPerSecond: 15_000 + 400 * noise(step),
    };
    const summary = { ...view.summary, step };
    let next: RunView = { ...view, summary, training: [...view.training, point] };
    this.#listener({ type: "training", run, points: [point] });
    if (step % 50 === 0) {
      const old = view.skill === undefined ? {} : { oldLoss: 1.7 + 0.002 * step, oldBitsPerByte: 2.4 };
      const validation = { ...position, loss: base + 0.04, bitsPerByte: (base + 0.04) / Math.LN2, ...old };
      next = { ...next, validation: [...view.validation, validation] };
      this.#listener({ type: "validation", run, point: validation });
      const usage = usageOf(next, step);
      if (usage !== undefined) {
        next = { ...next, usage: [...view.usage, usage] };
        this.#listener({ type: "usage", run, usage });
      }
    }
    if (step % 100 === 5) {
      const sample = { step, text: garbled(step) };
      next = { ...next, samples: [...view.samples, sample] };
      this.#listener({ type: "sample", run, sample });
    }
    this.#runs.set(run, next);
  }
}

export const DEFAULTS: Choices = {
  name: "Moby-Dick, small",
  architecture: "tokenformer",
  text: { kind: "gallery", key: "moby-dick" },
  layers: 4,
  heads: 4,
  width: 128,
  context: 64,
  attentionTokens: 128,
  feedForwardTokens: 512,
  pieces: "characters",
  batch: 12,
  learningRate: 2e-3,
  seed: 1,
};

function sitesOf(choices: RunView["choices"]): SiteView[] {
  if (choices.architecture === "transformer") return [];
  return Array.from({ length: choices.layers }, (_, layer) =>
    KINDS.map((kind): SiteView => {
      const tokens = kind === "feedForward" ? choices.feedForwardTokens : choices.attentionTokens;
      const path = `blocks.${layer}.${kind === "feedForward" ? kind : `attention.${kind}`}`;
      return { path, layer, kind, tokens, tau: Math.sqrt(tokens), generations: [{ tokens, born: 0, init: "random" }] };
    }),
  ).flat();
}

const parametersOf = (sites: readonly SiteView[], width: number) =>
  80 * width + (sites.length === 0 ? 900_000 : sites.reduce((sum, { tokens }) => sum + 2 * tokens * width, 0));

function viewOf(id: string, { text, pieces, ...choices }: Choices): RunView {
  const sites = sitesOf(choices);
  const parameters = parametersOf(sites, choices.width);
  return {
    summary: {
      id,
      name: choices.name,
      architecture: choices.architecture,
      textName: text.kind === "gallery" ? galleryText(text.key).name : text.name,
      opening: text.kind === "gallery" ? "Call me Ishmael. Some years ago" : text.text.slice(0, 20),
      parameters,
      step: 0,
      changed: Date.now(),
      status: { kind: "paused" },
    },
    choices,
    pieces,
    lossOn: text.kind === "own" ? text.lossOn : undefined,
    regrows: !choices.name.startsWith("Foreign"),
    converses: choices.name === "A chat",
    vocabulary: 80,
    trainTokens: 1_100_000,
    validationTokens: 120_000,
    flopsPerUpdate: 6 * parameters * 768,
    memory: 16 * parameters,
    sites,
    training: [],
    validation: [],
    growths: [],
    samples: [],
    usage: [],
    undoable: false,
  };
}

function grownSites({ sites, summary }: RunView, { add, layers, init }: GrowthRequest): SiteView[] {
  return sites.map((site) => {
    const tokens = layers === undefined || layers.includes(site.layer) ? (add[site.kind] ?? 0) : 0;
    if (tokens === 0) return site;
    const generations = [...site.generations, { tokens, born: summary.step, init }];
    return { ...site, tokens: site.tokens + tokens, generations };
  });
}

function growthOf({ summary, training }: RunView, { init }: GrowthRequest, parametersAfter: number): Growth {
  const last = training.at(-1) ?? { step: summary.step, tokens: 0, flops: 0, seconds: 0, loss: 4 };
  const { step, tokens, flops, seconds, loss } = last;
  const size = { parametersBefore: summary.parameters, parametersAfter };
  const exact = init === "random" ? 0.8 : 0;
  const checked = { maxLogitDifference: exact || 7.6e-6, logitScale: 11.2, lossBefore: loss, lossAfter: loss + exact };
  return { step, tokens, flops, seconds, init, summary: "query 128 → 256", ...size, ...checked };
}

function lossAt({ growths, summary }: RunView, step: number): number {
  const gained = growths.reduce((sum, growth) => sum + 0.25 * (1 - Math.exp(-(step - growth.step) / 300)), 0);
  const floor = summary.architecture === "transformer" ? 1.75 : 1.65;
  return floor + 2.6 * Math.exp(-((step / 220) ** 0.62)) - gained;
}

function usageOf({ sites }: RunView, step: number): UsagePoint | undefined {
  const born = new Map<number, number>();
  for (const { generations } of sites)
    for (const part of generations) born.set(part.born, (born.get(part.born) ?? 0) + part.tokens);
  const total = [...born.values()].reduce((a, b) => a + b, 0);
  if (total === 0) return undefined;
  const waking = (at: number) => (at === 0 ? 1 : 1 - Math.exp(-(step - at) / 250));
  const weight = [...born].reduce((sum, [at, tokens]) => sum + tokens * waking(at), 0);
  const generations = [...born].map(([at, tokens]) => {
    const share = (tokens * waking(at)) / weight;
    return {
      born: at,
      init: "zero-key",
      tokens,
      tokenShare: tokens / total,
      massShare: share,
      contributionShare: share,
    };
  });
  return { step, generations };
}

/** A line that becomes readable as the steps go on. */
function garbled(step: number): string {
  const letters = "etaoinshrdlu wh";
  return Array.from(LINES.repeat(2).slice(0, 160), (letter, index) =>
    noise(index + step) < Math.exp(-step / 400)
      ? (letters[Math.floor(noise(index * step) * letters.length)] ?? "e")
      : letter,
  ).join("");
}
