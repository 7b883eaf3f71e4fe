/**
 * Parts of the page that the published package has not beside the page: ONNX Runtime's WebAssembly (58 MB), which its own package has,
 * and the text that the page trains on by default, which the library has. A page that was built here has them beside it.
 */

import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { required } from "../required.ts";
import { embeddedBook } from "../text/index.ts";

/** The package of ONNX Runtime for browsers. */
const RUNTIME = "onnxruntime-web";
/** As the build names a file of it: its own name, and eight characters that say its contents. */
const NAMED_BY_CONTENTS = /^\/(ort-wasm-[\w.-]+)-[\w-]{8}\.wasm$/;

/**
 * The routes of the parts that the folder `page` lacks.
 * @throws UserError where ONNX Runtime's files are neither there nor in an installed package of the version that the page was built for
 */
export async function installedParts(page: string): Promise<Hono> {
  const app = new Hono();
  app.get("/default.txt", async (context) => context.text((await embeddedBook()).text));
  const assets = await readdir(join(page, "assets"));
  if (assets.some((name) => name.endsWith(".wasm"))) return app;
  const root = await runtimeFolder();
  const rewriteRequestPath = (path: string) => path.slice("/assets".length).replace(NAMED_BY_CONTENTS, "/$1.wasm");
  app.get("/assets/:name{ort-wasm-.+\\.wasm}", serveStatic({ root, rewriteRequestPath }));
  return app;
}

/** Where the installed package has its WebAssembly. */
async function runtimeFolder(): Promise<string> {
  const { peerDependencies } = manifestSchema.parse(await manifestOf(new URL("../../package.json", import.meta.url)));
  const wanted = required(new Map(Object.entries(peerDependencies)), RUNTIME);
  const folder = installedFolder();
  if (folder === undefined) throw unusable(wanted, "which is not installed");
  const { version } = manifestSchema.parse(await manifestOf(join(folder, "../package.json")));
  if (version !== wanted) throw unusable(wanted, `found ${version}`);
  return folder;
}

function installedFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${RUNTIME}/ort-wasm-simd-threaded.wasm`));
  } catch {
    return undefined;
  }
}

function unusable(wanted: string, found: string): UserError {
  return new UserError(
    `the studio needs ${RUNTIME} ${wanted}, ${found}; install it beside tokenformer: npm install ${RUNTIME}@${wanted}`,
  );
}

const manifestSchema = z.object({
  version: z.string(),
  peerDependencies: z.record(z.string(), z.string()).default({}),
});

async function manifestOf(file: URL | string): Promise<unknown> {
  return JSON.parse(await readFile(file, "utf8"));
}
