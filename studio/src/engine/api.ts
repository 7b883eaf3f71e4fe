/**
 * What the page asks of its engine, which trains in a worker. All of it can be cloned between threads.
 *
 * The worker offers an `Engine` through comlink: methods return promises, and what a visitor did wrong rejects with an error
 * whose message is one sentence that says so and how to mend it.
 */

import type { LearningOptions, Message } from "tokenformer/browser";
import type { TextKey } from "./gallery.ts";

export type { Message };

export type Backend = "webgpu" | "wasm";

/** Where the engine runs. */
export interface Environment {
  readonly backend: Backend;
  /** For people: "WebGPU (Apple, metal-3)" or "WebAssembly, 8 threads". */
  readonly device: string;
  /** What the visitor should know, each a sentence, with what to do where something helps: one thread only. */
  readonly notices: readonly string[];
}

// ---- runs -------------------------------------------------------------------------------------------------------------

/** What is learned of prompts and conversations: the completions and the replies, or all. */
export type LossPart = NonNullable<LearningOptions["lossOn"]>;

/** The text of a run: one of the page's own, or the visitor's. */
export type TextChoice =
  | { readonly kind: "gallery"; readonly key: TextKey }
  | {
      readonly kind: "own";
      readonly name: string;
      readonly text: string;
      /** Where it is lines of JSON with prompts or conversations. Default: completion. */
      readonly lossOn?: LossPart | undefined;
    };

export type Architecture = "tokenformer" | "transformer";

/** What a text is cut into: what the model reads, and writes, one after the other. */
export type Pieces = "characters" | "characters and unknown" | "byte-pairs";

/** What a new run is made of. */
export interface Choices {
  readonly name: string;
  readonly architecture: Architecture;
  readonly text: TextChoice;
  readonly pieces: Pieces;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  /** Parameter tokens of each attention projection, and of the feed-forward layer. Without effect for a Transformer. */
  readonly attentionTokens: number;
  readonly feedForwardTokens: number;
  /** Sequences of an update. */
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Growths that the run is to have when it comes to their steps. Default: none. */
  readonly growth?: readonly PlannedGrowth[];
}

/** A growth that a run is to have. */
export interface PlannedGrowth {
  readonly step: number;
  /** Tokens to add at each site, by kind; "x2": as many as it has. */
  readonly add: Partial<Record<SiteView["kind"], number | "x2">>;
  /** The blocks that grow. Default: all. */
  readonly layers?: readonly number[];
  readonly init: GrowthInit;
}

/** A field of the choices that is wrong, and why. */
export interface Complaint {
  readonly field: keyof Choices;
  readonly message: string;
}

/** What choices come to, before a run is made of them. */
export interface Estimate {
  readonly complaints: readonly Complaint[];
  /** Absent where there are complaints. */
  readonly parameters?: number;
  readonly flopsPerUpdate?: number;
  /** Bytes of weights, gradients, moments and what a pass computes, at least. */
  readonly memory?: number;
}

export type RunStatus =
  | { readonly kind: "paused" }
  | { readonly kind: "starting" }
  | { readonly kind: "training" }
  /** Another tab has it: it is changed there, and can be watched here. */
  | { readonly kind: "elsewhere" }
  /** It stopped by itself; the last saved state is kept. The message says what to do. */
  | { readonly kind: "failed"; readonly message: string };

/** A run as a list shows it. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  /** The page makes no bigrams, but takes those of the command line. */
  readonly architecture: Architecture | "bigram";
  /** The run that this one was started beside, for comparison. */
  readonly besides?: string;
  readonly textName: string;
  /** The first words of the text. */
  readonly opening?: string;
  readonly parameters: number;
  readonly step: number;
  /** The last one, in nats per token. */
  readonly validationLoss?: number;
  /** Milliseconds since 1970. */
  readonly changed: number;
  readonly status: RunStatus;
}

/** Where a run is on its axes. */
export interface Position {
  readonly step: number;
  /** Tokens of training, so far. */
  readonly tokens: number;
  readonly flops: number;
  readonly seconds: number;
}

