/** Signals that ask for an orderly end: Ctrl-C, `kill`, and the end of the terminal or of the connection to it. */

import { note } from "./output.ts";

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The signals that end work in order: SIGUSR2, too, which `launch` sends ranks, and batch systems some time before they end them. */
const INTERRUPTS = [...SIGNALS, "SIGUSR2"] as const;

/**
 * Runs `work` with a signal that aborts on any of these. SIGINT or SIGTERM for the second time ends the process at once; SIGHUP
 * does not, as shells send it more than once, nor one after another, as service managers send SIGTERM and SIGHUP together.
 * @param endWork ends work that goes on in other processes: this one ends behind it. Default: there are none
 * @param signals those that it listens to. Default: all that end work in order
 */
export async function withInterrupt<Result>(
  message: string,
  work: (signal: AbortSignal) => Promise<Result>,
  endWork?: () => void,
  signals: readonly NodeJS.Signals[] = INTERRUPTS,
): Promise<Result> {
  const abort = new AbortController();
  let last: NodeJS.Signals | undefined;
  const seen = new Set<NodeJS.Signals>();
  const stop = (signal: NodeJS.Signals) => {
    if (!abort.signal.aborted) {
      abort.abort();
      note(`\n${message}; press Ctrl-C again to stop at once`);
    } else if (seen.has(signal) && signal !== "SIGHUP") {
      last = signal;
      if (endWork !== undefined) return endWork();
      // Without its handler the signal ends the process at once. `process.exit` would abort in the midst of a step.
      process.off(signal, stop);
      process.kill(process.pid, signal);
    }
    seen.add(signal);
  };
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(abort.signal);
  } finally {
    // A SIGHUP that comes late does not change how it ended.
    for (const signal of signals) if (signal !== "SIGHUP" || !abort.signal.aborted) process.off(signal, stop);
    if (last !== undefined) process.kill(process.pid, last);
  }
}
