/** What requests leave behind. */

import { request } from "node:http";
import { setImmediate, setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { stubServer } from "../support/server.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

async function heapAfterCollection(): Promise<number> {
  if (typeof collectGarbage !== "function") throw new Error("the engine offers no collection");
  for (let turn = 0; turn < 4; turn++) {
    collectGarbage();
    await setImmediate(); // what a collection finalises lets go of more
  }
  return process.memoryUsage().heapUsed;
}

/** Asks for a whole answer or a stream; every other client leaves before its end. */
function ask(url: string, index: number): Promise<void> {
  const leaves = index % 2 === 0;
  const body = { prompt: "abc", max_tokens: leaves ? 900 : 3, n: 1 + (index % 3), stream: index % 4 < 2 };
  return new Promise((resolve) => {
    const asked = request(`${url}/v1/completions`, { method: "POST", agent: false }, (response) => {
      if (leaves) asked.destroy();
      else response.resume();
    });
    asked.on("error", () => undefined);
    asked.on("close", resolve);
    asked.end(JSON.stringify(body));
    if (leaves && index % 4 === 2) void setTimeout(index % 7).then(() => asked.destroy());
  });
}

it("a thousand requests, half of which are left, leave nothing on the heap", async () => {
  const { server, url, notes } = await stubServer(() => setImmediate(), { slots: 8 });
  const askMany = async (count: number) => {
    for (let done = 0; done < count; done += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => ask(url, done + index)));
    }
    await server.scheduler.idle();
    return heapAfterCollection();
  };
  const before = await askMany(200);
  const after = await askMany(1000);
  // Kept listeners were 20 kB each.
  expect((after - before) / 1000).toBeLessThan(2000);
  expect(notes).toEqual([]);
  await server.drain(1);
});
