/** The page's address: which run is on the screen, or which choices a new run starts from. */

import { show } from "./actions.ts";
import { fromQuery } from "./draft.ts";
import { openedId, phase } from "./state.ts";

export const addressOfRun = (run: string) => `#/run/${encodeURIComponent(run)}`;

/** Goes by the address now, and whenever it changes. */
export function followAddress(): void {
  if (phase.peek().kind !== "ready") return;
  window.addEventListener("hashchange", () => void heed());
  void heed();
}

async function heed(): Promise<void> {
  const [, run] = /^#\/run\/(.+)$/.exec(location.hash) ?? [];
  if (run !== undefined && (await show(decodeURIComponent(run))) === true) return scrollTo(0, 0);
  openedId.value = undefined;
  const [, query] = /^#\/new\?(.+)$/.exec(location.hash) ?? [];
  if (query !== undefined) fromQuery(query);
}

export function goTo(hash: string): void {
  location.hash = hash;
}
