/**
 * Threads of WebAssembly share memory, which browsers allow only to pages that are isolated from other origins by two headers.
 * Where the host sends them there is nothing to do. Where it does not, a service worker adds them: it is installed on the first
 * visit, and the page loads once more, this time through it.
 */

/** In the session's storage: the page has loaded again for this, and must not a second time. */
const TRIED = "isolation-tried";

/** Longest wait for the service worker; after that the page goes on without, and the next visit has it. */
const PATIENCE = 4000;

/**
 * Isolates the page as far as that can be done.
 * @returns "reloading" where the page is about to load again; "settled" where it may begin, isolated or not
 */
export async function isolate(): Promise<"settled" | "reloading"> {
  if (window.crossOriginIsolated) {
    forget();
    return "settled";
  }
  if (import.meta.env.DEV || !("serviceWorker" in navigator)) return "settled";
  try {
    if (!(await installed()) || !remember()) return "settled";
  } catch {
    // Some browsers forbid service workers or storage in private windows: one thread will do.
    return "settled";
  }
  window.location.reload();
  return "reloading";
}

/** Whether the service worker is at work, after having been installed. */
async function installed(): Promise<boolean> {
  await navigator.serviceWorker.register(new URL("./service-worker.js", document.baseURI));
  const ready = navigator.serviceWorker.ready.then(() => true);
  return Promise.race([ready, new Promise<boolean>((resolve) => setTimeout(resolve, PATIENCE, false))]);
}

/** Marks this tab. Returns false if it was marked before: then loading again did not help, and would not now. */
function remember(): boolean {
  if (sessionStorage.getItem(TRIED) !== null) return false;
  sessionStorage.setItem(TRIED, "yes");
  return true;
}

function forget(): void {
  try {
    sessionStorage.removeItem(TRIED);
  } catch {
    // Storage is forbidden, so nothing was remembered either.
  }
}
