/** The routes of the page's API: runs of this computer, their files, and their metrics as they come. */

import { join } from "node:path";
import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { ByteSource } from "../formats/index.ts";
import { follow } from "./follow.ts";
import type { Library } from "./library.ts";
import { filesOf, openRunFile, type RunFile } from "./run-files.ts";

/** Milliseconds between two signs of life on a stream on which nothing else happens. */
const HEARTBEAT = 20_000;

export function apiRoutes(library: Library): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("Cache-Control", "no-store");
  });
  app.get("/open", (context) => context.json({ run: library.named }));
  app.get("/runs", async (context) => context.json({ runs: await library.list() }));
  // All in one stream, as browsers have six connections to a host, and a run that is followed would take one.
  app.get("/metrics", async (context) => {
    const files = await metricsFiles(library, context.req.queries("run") ?? []);
    return streamSSE(context, (stream) => tellMetrics(stream, files));
  });
  app.get("/runs/:id/files", async (context) => {
    const files = await filesOf(await directoryOf(library, context));
    if (files === undefined) throw noSuchRun();
    return context.json(files);
  });
  app.get("/runs/:id/files/:name", async (context) => fileOf(await directoryOf(library, context), context));
  app.all("*", () => {
    throw new HTTPException(404, { message: "there is no such route" });
  });
  return app;
}

async function directoryOf(library: Library, context: Context): Promise<string> {
  const directory = await library.directory(context.req.param("id") ?? "");
  if (directory === undefined) throw noSuchRun();
  return directory;
}

const noSuchRun = () => new HTTPException(404, { message: "there is no such run; it may have been moved" });

/** The metrics of those runs that there are, by their ids. Throws where there is none. */
async function metricsFiles(library: Library, runs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const run of runs) {
    const directory = await library.directory(run);
    if (directory !== undefined) files.set(run, join(directory, "metrics.jsonl"));
  }
  if (files.size === 0) throw noSuchRun();
  return files;
}

/** Streams the metrics of runs. Where one cannot be read, the others go on. */
async function tellMetrics(stream: SSEStreamingApi, files: ReadonlyMap<string, string>): Promise<void> {
  const gone = new AbortController();
  stream.onAbort(() => gone.abort());
  const heartbeat = setInterval(() => void stream.write(": still here\n\n"), HEARTBEAT);
  try {
    await Promise.allSettled([...files].map(([run, file]) => tellMetricsOf(run, file, stream, gone.signal)));
  } finally {
    clearInterval(heartbeat);
  }
}

/** Streams the metrics of a run. A "reset" says that nothing told before counts any more, as at the beginning, and when it is resumed. */
async function tellMetricsOf(run: string, file: string, stream: SSEStreamingApi, signal: AbortSignal): Promise<void> {
  for await (const { anew, records } of follow(file, signal)) {
    if (anew) await stream.writeSSE({ event: "reset", data: JSON.stringify({ run }) });
    await stream.writeSSE({ event: "metrics", data: JSON.stringify({ run, records }) });
  }
}

/**
 * A file of a run. With `?version=`, that of this version of the checkpoint, or an error 409: then the run has saved another one, and its
 * files have to be asked for anew.
 */
async function fileOf(directory: string, context: Context): Promise<Response> {
  const name = context.req.param("name") ?? "";
  const file = await openRunFile(directory, name, context.req.query("version"));
  if (file === "gone") throw noSuchRun();
  if (file === undefined) throw new HTTPException(404, { message: "the run has no such file" });
  if (file === "replaced") {
    throw new HTTPException(409, { message: "the run was saved meanwhile; ask for its files again" });
  }
  return bodyOf(file, name);
}

function bodyOf(file: RunFile, name: string): Response {
  const headers = { "Content-Type": typeOf(name) };
  if ("text" in file) return new Response(file.text, { headers });
  return new Response(streamOf(file), { headers: { ...headers, "Content-Length": String(file.size) } });
}

/** Bytes of a file that are sent at once. */
const PIECE = 2 ** 18;

/** The bytes that a file had when it was opened, which is closed at the end: metrics may grow while they are read. */
function streamOf(file: ByteSource): ReadableStream<Uint8Array> {
  let position = 0;
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const piece = new Uint8Array(Math.min(PIECE, file.size - position));
        const count = await file.read(piece, position);
        position += count;
        if (count > 0) controller.enqueue(piece.subarray(0, count));
        if (count > 0 && position < file.size) return;
        await file.close();
        controller.close();
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    cancel: () => file.close(),
  });
}

function typeOf(name: string): string {
  if (name.endsWith(".json")) return "application/json";
  return name.endsWith(".safetensors") ? "application/octet-stream" : "text/plain; charset=utf-8";
}
