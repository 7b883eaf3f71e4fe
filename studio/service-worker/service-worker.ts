/**
 * Adds the headers that isolate the page from other origins to what a static host sends, and keeps the page's files, so that a
 * second visit is quick and needs no network. Files named by their contents come from the cache, all others from the network while
 * there is one.
 */

declare const self: ServiceWorkerGlobalScope;

/** The files of this build that are named by their contents, relative to this script. Written in by the build. */
declare const NAMED_BY_CONTENTS: readonly string[];

const CACHE = "tokenformer-studio";
const here = (path: string) => new URL(path, self.location.href).href;
const named = new Set(NAMED_BY_CONTENTS.map(here));

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));

self.addEventListener("activate", (event) => event.waitUntil(Promise.all([self.clients.claim(), forgetOldBuilds()])));

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  // The answers of `tokenformer studio` under api/ are live: not to be kept, and some never end.
  if (method !== "GET" || !url.startsWith(here("./")) || url.startsWith(here("./api/"))) return;
  event.respondWith(answer(event).then(isolated));
  if (event.request.mode === "navigate") event.waitUntil(keepAll());
});

async function answer(event: FetchEvent): Promise<Response> {
  if (named.has(event.request.url)) return (await match(event.request)) ?? fetched(event);
  try {
    return await fetched(event);
  } catch (error) {
    const kept = await match(event.request);
    if (kept === undefined) throw error;
    return kept;
  }
}

/**
 * Keeps what the page may ask for later, such as a part that only trains: without a network it would be missing. ONNX Runtime has a
 * kind for each browser, of many megabytes, of which one is loaded at once.
 */
async function keepAll(): Promise<void> {
  for (const url of [here("default.txt"), ...named]) {
    if (/\/ort[^/]*$/.test(url) || (await match(new Request(url))) !== undefined) continue;
    const response = await fetch(url).catch(() => undefined);
    if (response?.status === 200) await keep(new Request(url), response);
  }
}

/** From the network; kept while the page already reads it. */
async function fetched(event: FetchEvent): Promise<Response> {
  const response = await fetch(event.request);
  if (response.status === 200 && response.type === "basic") event.waitUntil(keep(event.request, response.clone()));
  return response;
}

async function keep(request: Request, response: Response): Promise<void> {
  try {
    await (await caches.open(CACHE)).put(keyOf(request), response);
  } catch {
    // There is no room, or no permission: the network will be asked again.
  }
}

async function match(request: Request): Promise<Response | undefined> {
  try {
    return await (await caches.open(CACHE)).match(keyOf(request));
  } catch {
    return undefined;
  }
}

/** The page is one, whatever its address says that it is to show. */
function keyOf({ url }: Request): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

async function forgetOldBuilds(): Promise<void> {
  const cache = await caches.open(CACHE);
  const kept = await cache.keys();
  const old = kept.filter(({ url }) => url.startsWith(here("./assets/")) && !named.has(url));
  await Promise.all(old.map((request) => cache.delete(request)));
}

/** The same response with the headers of isolation. */
function isolated(response: Response): Response {
  // A redirection of the page itself is followed by the browser, and cannot be changed.
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

// A module, so that `self` can be declared.
export {};
