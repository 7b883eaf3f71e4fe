/** What has to be the same on all ranks, or their results mean nothing. */

import { UserError } from "../errors.ts";
import type { Communicator } from "./communicator.ts";
import { gatherTexts, rankName } from "./exchange.ts";
import { machineOf } from "./machine.ts";

/**
 * Compares facts about all ranks.
 * @param facts what they are called in messages, and what they are
 * @param onMachine facts that mean something on one machine alone, such as where a folder is
 * @throws UserError on all ranks, with the first difference between a rank and rank 0, or the first rank of its machine
 */
export async function requireSame(
  communicator: Communicator,
  facts: Readonly<Record<string, string>>,
  onMachine: Readonly<Record<string, string>> = {},
): Promise<void> {
  const own: Told = { machine: machineOf(communicator), name: rankName(communicator), facts, onMachine };
  const all = (await gatherTexts(communicator, JSON.stringify(own))).map((text): Told => JSON.parse(text));
  const [first = own] = all;
  for (const other of all) {
    const neighbour = all.find((one) => one.machine === other.machine) ?? other;
    const difference = differenceOf("facts", first, other) ?? differenceOf("onMachine", neighbour, other);
    if (difference !== undefined) throw new UserError(`the ranks differ: ${difference}; give all ranks the same`);
  }
}

interface Told {
  readonly machine: string;
  /** What messages call the rank. */
  readonly name: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly onMachine: Readonly<Record<string, string>>;
}

/** The first difference between two ranks, in words. */
function differenceOf(kind: "facts" | "onMachine", one: Told, other: Told): string | undefined {
  const key = Object.keys({ ...one[kind], ...other[kind] }).find((key) => one[kind][key] !== other[kind][key]);
  if (key === undefined) return undefined;
  const [says, saysOther] = [one, other].map((told) => `${told[kind][key] ?? "missing"} on ${told.name}`);
  return `${key} is ${says} and ${saysOther}`;
}
