/** What the study `skills` came to. */

/** Held-out losses in nats per token, by the name of the text. */
export type Losses = Readonly<Record<string, number>>;

/** A model that has learned, and what it cost. */
export interface Learned {
  readonly seed: number;
  /** Parameters that learned, and the bytes of what is kept of them. */
  readonly parameters: number;
  readonly bytes: number;
  /** Bytes that training takes, at least: weights, and gradients and moments of what learns, and what a pass computes. */
  readonly memory: number;
  /** Seconds of training alone. */
  readonly seconds: number;
  readonly losses: Losses;
  /** Why it ended before its time: what the loss became. It has no losses then, and nothing is made of it. */
  readonly diverged?: string;
}

/**
 * How a text is learned: by a skill; by appended tokens under the norm of the old ones, which are frozen (`shared`); by some of the old
 * tokens (`old`); by LoRA beside a GPT; or by all parameters of the base, which are trained on (`full`).
 */
export const ways = ["skill", "shared", "old", "lora", "full"] as const;

export type Way = (typeof ways)[number];

/** A new text, learned in some way. */
export interface Adapted extends Learned {
  readonly text: string;
  readonly way: Way;
  /** Tokens a site: of LoRA, those of the skill that has about as many parameters. Absent where all parameters learned. */
  readonly size?: number | undefined;
  readonly learningRate: number;
}

/** Two skills of one size at once. */
export interface Pair {
  readonly seed: number;
  readonly texts: readonly [string, string];
  readonly size: number;
  readonly losses: Losses;
}

/** After each of the new texts, one after the other: the mean held-out loss over the base's text and those learned so far. */
export interface Continual {
  readonly seed: number;
  /** `all`: the skills so far attached together; `own`: each text with its skill alone; `full`: one model trained on. */
  readonly way: "all" | "own" | "full";
  readonly size?: number;
  readonly means: readonly number[];
}

export interface SkillsResults {
  readonly name: string;
  readonly date: string;
  readonly machine: string;
  readonly software: string;
  readonly command: string;
  /** The base's text first. */
  readonly texts: readonly string[];
  readonly baseParameters: number;
  readonly steps: { readonly base: number; readonly adapting: number };
  readonly sizes: readonly number[];
  readonly seeds: readonly number[];
  /** The learning rates that each way tried. */
  readonly rates: readonly number[];
  readonly bases: readonly Learned[];
  /** The GPT that LoRA is beside, by seeds; none where that is no part of the study. */
  readonly gpts: readonly Learned[];
  readonly adapted: readonly Adapted[];
  readonly pairs: readonly Pair[];
  readonly continual: readonly Continual[];
  /** The folders, within `runs`, of the trainings that diverged. */
  readonly diverged: readonly string[];
  /** What was not done yet, in words. */
  readonly missing: readonly string[];
}
