/** What `serve` frees where it cannot begin. */

import { createServer } from "node:net";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { serveCommand } from "../../src/cli/serve-command.ts";
import { Scorer } from "../../src/evaluation/index.ts";
import { Decoder } from "../../src/generation/index.ts";
import { useSharedFolder } from "../support/folder.ts";
import { tinyConfig, trained } from "../training/support.ts";

const at = useSharedFolder();

beforeAll(async () => {
  await trained({ config: tinyConfig({ steps: 1 }), out: at("run") });
});

afterEach(() => vi.restoreAllMocks());

const serve = (port: number) => serveCommand().parseAsync([at("run"), "--port", String(port)], { from: "user" });

it("the decoder, where the port is taken", async () => {
  const release = vi.spyOn(Decoder.prototype, "release");
  const occupied = createServer();
  await new Promise<void>((resolve) => occupied.listen(0, "127.0.0.1", resolve));
  const address = occupied.address();
  try {
    await expect(serve(typeof address === "object" && address !== null ? address.port : 0)).rejects.toThrow("port");
    expect(release).toHaveBeenCalledOnce();
  } finally {
    occupied.close();
  }
});

it("the decoder, once that is compiled, where what scores cannot be", async () => {
  const release = vi.spyOn(Decoder.prototype, "release");
  vi.spyOn(Scorer, "create").mockRejectedValue(new Error("no memory"));
  await expect(serve(0)).rejects.toThrow("no memory");
  expect(release).toHaveBeenCalledOnce();
});
