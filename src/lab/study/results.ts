/** What a study has measured, as plain data: what its report, its figures and its verdicts are made of. */

import type { TrainingConfig } from "../../configuration/index.ts";

/** The validation loss at one instant of a run. */
export interface Point {
  /** Updates since the run began. */
  readonly step: number;
  /** Training tokens, floating-point operations and seconds spent since the beginning of the run, of the runs that it
   * started from too. */
  readonly tokens: number;
  readonly flops: number;
  readonly seconds: number;
  /** In nats per token, on the same validation tokens for all runs. */
  readonly loss: number;
}

/** How a run stood when it had spent its budget for a size. */
export interface Outcome extends Point {
  /** Index of the size, from 0. */
  readonly stage: number;
  /** Parameters of the model at that point. */
  readonly parameters: number;
}

/** A growth within a run. */
export interface GrowthOutcome {
  /** What grew, in words, such as "query 16 → 32, feedForward 64 → 128 tokens". */
  readonly summary: string;
  readonly step: number;
  readonly flops: number;
  readonly tokens: number;
  /** Validation loss just before and just after. */
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Updates from this growth to the next one or the end. */
  readonly steps: number;
  /** Validation loss after 2 % of those steps. */
  readonly lagLoss?: number;
  /** Updates after which a validation was at or below `lossBefore` again; missing if none was. */
  readonly recoverySteps?: number;
}

/** How much the parameter tokens of one generation were used at the end of a run. */
export interface GenerationUse {
  /** The step after which they were appended; 0 for the first. */
  readonly born: number;
  /** Share of all parameter tokens, of what all of them add to the outputs, and of the gradient's squared norm: 0 to 1. */
  readonly tokenShare: number;
  readonly massShare: number;
  readonly gradientShare: number;
}

/** One training run. */
export interface RunResult {
  readonly seed: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** Ascending steps. */
  readonly curve: readonly Point[];
  /** The outcomes in the order of the stages; those of a run that diverged are missing. */
  readonly outcomes: readonly Outcome[];
  readonly growths: readonly GrowthOutcome[];
  /** The use of each generation, of models with parameter tokens that grew. */
  readonly usage?: readonly GenerationUse[];
  /** Why it ended before its time: what the loss became. */
  readonly diverged?: string;
}

/** One training recipe, run with several learning rates to choose one, and with several seeds. */
export interface CellResult {
  /** For example "scratch-flops/2". */
  readonly id: string;
  /** The last size that it has an outcome for. */
  readonly stage: number;
  /**
   * The final validation loss of each learning rate tried, by a seed that is used for nothing else: infinite where it diverged, which a
   * file of JSON has as null.
   */
  readonly grid: readonly { readonly learningRate: number; readonly loss: number }[];
  /** The one chosen: that of the lowest loss. */
  readonly learningRate: number;
  /** One for each seed. */
  readonly runs: readonly RunResult[];
}

/** A way to get a model of each size, for example by growing or from scratch. */
export interface ArmResult {
  /** For example "grown", "scratch-flops". */
  readonly id: string;
  /** A few words, for legends and tables: "grown", "from scratch, equal FLOPs". */
  readonly label: string;
  /** One sentence: what is trained, and with what budget. */
  readonly doc: string;
  /** One cell that passes through all sizes, or one for each size. */
  readonly cells: readonly CellResult[];
}

/** One way to grow, compared with the reference of its question. */
export interface VariantResult {
  readonly id: string;
  readonly label: string;
  readonly doc: string;
  readonly cell: CellResult;
}

/** An answer that a ladder does not allow. */
export interface LeftOut {
  readonly label: string;
  readonly reason: string;
}

/** A question on how to grow, with the answers tried. The same reference is in every question. */
export interface QuestionResult {
  /** For example "init", "tau". */
  readonly id: string;
  /** For example "How should new tokens start?" */
  readonly question: string;
  readonly variants: readonly VariantResult[];
  /** Missing in what earlier versions made, which left none out. */
  readonly leftOut?: readonly LeftOut[];
}

export interface StageDescription {
  /** Parameter tokens of each attention projection, and of the feed-forward layer. */
  readonly attention: number;
  readonly feedForward: number;
  /** How many parameters the TokenFormer has. */
  readonly parameters: number;
  /** The width of the Transformer with the nearest number of parameters. */
  readonly width: number;
  readonly transformerParameters: number;
  /** Updates of the grown arm in this stage. */
  readonly steps: number;
}

export interface StudyResults {
  /** The name of its configuration, such as "mini". */
  readonly name: string;
  /** The day it ended, such as "2026-11-24". */
  readonly date: string;
  /** Processor, cores and memory, in words. */
  readonly machine: string;
  /** The revision of the software: version, and commit where it is known. */
  readonly software: string;
  /** How to run it again. */
  readonly command: string;
  readonly data: {
    readonly name: string;
    readonly trainTokens: number;
    readonly validationTokens: number;
    /** Validation tokens that each loss is measured on. */
    readonly evaluationTokens: number;
    readonly vocabulary: number;
    /** Mean UTF-8 bytes of a validation token. */
    readonly bytesPerToken: number;
  };
  readonly model: {
    readonly layers: number;
    readonly heads: number;
    readonly width: number;
    readonly context: number;
    /** Sequences of an update. */
    readonly batch: number;
  };
  /** How the learning rate of every run goes, and over how many updates it rises. */
  readonly training: Pick<TrainingConfig, "schedule" | "warmup">;
  readonly stages: readonly StageDescription[];
  readonly seeds: readonly number[];
  /** The arms in the order in which they are shown; the grown arm is "grown". */
  readonly arms: readonly ArmResult[];
  /** The growth that the questions are about, in words, and the id of the reference among the variants. */
  readonly ablation: {
    readonly doc: string;
    readonly stage: number;
    readonly reference: string;
    readonly questions: readonly QuestionResult[];
  };
  /** All floating-point operations and seconds that went into runs, the choice of learning rates included. */
  readonly spent: { readonly runs: number; readonly flops: number; readonly seconds: number };
}
