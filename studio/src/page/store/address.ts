/** The page's address: which run is on the screen, or which choices a new run starts from. */

import { signal } from "@preact/signals";
import { show } from "./actions.ts";
import { fromQuery } from "./draft.ts";
import { openedId, phase } from "./state.ts";

export const addressOfRun = (run: string) => `#/run/${encodeURIComponent(run)}`;
export const addressOfComputerRun = (run: string) => `#/computer/${encodeURIComponent(run)}`;

/** The run of this computer that is on the screen. */
export const watchedId = signal<string | undefined>(undefined);

/** What a link brought that someone shared, as a query. */
export const sharedQuery = signal<string | undefined>(undefined);

/** Whether the address is that of the story. */
export const tellsStory = signal(isStory());

function isStory(): boolean {
  return location.hash === "#/learn";
}

/** Goes by the address now, and whenever it changes. */
export function followAddress(): void {
  if (phase.peek().kind !== "ready") return;
  window.addEventListener("hashchange", () => void heed().then(focusTitle));
  void heed();
}

const part = (pattern: RegExp) => pattern.exec(location.hash)?.[1];

async function heed(): Promise<void> {
  // Others are places in the page.
  if (location.hash !== "" && !location.hash.startsWith("#/")) return;
  const run = part(/^#\/run\/(.+)$/);
  const watched = part(/^#\/computer\/(.+)$/);
  tellsStory.value = isStory();
  sharedQuery.value = part(/^#\/r\?(.+)$/);
  // Within an article there is no room for what is around it.
  document.documentElement.dataset["embed"] = String(/[?&]embed=1/.test(location.hash));
  watchedId.value = watched === undefined ? undefined : decodeURIComponent(watched);
  if (run !== undefined && (await show(decodeURIComponent(run))) === true) return scrollTo(0, 0);
  openedId.value = undefined;
  // It is not kept here, which was said: Back and Reload need not say it again.
  if (run !== undefined) history.replaceState(null, "", "#/");
  const query = part(/^#\/new\?(.+)$/);
  if (query !== undefined) fromQuery(query);
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