/** Losses of training, in nats per token: the mean over the updates since the point before. */
export interface TrainingPoint extends Position {
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly tokensPerSecond: number;
}

export interface ValidationPoint extends Position {
  readonly loss: number;
  readonly bitsPerByte: number;
  /** Of a run that learns a skill: the losses on the text that its model had learned before. */
  readonly oldLoss?: number;
  readonly oldBitsPerByte?: number;
}

/** What growing did. */
export interface Growth extends Position {
  /** "query 128 → 256, feedForward 512 → 1024 tokens". */
  readonly summary: string;
  readonly init: GrowthInit;
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  /** The largest absolute difference of a logit before and after, beside the largest absolute logit: the preservation check. */
  readonly maxLogitDifference: number;
  readonly logitScale: number;
  readonly lossBefore: number;
  readonly lossAfter: number;
}

/** Text that the model wrote on its own at a step. */
export interface Sample {
  readonly step: number;
  readonly text: string;
}

/** Parameter tokens that were born together, over all sites. */
export interface GenerationShare {
  /** The step at which they were born. */
  readonly born: number;
  readonly init: string;
  readonly tokens: number;
  /** Share of all parameter tokens, of the weight Θ(A) that they get, and of what they bring to the outputs. */
  readonly tokenShare: number;
  readonly massShare: number;
  readonly contributionShare: number;
}

/** How much the generations are used, on held-out text. */
export interface UsagePoint {
  readonly step: number;
  /** Oldest first. */
  readonly generations: readonly GenerationShare[];
}

/** A projection of a block. */
export interface SiteView {
  /** "blocks.0.attention.query". */
  readonly path: string;
  readonly layer: number;
  readonly kind: "query" | "key" | "value" | "projection" | "feedForward";
  readonly tokens: number;
  readonly tau: number;
  /** Its tokens in order: how many, and the step at which they were born. */
  readonly generations: readonly { readonly tokens: number; readonly born: number; readonly init: string }[];
}

/** A run with all that is drawn of it. */
export interface RunView {
  readonly summary: RunSummary;
  readonly choices: Omit<Choices, "text" | "pieces" | "growth">;
  readonly pieces: Pieces;
  /** What it learns of prompts and conversations. Default: completion. */
  readonly lossOn?: LossPart | undefined;
  /** Whether its choices, its seed and its growths alone make the same model again, as a link has them. */
  readonly regrows: boolean;
  /** Whether it was trained on conversations: its tokenizer comes with a form for them. */
  readonly converses: boolean;
  readonly vocabulary: number;
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly flopsPerUpdate: number;
  readonly memory: number;
  /** Empty for a Transformer. */
  readonly sites: readonly SiteView[];
  readonly training: readonly TrainingPoint[];
  readonly validation: readonly ValidationPoint[];
  readonly growths: readonly Growth[];
  readonly samples: readonly Sample[];
  readonly usage: readonly UsagePoint[];
  /** Whether the last growth can be undone. */
  readonly undoable: boolean;
  /** What it learns, where it learns a skill: all else of it stays as it is. */
  readonly skill?: SkillView;
}

/** A skill that a run learns. */
export interface SkillView {
  /** The run beside which it learns. */
  readonly base: string;
  /** How many numbers learn. */
  readonly parameters: number;
  /** The text that its model had learned before. Absent where that is not known. */
  readonly oldText?: string;
}

// ---- growing ----------------------------------------------------------------------------------------------------------

export type GrowthInit = "zero-key" | "split" | "random";

export interface GrowthRequest {
  /** Tokens to add at each site, by kind. */
  readonly add: Partial<Record<SiteView["kind"], number>>;
  /** The blocks that grow. Default: all. */
  readonly layers?: readonly number[];
  readonly init: GrowthInit;
}

/** What a growth would come to. */
export interface GrowthPreview {
  /** Why it cannot be done, if so. */
  readonly complaint?: string;
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  readonly flopsBefore: number;
  readonly flopsAfter: number;
  readonly memoryAfter: number;
}

