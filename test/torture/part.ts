/** A part of the torture suite: trials of one kind of misfortune, each made again by its seed and number. */

import type { Random } from "../../src/random.ts";
import type { CommandHost } from "../support/program.ts";

/** What happened, to be added up: for example `{ kills: 3 }`. */
export type Counts = Readonly<Record<string, number>>;

/** What a part has at hand. */
export interface Setting {
  /** An empty folder, removed afterwards. */
  readonly folder: string;
  /** Draws what the trials share. */
  readonly random: Random;
  /** Runs commands to which nothing happens; other parts may have one with it, and it is not the part's to close. */
  readonly host: CommandHost;
  /** Whether it is to take seconds: the same trials on less. */
  readonly short: boolean;
  /** Whether a command is tried, by its name, where a part tries many. */
  readonly isTried: (command: string) => boolean;
}

/** The trials of a part, ready to be made. */
export interface Trials {
  /** How many there are at most: where all cases are counted through, their number. */
  readonly count: number;
  /**
   * Makes a trial.
   * @param random the trial's own numbers
   * @throws Error that says what went wrong
   */
  trial(index: number, random: Random): Promise<Counts>;
  close(): Promise<void>;
}

export interface Part {
  /** For `--only`, and in seeds. */
  readonly name: string;
  /** What it does and what must come of it, for the summary. */
  readonly title: string;
  /** Makes what the trials share. */
  begin(setting: Setting): Promise<Trials>;
}

/** Fails a trial. */
export function check(condition: boolean, problem: () => string): asserts condition {
  if (!condition) throw new Error(problem());
}
