/** Signals that ask for an orderly end: Ctrl-C, `kill`, and the end of the terminal or of the connection to it. */

import { note } from "./output.ts";

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs `work` with a signal that aborts on any of these. A second SIGINT or SIGTERM ends the process at once; of SIGHUP, shells
 * and service managers send more than one, or one after SIGTERM.
 */
export async function withInterrupt<Result>(
  message: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (!abort.signal.aborted) {
      abort.abort();
      note(`\n${message}; press Ctrl-C again to stop at once`);
    } else if (signal !== "SIGHUP") {
      // Without its handler the signal ends the process at once. `process.exit` would abort in the midst of a step.
      process.off(signal, stop);
      process.kill(process.pid, signal);
    }
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    return await work(abort.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
