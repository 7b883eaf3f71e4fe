import { expect, it } from "vitest";
import { add, graph, input, mul, symbol } from "../../src/tensor/index.ts";
import { toHost, useDevice } from "../support/device.ts";
import { normal } from "../support/values.ts";

const device = useDevice("cpu", { threads: 1 });
const MEGABYTE = 2 ** 20;

it("10,000 runs whose outputs are disposed hold no memory", async () => {
  const x = input("x", [symbol("N"), 64]);
  // Each run leaves 20 kB on the device and brings 20 kB to the host: 400 MB if nothing were freed.
  const program = await device().compile(graph("small", { kept: mul(x, 2), y: add(x, 1) }), { download: ["y"] });
  const data = toHost(normal("leak", [80, 64]));
  const runs = async (count: number): Promise<number> => {
    for (let index = 0; index < count; index++) {
      const { tensors } = await program.run({ x: data });
      await device().dispose(Object.values(tensors));
    }
    return process.memoryUsage.rss() / MEGABYTE;
  };
  const before = await runs(2000);
  const after = await runs(10_000);
  console.info(`resident memory: ${before.toFixed(1)} MB after 2,000 runs, ${after.toFixed(1)} MB after 10,000 more`);
  expect(after - before).toBeLessThan(30);
});
