/** Runs that train when the page is loaded again go on by themselves. */

import { effect } from "@preact/signals";
import { z } from "zod";
import { engine, summaries } from "./state.ts";

/** In the session's storage, as another tab is another visit. */
const KEY = "training";

/** Starts what this tab trained before it was loaded again, and from now on notes what it trains. */
export async function resumeTraining(): Promise<void> {
  const known = new Set(summaries.peek().map(({ id }) => id));
  for (const run of noted()) {
    // Another tab may have it by now, and says so in the list.
    if (known.has(run))
      await engine()
        .start(run)
        .catch(() => undefined);
  }
  effect(() => note(summaries.value.filter(({ status }) => trains(status.kind)).map(({ id }) => id)));
}

const trains = (kind: string) => kind === "training" || kind === "starting";

function noted(): readonly string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
  } catch {
    // Storage is forbidden, or holds something else.
    return [];
  }
}

function note(runs: readonly string[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(runs));
  } catch {
    // The visitor has to start them again.
  }
}
