/** AdamW by several threads gives the numbers of one, to the last bit, whichever of them does what. */

import { once } from "node:events";
import { readdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { loadKoffi, watchKoffi } from "../../src/native-library.ts";
import { accumulate, adamwStep } from "../../src/optimizer/adamw-kernel.ts";
import { Phase, StepInPieces, SumsInPieces, shareStep } from "../../src/optimizer/adamw-pieces.ts";
import type { HelperData, HelperMessage } from "../../src/optimizer/adamw-threads.ts";
import { PIECE, Pieces, shareCounts } from "../../src/optimizer/pieces.ts";
import { openDevice } from "../../src/runtime/index.ts";
import { ROOT, startProcess } from "../support/program.ts";

/** Of several pieces, of a part of one, of less than a chunk, and of less than what is computed at once. */
const LENGTHS = [2 * PIECE + 8191, PIECE, 8209, 3];

const row = { rate: 1, correction1: 1.3, correction2: 1.7 };
const numbers = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip: 1, lossScale: 2 };

/** Rows of unequal age that end within a piece; some of a tensor are frozen, and all of another. */
const stepOf = ([length = 0]: readonly number[]) => ({
  ...numbers,
  tensors: [
    {
      name: "long",
      decay: 0.1,
      rows: [
        { ...row, start: 0, end: PIECE + 77 },
        { ...row, rate: 0.5, correction1: 1.1, start: PIECE + 101, end: length },
      ],
    },
    { name: "frozen", decay: 0, rows: [] },
    { name: "short", decay: 0, rows: [{ ...row, start: 7, end: 8209 }] },
    { name: "few", decay: 0.1, rows: [{ ...row, start: 0, end: 3 }] },
  ],
});

/** The same few numbers again and again. */
function drawn(seed: number, lengths: readonly number[]) {
  const few = (kind: number) =>
    Float32Array.from({ length: 10_007 }, (_, index) => Math.sin(seed + kind * index) * (kind === 4 ? 1e-4 : 1e-2));
  const [p, g, m, v] = [few(1), few(2), few(3), few(4).map(Math.abs)];
  const repeated = (part: Float32Array, length: number) => {
    const whole = new Float32Array(length);
    for (let at = 0; at < length; at += part.length) whole.set(part.subarray(0, length - at), at);
    return whole;
  };
  return lengths.map((length) => ({
    p: repeated(p, length),
    g: repeated(g, length),
    m: repeated(m, length),
    v: repeated(v, length),
  }));
}

const named = (arrays: ReturnType<typeof drawn>, names: readonly string[]) =>
  Object.fromEntries(
    arrays.flatMap(({ p, g, m, v }, index) => {
      const name = names[index] ?? "";
      return [
        [`p:${name}`, p] as const,
        [`g:${name}`, g] as const,
        [`m:${name}`, m] as const,
        [`v:${name}`, v] as const,
      ];
    }),
  );

const sameBits = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

/** The tensors of which something is not the same in both. */
const differing = (some: ReturnType<typeof drawn>, others: ReturnType<typeof drawn>) =>
  some.flatMap((own, index) => {
    const found = others[index];
    const isSame = (kind: "p" | "m" | "v") => found !== undefined && sameBits(own[kind], found[kind]);
    return isSame("p") && isSame("m") && isSame("v") ? [] : [index];
  });

/** Sums that begin as first moments. */
const sumsOf = (arrays: ReturnType<typeof drawn>) => arrays.map(({ m, g }) => ({ sum: m, g }));

