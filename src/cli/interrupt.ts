/** Ctrl-C: the first asks for an orderly end, the second ends the process. */

import { note } from "./output.ts";

/** Runs `work` with a signal that aborts on SIGINT or SIGTERM. */
export async function withInterrupt<Result>(
  message: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const abort = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (abort.signal.aborted) {
      // Without its handler the signal ends the process at once. `process.exit` would abort in the midst of a step.
      process.off(signal, stop);
      process.kill(process.pid, signal);
      return;
    }
    abort.abort();
    note(`\n${message}; press Ctrl-C again to stop at once`);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    return await work(abort.signal);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}
