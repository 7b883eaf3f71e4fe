/** The library in real headless Chromium, on WebAssembly and on WebGPU, gives what it gives in Node. */

import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { Decoder, generate, parseCheckpoint, Run } from "../../src/browser.ts";
import { ask, type BundleFile, bundle, useChromium } from "../support/chromium.ts";
import { CHROMIUM, hasChromium } from "../support/chromium-program.ts";
import { useDevice } from "../support/device.ts";
import { lossesOf, type Training, tinyRun } from "./tiny-run.ts";
import type { Trained } from "./worker.ts";

const node = useDevice("cpu");

async function inNode(training: Omit<Training, "device">): Promise<Pick<Trained, "losses" | "text">> {
  const run = await Run.create({ ...tinyRun(training), device: node() });
  const losses = await lossesOf(run);
  const decoder = await Decoder.open(run.trainer.inference, { context: run.context });
  let text = "";
  for await (const piece of generate(decoder, run.corpus.tokenizer, { prompt: "the ", tokens: 12, temperature: 0 })) {
    text += piece;
  }
  await run.close();
  return { losses, text };
}

const largestDifference = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? Number.NaN))));

let files: readonly BundleFile[] = [];
beforeAll(async () => {
  files = await bundle();
});

describe("the bundle", () => {
  it("is small, and has nothing of Node", () => {
    const code = files.filter(({ name }) => name.endsWith(".js"));
    // Replicas and ranks that go their own way are loaded where there are any, which is in Node alone.
    const own = code.filter(({ name }) => !/ort\.|replicas-|together-|local-optimizer-/.test(name));
    expect(own).toHaveLength(code.length - 7);
    const size = own.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    console.info(`${(size / 1000).toFixed(0)} kB compressed, without ONNX Runtime`);
    expect(size).toBeLessThan(159_000);
    for (const { name, contents } of code) expect(String(contents), name).not.toMatch(/onnxruntime-node|["']node:/);
    expect(files.filter(({ name }) => name.endsWith(".wasm"))).toHaveLength(3);
  });
});

describe.skipIf(!hasChromium)(`Chromium (needs ${CHROMIUM}, or one that CHROMIUM names)`, () => {
  const { page, barePage } = useChromium(() => files);

  describe("on WebAssembly", () => {
    it.each([0, 0.1])("trains, grows and writes as Node does, with dropout %d", async (dropout) => {
      const training = { dropout, layers: 2, steps: 20 };
      const expected = await inNode(training);
      const { device, losses, text } = await ask(page(), "train", { device: "cpu", threads: 2, ...training });
      expect(device).toBe("WebAssembly, 2 threads");
      expect(losses).toHaveLength(20);
      expect(largestDifference(losses, expected.losses)).toBeLessThan(1e-4);
      expect(text).toBe(expected.text);
    });

    it("has one thread where the page is not cross-origin isolated", async () => {
      const training = { device: "cpu", threads: 2, dropout: 0, layers: 1, steps: 2 } as const;
      const { device, losses } = await ask(barePage(), "train", training);
      expect(device).toBe("WebAssembly, 1 thread");
      expect(losses).toHaveLength(2);
    });

    it("goes on from the files of a checkpoint bit for bit, and Node goes on from them too", async () => {
      const training = { dropout: 0.1, layers: 2, steps: 12 };
      const answer = await ask(page(), "resume", { device: "cpu", at: 7, ...training });
      const rest = answer.losses.slice(7);
      expect(answer.resumed).toEqual(rest);
      const saved = Object.entries(answer.files).map(([name, bytes]) => [name, Uint8Array.from(bytes)] as const);
      const checkpoint = await parseCheckpoint(new Map(saved));
      const { corpus } = tinyRun(training);
      const run = await Run.resume(checkpoint, { corpus, device: node() });
      expect(largestDifference(await lossesOf(run), rest)).toBeLessThan(1e-4);
      await run.close();
    });

    it("answers messages while it trains", async () => {
      const training = { device: "cpu", dropout: 0, layers: 2, steps: 60 } as const;
      let ended = false;
      const trained = ask(page(), "train", training, "busy").then(() => {
        ended = true;
      });
      expect(await ask(page(), "ping", undefined, "busy")).toBe("pong");
      expect(await ask(page(), "ping", undefined, "busy")).toBe("pong");
      expect(ended).toBe(false);
      await trained;
    });

    it("holds no memory over many steps", async () => {
      const training = { device: "cpu", threads: 1, dropout: 0.1, layers: 2, steps: 600, every: 100 } as const;
      const sizes = (await ask(page(), "train", training, "memory")).memory.map(({ heap }) => heap);
      console.info(`WebAssembly memory: ${sizes.map((size) => (size / 2 ** 20).toFixed(0)).join(", ")} MB`);
      expect(sizes[0]).toBeGreaterThan(2 ** 20);
      expect(sizes.at(-1)).toBe(sizes[2]);
    });

    it("says in one line that there is no memory for what is asked, and goes on", async () => {
      const training = { device: "cpu", dropout: 0, layers: 1, steps: 1, lengths: [7, 40_000, 5] } as const;
      expect(await ask(page(), "outer", training)).toEqual([
        "7,7",
        "UserError: there is not enough memory on the device (Integer overflow); take a smaller model, batch or training.microBatch",
        "5,5",
      ]);
    });

    it("says in one line that ONNX Runtime's files are missing", async () => {
      const training = { device: "cpu", dropout: 0, layers: 1, steps: 2, wasmPaths: "/nowhere/" } as const;
      await expect(ask(page(), "train", training, "lost")).rejects.toThrow(
        /^UserError: the device "cpu" is not available here: .*check that ONNX Runtime's files are served where wasmPaths says\.$/,
      );
    });
  });

  // The software driver compiles for a long time on a busy machine.
  describe("on WebGPU", { timeout: 600_000 }, () => {
    it("trains, grows and writes as Node does, and holds no buffers", async () => {
      const training = { dropout: 0.1, layers: 1, steps: 20 };
      const expected = await inNode(training);
      const { device, losses, text, memory } = await ask(page(), "train", { device: "webgpu", ...training });
      expect(device).toMatch(/^WebGPU \(.*swiftshader.*\)$/);
      expect(losses).toHaveLength(20);
      expect(largestDifference(losses, expected.losses)).toBeLessThan(1e-4);
      expect(text).toBe(expected.text);
      const buffers = memory.map((at) => at.buffers);
      console.info(`GPU buffers: ${buffers.join(", ")}`);
      expect(buffers[0]).toBeGreaterThan(10);
      expect(buffers[3]).toBe(buffers[2]);
    });

    it("gives up a program that failed, which would run on old inputs", async () => {
      const training = { device: "webgpu", dropout: 0, layers: 1, steps: 1, lengths: [7, 40_000, 5] } as const;
      const [first, ...others] = await ask(page(), "outer", training);
      expect(first).toBe("7,7");
      const failure =
        /^UserError: there is not enough memory on the device \(Calculation for Tensor storage size overflowed\)/;
      for (const outcome of others) expect(outcome).toMatch(failure);
    });

    it("says in one line that the GPU was lost", async () => {
      const training = { device: "webgpu", dropout: 0, layers: 1, steps: 1 } as const;
      await expect(ask(page(), "loseGpu", training)).rejects.toThrow(
        /^lost: UserError: the GPU was lost.*, and with it what was on it; take the device "cpu", or open it in a new worker$/,
      );
    });
  });
});
