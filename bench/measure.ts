/** What all benchmarks report with. */

import { cpus } from "node:os";

/** The middle of some numbers, of two the larger. */
export const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

export const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}`;

/** One of some names. Throws an error that lists them for any other. */
export function oneOf<Name extends string>(names: readonly Name[], given: string, option: string): Name {
  const found = names.find((name) => name === given);
  if (found === undefined) throw new Error(`${option} ${given}: there is ${names.join(", ")}`);
  return found;
}

/** A whole number from 1. */
export function countOf(given: string, option: string): number {
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${option} ${given}: expected a whole number from 1`);
  return count;
}