/** A run to compare a grown one with, on the same text, beside which it trains. */
export type Comparison =
  /** A TokenFormer of the run's present size, from scratch. */
  | "scratch"
  /** A plain GPT with about as many parameters, from scratch. */
  | "transformer";

// ---- skills -----------------------------------------------------------------------------------------------------------

/** What a run is to be taught, by tokens of their own beside those that it has. */
export interface Lesson {
  readonly text: TextChoice;
  /** Tokens to add at each site. */
  readonly tokens: number;
}

// ---- looking inside ---------------------------------------------------------------------------------------------------

/** What a model does with a text. Shapes: T tokens of the text, P parameter tokens of a site, H heads. */
export interface Inspection {
  readonly step: number;
  /** The text, token by token [T]: at most the model's context, the last ones. */
  readonly tokens: readonly string[];
  /** Whether the text had more than these. */
  readonly truncated: boolean;
  /** The likeliest next tokens after each token [T][k], likeliest first. */
  readonly next: readonly (readonly { readonly text: string; readonly probability: number }[])[];
  /** The blocks, whose weights are asked for one by one. */
  readonly layers: number;
  readonly heads: number;
  readonly sites: readonly SiteView[];
}

/** The weights of one site on the inspected text. */
export interface SiteWeights {
  readonly path: string;
  /** Θ(A) [T, P], row by row. */
  readonly weights: Float32Array;
  readonly parameterTokens: number;
  /** The step at which each parameter token was born [P]. */
  readonly born: Int32Array;
}

/** Attention between the tokens of the inspected text, of one block: [H, T, T], row by row; zero for what comes later. */
export interface AttentionWeights {
  readonly layer: number;
  readonly heads: number;
  readonly weights: Float32Array;
}

// ---- writing ----------------------------------------------------------------------------------------------------------

export interface WritingOptions {
  readonly prompt: string;
  /** Tokens to write. */
  readonly length: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  /** 0: no limit. */
  readonly topK: number;
  /** 1: no limit. */
  readonly topP: number;
  readonly seed?: number;
}

// ---- the story --------------------------------------------------------------------------------------------------------

/** A parameter token of a layer with two channels in and one out. */
export interface SmallToken {
  readonly key: readonly [number, number];
  readonly value: number;
}

/** A token layer, what comes in, row by row, and what it should have answered to each. */
export interface SmallLayer {
  readonly inputs: readonly (readonly [number, number])[];
  readonly wanted: readonly number[];
  readonly tokens: readonly SmallToken[];
  readonly tau: number;
}

export interface SmallLayerAnswer {
  /** Θ(A), by rows and tokens. */
  readonly weights: readonly (readonly number[])[];
  /** One a row. */
  readonly outputs: readonly number[];
  /** The mean of the squares of how far off they are. */
  readonly error: number;
  /** The gradients of the error, with respect to each token's numbers. */
  readonly gradients: readonly SmallToken[];
}

/** A row of numbers, and the matrix that it is multiplied with. */
export interface SmallMatrix {
  readonly row: readonly number[];
  readonly matrix: readonly (readonly number[])[];
}

// ---- runs of this computer ----------------------------------------------------------------------------------------------

/** A file of a checkpoint directory. */
export interface NamedFile {
  readonly name: string;
  readonly data: Blob;
}

// ---- the engine -------------------------------------------------------------------------------------------------------

/** What happens, told to all listeners. */
export type EngineEvent =
  /** Several points since the last such event, at most some ten events a second. */
  | { readonly type: "training"; readonly run: string; readonly points: readonly TrainingPoint[] }
  | { readonly type: "validation"; readonly run: string; readonly point: ValidationPoint }
  | { readonly type: "sample"; readonly run: string; readonly sample: Sample }
  | { readonly type: "usage"; readonly run: string; readonly usage: UsagePoint }
  /** After growing, undoing, importing or going back: everything of the run may have changed. */
  | { readonly type: "changed"; readonly view: RunView }
  | { readonly type: "summary"; readonly summary: RunSummary }
  | { readonly type: "deleted"; readonly run: string }
  /** It runs on something else from now on: the GPU was lost. */
  | { readonly type: "environment"; readonly environment: Environment }
  /** Something the visitor should know: storage is full, the GPU was lost and training went on elsewhere. */
  | { readonly type: "notice"; readonly message: string };