describe("a step in pieces", () => {
  const step = stepOf(LENGTHS);
  const names = step.tensors.map(({ name }) => name);

  it("is that of one thread, alone", () => {
    const [one, other] = [drawn(1, LENGTHS), drawn(1, LENGTHS)];
    const norm = adamwStep(named(one, names), step);
    expect(norm).toBeGreaterThan(1); // it is clipped
    expect(new StepInPieces(other, step, shareStep(LENGTHS)).lead()).toBe(norm);
    expect(differing(one, other)).toEqual([]);
  });

  it("is the same where a helper has done the first half of it, which sees the arrays by their addresses", async () => {
    const koffi = await loadKoffi();
    const workerData: HelperData = { startedBy: watchKoffi() };
    const helper = new Worker(new URL("dist/optimizer/adamw-thread.js", `file://${ROOT}/`), { workerData });
    try {
      for (const seed of [1, 2]) {
        const [one, other] = [drawn(seed, LENGTHS), drawn(seed, LENGTHS)];
        const norm = adamwStep(named(one, names), step);
        const place = (array: Float32Array) => ({ address: koffi.address(array), length: array.length });
        const places = other.map(({ p, g, m, v }) => ({ p: place(p), g: place(g), m: place(m), v: place(v) }));
        const shared = shareStep(LENGTHS);
        helper.postMessage({ kind: "step", places, step, shared } satisfies HelperMessage);
        // It has measured all pieces, and waits to be told by what gradients are scaled.
        const pieces = LENGTHS.reduce((sum, length) => sum + Math.ceil(length / PIECE), 0);
        while (Atomics.load(shared.measured, 1) < pieces) await setTimeout(5);
        expect(new StepInPieces(other, step, shared).lead()).toBe(norm);
        expect(differing(one, other)).toEqual([]);
        // All gradients are added by the helper.
        const counts = shareCounts();
        const sums = places.map(({ m, g }) => ({ sum: m, g }));
        helper.postMessage({ kind: "sums", places: sums, counts } satisfies HelperMessage);
        while (Atomics.load(counts, 1) < pieces) await setTimeout(5);
        new SumsInPieces(sumsOf(other), counts).lead();
        for (const { m, g } of one)
          for (const [index, value] of g.entries()) m[index] = Math.fround((m[index] ?? 0) + value);
        expect(differing(one, other)).toEqual([]);
      }
    } finally {
      await helper.terminate();
    }
  });

  it("changes nothing where a gradient is not finite", () => {
    const [before, arrays] = [drawn(3, LENGTHS), drawn(3, LENGTHS)];
    arrays[0]?.g.set([Number.NaN], PIECE + 13);
    expect(new StepInPieces(arrays, step, shareStep(LENGTHS)).lead()).toBeNaN();
    expect(arrays.map(({ p, m, v }) => ({ p, m, v }))).toEqual(before.map(({ p, m, v }) => ({ p, m, v })));
  });

  it("ends for its helpers where it fails", () => {
    const shared = shareStep(LENGTHS);
    const subarray = (): never => {
      throw new Error("unreadable");
    };
    const arrays = drawn(4, LENGTHS).map((own) => ({ ...own, g: Object.assign(own.g, { subarray }) }));
    expect(() => new StepInPieces(arrays, step, shared).lead()).toThrow("unreadable");
    expect(shared.phase[0]).toBe(Phase.ended);
    new StepInPieces(drawn(4, LENGTHS), step, shared).help();
  });
});

it("sums in pieces are those of one thread, whoever adds", () => {
  const [one, other] = [drawn(5, LENGTHS), drawn(5, LENGTHS)];
  const names = LENGTHS.map(String);
  accumulate(
    Object.fromEntries(
      sumsOf(one).flatMap(({ sum, g }, index) => [
        [`sum:${names[index]}`, sum] as const,
        [`g:${names[index]}`, g] as const,
      ]),
    ),
    names,
  );
  const counts = shareCounts();
  new SumsInPieces(sumsOf(other), counts).help();
  new SumsInPieces(sumsOf(other), counts).lead();
  expect(differing(one, other)).toEqual([]);
});

