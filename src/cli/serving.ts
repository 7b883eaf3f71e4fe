/** Commands that serve go on until they are told to stop. */

import { once } from "node:events";
import { SIGNALS } from "./interrupt.ts";

/** Waits for Ctrl-C, SIGTERM or SIGHUP. From then on a second one ends the process at once. */
export async function untilStopped(): Promise<void> {
  const stop = new AbortController();
  await Promise.race(SIGNALS.map((signal) => once(process, signal, { signal: stop.signal }).catch(() => undefined)));
  stop.abort();
}
