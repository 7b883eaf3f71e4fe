/** Commands that serve go on until they are told to stop. */

import { once } from "node:events";

/** Waits for SIGTERM or Ctrl-C. From then on a second one ends the process at once. */
export async function untilStopped(): Promise<void> {
  const stop = new AbortController();
  const signals = ["SIGTERM", "SIGINT"] as const;
  await Promise.race(signals.map((signal) => once(process, signal, { signal: stop.signal }).catch(() => undefined)));
  stop.abort();
}
