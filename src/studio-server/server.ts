/** The server: the page and the API on a port. */

import { serveStatic } from "@hono/node-server/serve-static";
import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import { HTTPException } from "hono/http-exception";
import { messageOf } from "../errors.ts";
import { addressedHost, isLoopback, type Listening, type ListenOptions, listen } from "../http/index.ts";
import { apiRoutes } from "./api.ts";
import { installedParts } from "./installed-parts.ts";
import { Library } from "./library.ts";

export interface StudioServerOptions extends ListenOptions {
  /** The folder of the built page. */
  readonly page: string;
  /** Where to look for runs. */
  readonly root: string;
  /** A run that the page opens at once. */
  readonly run?: string | undefined;
  /** Called with the text of a fault of ours. */
  readonly note: (text: string) => void;
}

export type RunningStudio = Listening;

/** @throws UserError if the port cannot be had, or ONNX Runtime for browsers is not there */
export async function startStudio(options: StudioServerOptions): Promise<RunningStudio> {
  const loopback = isLoopback(options.host);
  const parts = await installedParts(options.page);
  const app = new Hono();
  app.use(isolated);
  app.use(readOnly);
  if (loopback) app.use(addressedHere);
  // On the way to the same computer, WebAssembly of many megabytes takes longer to compress than to send.
  app.use(
    compress(loopback ? { contentTypeFilter: (type) => /^(text\/(?!event-stream)|application\/json)/.test(type) } : {}),
  );
  app.route("/api", apiRoutes(new Library(options.root, options.run)));
  app.use(cached);
  app.use(marked);
  app.use(serveStatic({ root: options.page }));
  app.route("/", parts);
  app.notFound((context) => context.json({ error: "there is no such page" }, 404));
  app.onError((error, context) => failure(error, context, options.note));
  return listen(app.fetch, options);
}

type Next = () => Promise<void>;

/** Threads of WebAssembly need a page that no other origin can reach into; nor may others read what is here. */
async function isolated(context: Context, next: Next): Promise<void> {
  await next();
  context.header("Cross-Origin-Opener-Policy", "same-origin");
  context.header("Cross-Origin-Embedder-Policy", "require-corp");
  context.header("Cross-Origin-Resource-Policy", "same-origin");
  context.header("X-Content-Type-Options", "nosniff");
}

async function readOnly({ req }: Context, next: Next): Promise<void> {
  if (req.method !== "GET") throw new HTTPException(405, { message: `${req.method}: only GET is answered` });
  await next();
}

/** A page elsewhere can have its own name lead to this computer, but then the browser says that name here. */
async function addressedHere({ req }: Context, next: Next): Promise<void> {
  const host = addressedHost(req.header("host"));
  if (!isLoopback(host)) {
    throw new HTTPException(403, { message: `${host}: this server is only for the computer it runs on` });
  }
  await next();
}

/** Files that are named by their contents never change. */
async function cached(context: Context, next: Next): Promise<void> {
  await next();
  const forever = context.req.path.startsWith("/assets/") && context.res.ok;
  context.header("Cache-Control", forever ? "public, max-age=31536000, immutable" : "no-cache");
}

/** The page asks for runs only where it is told that there are some: other hosts have none. */
async function marked(context: Context, next: Next): Promise<void> {
  await next();
  const { res } = context;
  if (!res.headers.get("Content-Type")?.startsWith("text/html")) return;
  const page = (await res.text()).replace("<head>", '<head>\n    <meta name="tokenformer-runs" content="api/" />');
  const headers = new Headers(res.headers);
  headers.delete("Content-Length");
  context.res = undefined;
  context.res = new Response(page, { status: res.status, headers });
}

function failure(error: Error, context: Context, note: (text: string) => void): Response {
  if (error instanceof HTTPException) return context.json({ error: error.message }, error.status);
  note(error.stack ?? messageOf(error));
  return context.json({ error: "internal: the server's terminal says more" }, 500);
}
