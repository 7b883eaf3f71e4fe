/** How tokens are drawn, as options of the commands that write. */

import type { Command } from "commander";
import { numberOption, wholeOption } from "./numbers.ts";

export interface Sampling {
  readonly temperature: number;
  readonly topK?: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
}

/** Adds the options to a command. */
export const withSampling = (command: Command): Command =>
  command
    .option(
      "--temperature <t>",
      "below 1 is more cautious, above 1 more varied, 0 takes the most likely token",
      numberOption("--temperature"),
      1,
    )
    .option("--top-k <k>", "draw among the k most likely tokens", wholeOption("--top-k"))
    .option("--top-p <p>", "draw among the most likely tokens of this probability in all", numberOption("--top-p"), 1)
    .option(
      "--min-p <p>",
      "draw among tokens with this share of the likeliest one's chance",
      numberOption("--min-p"),
      0,
    )
    .option(
      "--repetition-penalty <r>",
      "above 1, tokens that occurred before become less likely",
      numberOption("--repetition-penalty"),
      1,
    )
    .option("--seed <n>", "the same seed writes the same text", numberOption("--seed"), 1);
