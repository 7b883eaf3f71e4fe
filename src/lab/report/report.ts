/** What a report tells about one training run. */

/** A training step. Steps need not be consecutive, but must ascend. */
export interface StepRecord {
  readonly step: number;
  /** Training loss, in nats per token. Steps whose loss is not finite are left out of the plot, and counted. */
  readonly loss: number;
  readonly tokensPerSecond?: number;
  readonly learningRate?: number;
  /** Training tokens seen since the run began. */
  readonly tokens?: number;
  /** Floating-point operations spent on training since the run began. */
  readonly flops?: number;
  /** Seconds since the run began. */
  readonly seconds?: number;
}

/** A validation after step `step`. */
export interface ValidationRecord {
  readonly step: number;
  /** The loss in nats per token. */
  readonly validationLoss: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
}

/** A growth after step `step`. */
export interface GrowthRecord {
  readonly step: number;
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  /** Loss of the same batch just before and just after, in nats per token. */
  readonly lossBefore?: number;
  readonly lossAfter?: number;
  /** The largest change of a logit when the tokens were appended. */
  readonly maxLogitDifference: number;
  /** The largest magnitude of a logit, to compare the difference with. */
  readonly logitScale: number;
  /** How the new tokens were initialised. */
  readonly init: string;
  /** What was appended, for example "attention +64, feed-forward +256 tokens a layer". */
  readonly summary: string;
}

/** A text that the model wrote after step `step`. */
export interface SampleRecord {
  readonly step: number;
  readonly prompt: string;
  /** Continues the prompt. */
  readonly text: string;
  /** What it is called, for example "before the growth". */
  readonly label: string;
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

export interface Report {
  readonly title: string;
  /** What was trained on what, in one sentence. */
  readonly subtitle: string;
  /** The key figures, in the order in which they are shown. */
  readonly facts: readonly Fact[];
  readonly steps: readonly StepRecord[];
  readonly validations: readonly ValidationRecord[];
  readonly growths: readonly GrowthRecord[];
  readonly samples: readonly SampleRecord[];
  /** The configuration, shown as JSON. */
  readonly config: unknown;
  /** How to run it again. */
  readonly command: string;
  readonly date: string;
}
