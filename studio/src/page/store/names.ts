/** Names of runs. */

import { summaries } from "./state.ts";

/** A name that no run has yet: the one that is asked for, with a number where it is taken. */
export function unused(name: string): string {
  const taken = new Set(summaries.value.map((run) => run.name));
  let number = 1;
  while (taken.has(numbered(name, number))) number++;
  return numbered(name, number);
}

const numbered = (name: string, number: number) => (number === 1 ? name : `${name} ${number}`);
