/** What all benchmarks report with. */

import { cpus } from "node:os";

/** The middle of some numbers, of two the larger. */
export const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Figures of rounds over others of the same rounds. */
export const ratiosOf = (figures: readonly number[], others: readonly number[]) =>
  figures.map((figure, round) => figure / (others[round] ?? Number.NaN));

/** The median of some numbers, and between what half of them are, for people. */
export const spread = (numbers: readonly number[]) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
  return `${middle?.toFixed(3)} (half of them from ${low?.toFixed(3)} to ${high?.toFixed(3)})`;
};

/** A line on what is going on, for people: on stderr. */
export const note = (line: string) => process.stderr.write(`${line}\n`);

export const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`;
