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

it("300 programs that write where they wrote before hold no memory once they are released", async () => {
  // Each reads 0.5 MB and writes 0.5 MB: 300 MB if sessions that are released were kept, and their tensors with them.
  const count = 131_072;
  const opened = async (programs: number): Promise<number> => {
    for (let index = 0; index < programs; index++) {
      const program = await device().compile(graph("small", { y: mul(input("x", [count]), 2) }), { inPlace: true });
      const [x, sum] = [await device().allocate([count]), await device().allocate([count])];
      const kernel = {
        kernel: "accumulate",
        tensors: { "sum:y": sum },
        parameters: ["y"],
        outputs: { "g:y": "y" },
      } as const;
      for (let run = 0; run < 3; run++) await program.runThen({ x }, kernel);
      await device().dispose([x, sum]);
      await program.release();
    }
    return process.memoryUsage.rss() / MEGABYTE;
  };
  const before = await opened(100);
  const after = await opened(300);
  console.info(`resident memory: ${before.toFixed(1)} MB after 100 programs, ${after.toFixed(1)} MB after 300 more`);
  expect(after - before).toBeLessThan(60);
});
