/** The page's address: which run is on the screen, or which choices a new run starts from. */

import { signal } from "@preact/signals";
import { isComing, show } from "./actions.ts";
import { fromQuery } from "./draft.ts";
import { openedId, phase } from "./state.ts";

export const addressOfRun = (run: string) => `#/run/${encodeURIComponent(run)}`;
export const addressOfComputerRun = (run: string) => `#/computer/${encodeURIComponent(run)}`;

/** The run of this computer that is on the screen. */
export const watchedId = signal<string | undefined>(undefined);

/** What a link brought that someone shared, as a query. */
export const sharedQuery = signal<string | undefined>(undefined);

/** Whether the address is that of the story. */
export const tellsStory = signal(false);

const part = (pattern: RegExp) => pattern.exec(location.hash)?.[1];

/** What an address names. One that is damaged names nothing that there is. */
function named(pattern: RegExp): string | undefined {
  const written = part(pattern);
  try {
    return written === undefined ? undefined : decodeURIComponent(written);
  } catch {
    return written;
  }
}

/** Others are places in the page. */
const isAddress = () => location.hash === "" || location.hash.startsWith("#/");

/** Goes by the address now, and whenever it changes, as far as no engine is needed for that: what a link brings is there at once. */
export function followAddress(): void {
  window.addEventListener("hashchange", () => {
    heed();
    if (phase.peek().kind === "ready") void showRun().then(focusTitle);
  });
  heed();
}

function heed(): void {
  if (!isAddress()) return;
  tellsStory.value = location.hash === "#/learn";
  sharedQuery.value = part(/^#\/r\?(.+)$/);
  // Within an article there is no room for what is around it.
  document.documentElement.dataset["embed"] = String(/[?&]embed=1/.test(location.hash));
  watchedId.value = named(/^#\/computer\/(.+)$/);
  const query = part(/^#\/new\?(.+)$/);
  if (query !== undefined) fromQuery(query);
}

const runOfAddress = () => named(/^#\/run\/(.+)$/);

/** Shows the run that the address names, once the engine is there; no run where it names none. */
export async function showRun(): Promise<void> {
  if (!isAddress()) return;
  const run = runOfAddress();
  if (run === undefined) {
    openedId.value = undefined;
    return;
  }
  const isWanted = () => runOfAddress() === run;
  const shown = await show(run, isWanted);
  // Meanwhile the visitor may have gone elsewhere, or come back to it.
  if (!isWanted() || isComing(run)) return;
  if (shown === true) return scrollTo(0, 0);
  openedId.value = undefined;
  // It is not kept here, which was said: Back and Reload need not say it again.
  history.replaceState(null, "", "#/");
}

/** What had the focus is gone with its screen. */
export function focusTitle(): void {
  requestAnimationFrame(() => {
    if (document.activeElement === document.body)
      document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  });
}

export function goTo(hash: string): void {
  location.hash = hash;
}