export interface Engine {
  /**
   * Opens the device, and reads what is kept. To be called first.
   * @param backend "auto": WebGPU where there is one, else WebAssembly
   */
  open(backend: Backend | "auto"): Promise<Environment>;
  /** Tells events from now on. Called once, by the page, with a comlink proxy. */
  listen(listener: (event: EngineEvent) => void): Promise<void>;

  runs(): Promise<readonly RunSummary[]>;
  estimate(choices: Choices): Promise<Estimate>;
  create(choices: Choices): Promise<RunView>;
  view(run: string): Promise<RunView>;
  rename(run: string, name: string): Promise<void>;
  remove(run: string): Promise<void>;

  /** Trains until paused. Several runs train in turns, so that they have had the same floating-point operations. */
  start(run: string): Promise<void>;
  pause(run: string): Promise<void>;
  /** Saves what is not saved, as when the page is hidden. */
  save(): Promise<void>;

  previewGrowth(run: string, request: GrowthRequest): Promise<GrowthPreview>;
  grow(run: string, request: GrowthRequest): Promise<RunView>;
  /** Goes back to the state just before the last growth. */
  undoGrowth(run: string): Promise<RunView>;
  /** Makes a run beside another one; it is not started. */
  compare(run: string, with_: Comparison): Promise<RunView>;

  inspect(run: string, text: string): Promise<Inspection>;
  /** The weights at a site, of the text inspected last. */
  siteWeights(run: string, path: string): Promise<SiteWeights>;
  attentionWeights(run: string, layer: number): Promise<AttentionWeights>;

  /** Has it write by itself now, as it does while it trains; told as a sample. */
  sample(run: string): Promise<void>;
  /**
   * Replies to a conversation, in the form that the run's tokenizer has for one, streaming as `write` does. What no longer fits the
   * context is forgotten, the oldest first.
   * @param options whose prompt is left out
   */
  reply(
    run: string,
    messages: readonly Message[],
    options: Omit<WritingOptions, "prompt">,
    onText: (text: string) => void,
  ): Promise<void>;
  /** Writes on; each piece of text is told to the listener as it is made. Ends early with `stopWriting`. */
  write(run: string, options: WritingOptions, onText: (text: string) => void): Promise<void>;
  stopWriting(): Promise<void>;

  /** What a token layer of a few tokens does. */
  smallLayer(layer: SmallLayer): Promise<SmallLayerAnswer>;
  /** What an ordinary layer does. */
  smallProduct(product: SmallMatrix): Promise<readonly number[]>;

  /** Another run that is as this one is now; it is not started. */
  duplicate(run: string): Promise<RunView>;

  /**
   * Another run that is as this one is now, with a skill: tokens that were trained beside it, see `tokenformer adapt`. It is not started.
   * @param name what the skill is called
   * @param files a zip of its directory, or the files of it. Rejects where it belongs to other weights, or the run has trained on since.
   */
  attachSkill(run: string, name: string, files: Blob | readonly NamedFile[]): Promise<RunView>;

  /**
   * Another run that learns a text by tokens of its own, beside those of this one as it is now; this one stays as it is, and so do
   * they. It is not started.
   */
  teach(run: string, lesson: Lesson): Promise<RunView>;
  /** A zip of the skill that a run learns, as it is now: `attachSkill` takes it, and `--with` of the command line. */
  exportSkill(run: string): Promise<Blob>;

  /** A zip of the checkpoint directory that the command line reads, with the text. */
  exportRun(run: string): Promise<Blob>;
  /**
   * A run from such a zip, or from the files of such a directory.
   * @param text what to train it on; default: the text in the zip, else the page's own. Rejects, and asks for the text, where
   * the run knows too few characters for that.
   */
  importRun(name: string, files: Blob | readonly NamedFile[], text?: TextChoice): Promise<RunView>;
}
