/** Commands that serve go on until they are told to stop. */

import { once } from "node:events";
import { SIGNALS, withInterrupt } from "./interrupt.ts";

/**
 * Waits for Ctrl-C, SIGTERM or SIGHUP, tells what is done then, and does it. A second one ends the process at once where `withInterrupt`
 * takes it for that.
 */
export async function servedUntilStopped(message: string, end: () => Promise<void>): Promise<void> {
  const stopped = async (signal: AbortSignal) => {
    await once(signal, "abort");
    await end();
  };
  await withInterrupt(message, stopped, undefined, SIGNALS);
}
