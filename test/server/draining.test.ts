/** The end of a server. */

import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { stubServer } from "../support/server.ts";

describe("draining", () => {
  it("answers what is under way, refuses what comes, and ends", async () => {
    const { server, ask } = await stubServer(() => setTimeout(5));
    const [whole, streamed] = [ask({ max_tokens: 50 }), ask({ max_tokens: 50, stream: true })];
    while (server.scheduler.active < 2) await setTimeout(2);
    const drained = server.drain(10);
    await expect(ask({})).rejects.toThrow(); // the port is closed
    expect(await (await whole).json()).toMatchObject({ usage: { completion_tokens: 50 } });
    expect(await (await streamed).text()).toMatch(/data: \[DONE\]\n\n$/);
    await drained;
  });

  it("tells those that it cuts off, whole answers and streams, and leaves the model alone then", async () => {
    let steps = 0;
    const { server, ask, notes } = await stubServer(async () => {
      await setTimeout(20);
      steps++;
    });
    const [whole, streamed] = [ask({ max_tokens: 900 }), ask({ max_tokens: 900, stream: true })];
    while (server.scheduler.active < 2) await setTimeout(2);
    await server.drain(0.1);
    const taken = steps;
    const message = "the server ended before the answer was whole; ask again, or another one";
    const error = { message, type: "server_error", param: null, code: null };
    expect((await whole).status).toBe(503);
    expect(await (await whole).json()).toEqual({ error });
    const events = (await (await streamed).text()).trim().split("\n\n");
    expect(events.length).toBeGreaterThan(1);
    expect(events.pop()).toBe(`data: ${JSON.stringify({ error })}`);
    expect(server.scheduler.active).toBe(0);
    await setTimeout(50);
    expect([steps, notes]).toEqual([taken, []]);
  });
});
