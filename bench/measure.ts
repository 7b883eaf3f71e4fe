/** What all benchmarks report with. */

import { cpus } from "node:os";

/** The middle of some numbers, of two the larger. */
export const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** A line on what is going on, for people: on stderr. */
export const note = (line: string) => process.stderr.write(`${line}\n`);

export const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`;
