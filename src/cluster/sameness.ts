/** What has to be the same on all ranks, or their results mean nothing. */

import { UserError } from "../errors.ts";
import type { Communicator } from "./communicator.ts";
import { gatherTexts, rankName } from "./exchange.ts";

/**
 * Compares facts about all ranks.
 * @param facts what they are called in messages, and what they are
 * @throws UserError on all ranks, with the first difference between a rank and rank 0
 */
export async function requireSame(communicator: Communicator, facts: Readonly<Record<string, string>>): Promise<void> {
  const own = JSON.stringify({ host: communicator.host, facts });
  const all = (await gatherTexts(communicator, own)).map((text): Told => JSON.parse(text));
  const [first, ...others] = all;
  if (first === undefined) return;
  for (const [index, other] of others.entries()) {
    const name = Object.keys({ ...first.facts, ...other.facts }).find((key) => first.facts[key] !== other.facts[key]);
    if (name === undefined) continue;
    const says = ({ facts: { [name]: value = "missing" }, host }: Told, rank: number) =>
      `${value} on ${rankName({ rank, host })}`;
    throw new UserError(
      `the ranks differ: ${name} is ${says(first, 0)} and ${says(other, index + 1)}; give all ranks the same`,
    );
  }
}

interface Told {
  readonly host: string;
  readonly facts: Readonly<Record<string, string>>;
}
