import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TINY, useCommandLine } from "../support/command-line.ts";

const { answer, run, start } = useCommandLine();
const occupied = createServer();

beforeAll(async () => {
  await answer("train", ...TINY, "--data", "text.txt", "--out", "run");
  await new Promise<void>((resolve) => occupied.listen(0, "127.0.0.1", resolve));
});
afterAll(() => occupied.close());

const portOf = (address: ReturnType<typeof occupied.address>) =>
  typeof address === "object" && address !== null ? address.port : 0;

/** The address that a server prints once it listens. */
async function listening(server: ReturnType<typeof start>): Promise<string> {
  for (;;) {
    const url = /^serving run at (http:\S+)\/v1$/m.exec(server.stdout())?.[1];
    if (url !== undefined) return url;
    await setTimeout(10);
  }
}

describe("serve", () => {
  it("answers until SIGTERM, then what is under way, and ends with 0", async () => {
    const server = start("serve", "run", "--port", "0", "--api-key", "k");
    const url = await listening(server);
    const ask = (body: object) =>
      fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { authorization: "Bearer k" },
        body: JSON.stringify(body),
      });
    expect(await (await ask({ prompt: "the ", max_tokens: 5 })).json()).toMatchObject({
      model: "run",
      usage: { prompt_tokens: 4, completion_tokens: 5 },
    });
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    const refused = await (
      await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: "Bearer k" },
        body: JSON.stringify({ messages: [{ role: "user", content: "the" }] }),
      })
    ).json();
    const last = ask({ prompt: "the ", max_tokens: 12, n: 100 });
    await setTimeout(50);
    // A service manager sends both; neither is a second request to end.
    server.signal("SIGTERM");
    server.signal("SIGHUP");
    expect(await (await last).json()).toMatchObject({ usage: { completion_tokens: 1200 } });
    const { code, stderr } = await server.outcome;
    const unreadable =
      'the model can hold no conversation: its vocabulary lacks ":", which the form of one has; give it texts to go on with, or train it on conversations';
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `/v1/chat/completions refuses all: ${unreadable}\n\nanswering what is under way; press Ctrl-C again to stop at once\n`,
    });
    expect(refused).toMatchObject({ error: { message: `messages: ${unreadable}` } });
  });

  it.each([
    ["--port", "70000", "--port 70000: expected 0 to 65535"],
    ["--slots", "0", "--slots 0: expected a whole number from 1"],
    ["--timeout", "2147484", "--timeout 2147484: expected up to 2147483 seconds, which are 24 days"],
  ])("refuses %s %s in one line", async (option, value, message) => {
    const outcome = await run("serve", "run", option, value);
    expect(outcome).toEqual({ code: 1, stdout: "", stderr: `tokenformer: ${message}\n` });
  });

  it("says that a port is taken", async () => {
    const port = portOf(occupied.address());
    const { code, stderr } = await run("serve", "run", "--port", String(port));
    expect(code).toBe(1);
    expect(stderr).toBe(
      `tokenformer: cannot listen on 127.0.0.1, port ${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}; choose another --port or --host\n`,
    );
  });
});
