import { describe, expect, it } from "vitest";
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
