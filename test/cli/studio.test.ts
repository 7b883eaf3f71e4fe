import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TINY, useCommandLine } from "../support/command-line.ts";

const { answer, run, start } = useCommandLine();
const occupied = createServer();

beforeAll(async () => {
  await answer("train", ...TINY, "--data", "text.txt", "--out", "runs/tiny");
  await new Promise<void>((resolve) => occupied.listen(0, "127.0.0.1", resolve));
});
afterAll(() => occupied.close());

function takenPort(): number {
  const address = occupied.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The address that it prints once it listens. */
async function listening(studio: ReturnType<typeof start>): Promise<string> {
  for (;;) {
    const url = /^the studio is at (http:\S+); Ctrl-C ends it$/m.exec(studio.stdout())?.[1];
    if (url !== undefined) return url;
    await setTimeout(10);
  }
}

describe("studio", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("serves the built page and the runs below until %s", async (signal) => {
    const studio = start("studio", "runs/tiny", "--port", "0");
    const url = await listening(studio);
    expect(await (await fetch(url)).text()).toMatch(/<script type="module"[^>]* src="\.\/assets\/[^"]+\.js">/);
    const { runs } = JSON.parse(await (await fetch(`${url}/api/runs`)).text());
    expect(runs).toMatchObject([{ name: "runs/tiny", step: 6 }]);
    expect(await (await fetch(`${url}/api/open`)).json()).toEqual({ run: runs[0].id });
    // A stream that never ends does not keep it from ending.
    const stream = await fetch(`${url}/api/metrics?run=${runs[0].id}`);
    studio.signal(signal);
    expect(await studio.outcome).toMatchObject({
      code: 0,
      stderr: "\nclosing the studio; press Ctrl-C again to stop at once\n",
    });
    await expect(stream.text()).rejects.toThrow();
  });

  it("takes another port where its own is taken, unless it was asked for", async () => {
    const [one, other] = [start("studio"), start("studio")];
    const ports = [await listening(one), await listening(other)].map((url) => Number(new URL(url).port));
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(port).toBeGreaterThanOrEqual(4747);
    for (const studio of [one, other]) studio.signal("SIGINT");
    await Promise.all([one.outcome, other.outcome]);
    const port = takenPort();
    expect(await run("studio", "--port", String(port))).toEqual({
      code: 1,
      stdout: "",
      stderr: `tokenformer: cannot listen on 127.0.0.1, port ${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}; choose another --port or --host\n`,
    });
  });

  it.each([
    [
      ["nothing"],
      /^tokenformer: nothing: no checkpoint there, expected a folder with config\.json and model\.safetensors; [^\n]*\n$/,
    ],
    [["--port", "70000"], /^tokenformer: --port 70000: expected 0 to 65535\n$/],
    [["--port", "x"], /^tokenformer: --port x: expected a whole number from 0\n$/],
    [
      ["--host", "no.such.host.invalid"],
      /^tokenformer: cannot listen on no\.such\.host\.invalid, port 4747: [^\n]*; choose another --port or --host\n$/,
    ],
  ])("refuses %j in one line", async (args, message) => {
    const { code, stdout, stderr } = await run("studio", ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });
});