describe("a part of the work", () => {
  it("fails for the thread that leads where another has failed, once all that was taken is over", () => {
    const counts = shareCounts();
    const [helper, leader] = [new Pieces([2, 3, 5], counts), new Pieces([2, 3, 5], counts)];
    expect(() =>
      helper.take(() => {
        throw new Error("a fault");
      }),
    ).toThrow("a fault");
    const done: number[] = [];
    expect(() => leader.lead((piece) => done.push(piece))).toThrow("a thread that helps has failed");
    expect(done).toEqual([3, 5]);
  });

  it("is not left by the thread that leads, and fails, while another is at work", async () => {
    const counts = shareCounts();
    const program = `
      const { parentPort, workerData: counts } = require("node:worker_threads");
      Atomics.add(counts, 0, 1);
      parentPort.postMessage("taken");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      Atomics.add(counts, 1, 1);
      Atomics.notify(counts, 1);`;
    const helper = new Worker(program, { eval: true, workerData: counts });
    await once(helper, "message");
    const leader = new Pieces([2, 3, 5], counts);
    expect(() =>
      leader.lead(() => {
        throw new Error("a fault");
      }),
    ).toThrow("a fault");
    expect(counts[1]).toBe(2);
    await helper.terminate();
  });
});

describe("a device of two threads", () => {
  it("updates 4M numbers as one thread does, time after time", async () => {
    const lengths = [2 ** 22 + 4099, 1, 8209, 3];
    const step = stepOf(lengths);
    const names = step.tensors.map(({ name }) => name);
    for (const seed of [5, 6]) {
      const device = await openDevice("cpu", { threads: 2 });
      try {
        const [one, other] = [drawn(seed, lengths), drawn(seed, lengths)];
        const entries = Object.entries(named(other, names)).map(async ([name, data]) => {
          return [name, await device.upload({ dtype: "float32", shape: [data.length], data })] as const;
        });
        const tensors = Object.fromEntries(await Promise.all(entries));
        const alone = named(one, names);
        const threads = () => readdirSync("/proc/self/task").length;
        const before = threads();
        // The helper starts with the first of them.
        for (let turn = 0; turn < 3; turn++) {
          const norm = adamwStep(alone, step);
          expect(await device.kernel({ kernel: "adamwStep", tensors, parameters: step })).toBe(norm);
        }
        expect(threads()).toBeGreaterThan(before);
        // Gradients are added to the first moments, as if these were a sum.
        const summing = <Array>(of: Readonly<Record<string, Array>>) =>
          Object.fromEntries(Object.entries(of).map(([name, array]) => [name.replace("m:", "sum:"), array]));
        accumulate(summing(alone), names);
        await device.kernel({ kernel: "accumulate", tensors: summing(tensors), parameters: names });
        for (const [name, tensor] of Object.entries(tensors)) {
          const { data } = await device.download(tensor);
          expect(data instanceof Float32Array && sameBits(data, alone[name] ?? data.slice(1)), name).toBe(true);
        }
      } finally {
        await device.close();
      }
    }
  });

  it.concurrent.each([
    ["closes its device", "await device.close();", 0],
    ...[0, 15, 40].map(
      (wait) => [`ends its process ${wait} ms`, `setTimeout(() => process.exit(3), ${wait});`, 3] as const,
    ),
  ] as const)("%s after the first step, while the helper may still start", async (_, end, expected) => {
    const program = `
      import { openDevice } from "tokenformer";
      const [device, length] = [await openDevice("cpu", { threads: 2 }), 2 ** 22];
      const names = ["p:a", "g:a", "m:a", "v:a"];
      const uploads = names.map((name) =>
        device.upload({ dtype: "float32", shape: [length], data: new Float32Array(length).fill(0.1) }));
      const tensors = Object.fromEntries((await Promise.all(uploads)).map((tensor, index) => [names[index], tensor]));
      const rows = [{ start: 0, end: length, rate: 1, correction1: 1, correction2: 1 }];
      const parameters = { ...${JSON.stringify(numbers)}, tensors: [{ name: "a", decay: 0, rows }] };
      await device.kernel({ kernel: "adamwStep", tensors, parameters });
      ${end}`;
    const { code, stderr } = await startProcess(["--input-type=module", "--eval", program], ROOT).outcome;
    expect({ code, stderr }).toEqual({ code: expected, stderr: "" });
  });
});
