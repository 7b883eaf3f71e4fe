import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startStudio } from "../../src/studio-server/index.ts";
import { embeddedBook } from "../../src/text/index.ts";
import { BUILT } from "../support/browser.ts";
import { useSharedFolder } from "../support/folder.ts";
import { useStudioServer } from "../support/studio-server.ts";

const { ask, raw } = useStudioServer();

const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

const headersOf = async (path: string, init?: RequestInit) => Object.fromEntries((await ask(path, init)).headers);

describe("the page", () => {
  it.each([
    ["", "text/html; charset=utf-8", "no-cache"],
    ["default.txt", "text/plain; charset=utf-8", "no-cache"],
    ["assets/page-Bx12.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"],
    ["assets/runtime-9f.wasm", "application/wasm", "public, max-age=31536000, immutable"],
    ["api/runs", "application/json", "no-store"],
    ["assets/none.js", "application/json", "no-cache"],
  ])("answers /%s isolated, as %s, kept: %s", async (path, type, kept) => {
    expect(await headersOf(path)).toMatchObject({ ...ISOLATED, "content-type": type, "cache-control": kept });
  });

  it("is compressed, but for WebAssembly, which goes no further than this computer", async () => {
    const gzip = { headers: { "accept-encoding": "gzip" } };
    expect(await headersOf("assets/page-Bx12.js", gzip)).toMatchObject({ "content-encoding": "gzip" });
    expect(await headersOf("assets/runtime-9f.wasm", gzip)).not.toHaveProperty("content-encoding");
  });

  it("is all that there is of the disk", async () => {
    for (const path of [
      "/../text.txt",
      "/%2e%2e/text.txt",
      "/..%2ftext.txt",
      "/assets/..%5c..%5ctext.txt",
      "//text.txt",
    ]) {
      expect(await raw(path), path).toMatchObject({ status: 404 });
    }
  });

  it("is only read", async () => {
    const response = await ask("api/runs", { method: "POST", body: "{}" });
    expect(response.status).toBe(405);
    expect(await response.json()).toEqual({ error: "POST: only GET is answered" });
  });

  it.each(["127.0.0.1", "127.0.0.1:4747", "localhost:80", "[::1]:4747", "127.9.9.9"])(
    "is there for %s",
    async (host) => {
      expect(await raw("/api/runs", host)).toMatchObject({ status: 200 });
    },
  );

  it.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", "]:"])(
    "is not there for a page of another host, %s, whose name leads here",
    async (host) => {
      expect(await raw("/api/runs", host)).toMatchObject({ status: host === "]:" ? 400 : 403 });
    },
  );
});

describe("a page as it is published", () => {
  const at = useSharedFolder();
  const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

  it("has ONNX Runtime's WebAssembly from its package, and its text from the library", async () => {
    await mkdir(at("assets"), { recursive: true });
    await writeFile(at("index.html"), "");
    const options = { port: 0, host: "127.0.0.1", page: at(), root: at(), note: () => undefined };
    const { port, close } = await startStudio(options);
    try {
      const get = (path: string) => fetch(`http://127.0.0.1:${port}/${path}`);
      expect(await (await get("default.txt")).text()).toBe((await embeddedBook()).text);
      const built = (await readdir(join(BUILT, "assets"))).filter((name) => name.endsWith(".wasm"));
      expect(built.length).toBe(3);
      for (const name of built) {
        const response = await get(`assets/${name}`);
        expect(response.headers.get("content-type")).toBe("application/wasm");
        expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
        const expected = hashOf(await readFile(join(BUILT, "assets", name)));
        expect(hashOf(new Uint8Array(await response.arrayBuffer())), name).toBe(expected);
      }
      expect((await get("assets/ort-wasm-simd-threaded.none-DcHrbrbl.wasm")).status).toBe(404);
      expect((await get("assets/ort-wasm-simd-threaded.wasm")).status).toBe(404);
      expect((await get("assets/ort-wasm-%2e%2e%2fpackage-DcHrbrbl.wasm")).status).toBe(404);
    } finally {
      await close(0);
    }
  });
});
