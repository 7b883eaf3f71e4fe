/** What all benchmarks report with. */

import { cpus } from "node:os";

/** The middle of some numbers, of two the larger. */
export const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

export const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`;
