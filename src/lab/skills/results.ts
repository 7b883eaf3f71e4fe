/** What the study `skills` came to. */

/** Held-out losses in nats per token, by the name of the text. */
export type Losses = Readonly<Record<string, number>>;

/** A model that has learned, and what it cost. */
export interface Learned {
  readonly seed: number;
  /** Parameters that learned, and the bytes of what is kept of them. */
  readonly parameters: number;
  readonly bytes: number;
  /** Seconds of training alone. */
  readonly seconds: number;
  readonly losses: Losses;
}

/** A new text, learned in some way. */
export interface Adapted extends Learned {
  readonly text: string;
  /** Tokens a site of a skill; `full`: all parameters of the base were trained on. */
  readonly way: number | "full";
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
  readonly bases: readonly Learned[];
  readonly adapted: readonly Adapted[];
  readonly pairs: readonly Pair[];
  readonly continual: readonly Continual[];
  /** What was not done yet, in words. */
  readonly missing: readonly string[];
}
