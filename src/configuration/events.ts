/** What a training run tells, as it goes. */

import type { CompleteModelConfig, ParameterCounts } from "../model/index.ts";
import type { RunConfig } from "./config.ts";

export interface StartEvent {
  readonly type: "start";
  readonly config: RunConfig;
  /** The step that it starts from: 0, or that of the checkpoint. */
  readonly step: number;
  readonly parameters: ParameterCounts;
  /** How many of them learn, where that is a part alone. */
  readonly learning?: number;
  /** Floating-point operations of training, per token. */
  readonly flopsPerToken: number;
  readonly device: string;
  readonly data: {
    readonly name: string;
    readonly trainTokens: number;
    readonly validationTokens: number;
    readonly vocabulary: number;
    /** Of documents that are learned in part: how many are longer than the context, of which the rest is not learned, and the first. */
    readonly longDocuments?: { readonly count: number; readonly first: string } | undefined;
    /** How it differs from what the run was trained on before, under the same name: "has other tokens than before". */
    readonly change?: string | undefined;
  };
}

export interface StepEvent {
  readonly type: "step";
  /** Updates made so far, this one included. */
  readonly step: number;
  /** Mean cross-entropy of the batch, in nats per token, before the update. */
  readonly loss: number;
  readonly learningRate: number;
  /** The global norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /** Tokens, floating-point operations and seconds of training so far; evaluation and saving do not count. */
  readonly tokens: number;
  readonly flops: number;
  readonly seconds: number;
  /** The speed of this step. */
  readonly tokensPerSecond: number;
  readonly flopsPerSecond: number;
}

export interface ValidationEvent {
  readonly type: "validation";
  readonly step: number;
  /** The loss in nats per token. */
  readonly validationLoss: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
  /** Tokens, floating-point operations and seconds of training so far. */
  readonly tokens: number;
  readonly flops: number;
  readonly seconds: number;
}

/** What growing changed, and how well it preserved the function. */
export interface GrowthReport {
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  /** Floating-point operations of training, per token. */
  readonly flopsPerTokenBefore: number;
  readonly flopsPerTokenAfter: number;
  /** Bytes of weights, gradients and moments. */
  readonly memoryBefore: number;
  readonly memoryAfter: number;
  /** The largest absolute difference of a logit before and after, on a batch of text. */
  readonly maxLogitDifference: number;
  /** The largest absolute logit before. */
  readonly logitScale: number;
  readonly init: string;
  /** What becomes of τ; absent for a model without. */
  readonly tau?: string;
  /** What was added, in words. */
  readonly summary: string;
}

export interface GrowthEvent extends GrowthReport {
  readonly type: "growth";
  readonly step: number;
  /** Validation loss just before and just after. */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Tokens, floating-point operations and seconds of training so far. */
  readonly tokens: number;
  readonly flops: number;
  readonly seconds: number;
}

export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly directory: string;
  /** Whether it was saved for its validation loss, the lowest so far. */
  readonly best: boolean;
}

export interface EndEvent {
  readonly type: "end";
  readonly step: number;
  readonly model: CompleteModelConfig;
  /** Whether a signal ended it before its time; it can be resumed. */
  readonly interrupted: boolean;
}

export type TrainingEvent = StartEvent | StepEvent | ValidationEvent | GrowthEvent | CheckpointEvent | EndEvent;
