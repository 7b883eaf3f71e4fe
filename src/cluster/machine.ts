/** Which ranks are on one machine. Hosts may share a name, so that alone does not tell. */

import { readFileSync } from "node:fs";
import type { Communicator } from "./communicator.ts";
import { gatherTexts } from "./exchange.ts";

/** What Linux calls this machine from one boot to the next; empty elsewhere. */
function bootName(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** The machine of a rank, as no other is called where the system tells. */
export const machineOf = ({ host }: Communicator): string => `${host} ${bootName()}`;

/** How many ranks are on this one's machine, itself among them. */
export async function ranksOnMachine(communicator: Communicator): Promise<number> {
  const own = machineOf(communicator);
  return (await gatherTexts(communicator, own)).filter((other) => other === own).length;
}
