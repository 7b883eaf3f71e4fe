import { expect, it, onTestFinished, vi } from "vitest";
import { compareSteps, sidesOf } from "../../../src/lab/benchmark/compare.ts";
import { ownInstructions } from "../../../src/lab/benchmark/instructions.ts";
import type { Side } from "../../../src/lab/benchmark/sides.ts";
import { stepFlops, workOf } from "../../../src/lab/benchmark/work.ts";

const work = workOf("nanogpt-cpu", "tokenformer");

/** A side whose steps take the seconds that are given, block by block, and which notes when it is asked. */
function scripted(
  name: string,
  blocks: readonly (readonly number[])[],
  losses: readonly number[],
  log: string[],
): Side {
  let next = 0;
  return {
    name,
    steps: async (count) => {
      log.push(`${name} ${count}`);
      return { seconds: [...(blocks[next++] ?? [])], losses: [...losses] };
    },
    memory: async () => 1000 * name.length,
    close: async () => {
      log.push(`${name} closed`);
    },
  };
}

it("takes turns, leaves out what warms up, and compares round by round", async () => {
  const log: string[] = [];
  const sides = [
    scripted(
      "ours",
      [
        [9, 9],
        [0.1, 0.3, 0.2],
        [0.4, 0.5, 0.6],
      ],
      [4, 3, 2],
      log,
    ),
    scripted(
      "other",
      [
        [9, 9],
        [0.4, 0.4, 9],
        [0.5, 0.5, 0.5],
      ],
      [4, 3.25, 2],
      log,
    ),
    scripted("products", [[9], [0.1], [0.25]], [], log),
  ];
  const { rows, ...rest } = await compareSteps(work, sides, { rounds: 2, steps: 3, warm: 2 });
  expect(rest).toEqual({ work: "nanogpt-cpu", model: "tokenformer", rounds: 2, stepsEach: 3 });
  expect(log).toEqual([
    ...["ours 2", "other 2", "products 2", "ours 3", "other 3", "products 3", "ours 3", "other 3", "products 3"],
    ...["ours closed", "other closed", "products closed"],
  ]);
  expect(rows.map(({ seconds }) => seconds)).toEqual([
    { median: 0.5, least: 0.2, most: 0.5 },
    { median: 0.5, least: 0.4, most: 0.5 },
    { median: 0.25, least: 0.1, most: 0.25 },
  ]);
  expect(rows.map(({ timeOverOurs }) => timeOverOurs)).toEqual([
    { median: 1, least: 1, most: 1 },
    { median: 2, least: 1, most: 2 },
    { median: 0.5, least: 0.5, most: 0.5 },
  ]);
  expect(rows.map(({ lossDifference }) => lossDifference)).toEqual([0, 0.25, undefined]);
  expect(rows.map(({ peakBytes }) => peakBytes)).toEqual([4000, 5000, 8000]);
  expect(rows[1]?.tokensPerSecond).toBe((12 * 64) / 0.5);
  expect(rows[1]?.flopsPerSecond).toBe(stepFlops(work) / 0.5);
});

it("makes as many rounds as there is time for, at least one, and tells each", async () => {
  const log: string[] = [];
  const notes: string[] = [];
  const blocks = [[9], [0.2], [0.2]];
  const sides = [scripted("ours", blocks, [], log), { ...scripted("other", blocks, [], log), instructions: "AVX2" }];
  const turns = { rounds: 2, steps: 1, warm: 1, note: (line: string) => notes.push(line) };
  const { rounds } = await compareSteps(work, sides, { ...turns, until: performance.now() });
  expect(rounds).toBe(1);
  expect(notes).toEqual([
    "  ours: 9 s a step, warming up",
    "  other (AVX2): 9 s a step, warming up",
    "  round 1 of 1: ours 200 ms, other (AVX2) 1.00; 0 s left",
  ]);
});

it("tells the instructions by what the processor has", () => {
  expect([" fpu avx2 avx512f", "avx avx2", "fpu", undefined].map((flags) => ownInstructions(flags ?? ""))).toEqual([
    ...["AVX-512", "AVX2"],
    ...[undefined, undefined],
  ]);
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("AVX512_HIDDEN", "1");
  expect(ownInstructions("fpu avx2 avx512f")).toBe("AVX2");
});

it("closes the sides if one fails", async () => {
  const log: string[] = [];
  const broken: Side = {
    ...scripted("broken", [], [], log),
    steps: () => Promise.reject(new Error("no answer")),
  };
  await expect(
    compareSteps(work, [scripted("ours", [[1]], [], log), broken], { rounds: 1, steps: 1, warm: 1 }),
  ).rejects.toThrow("no answer");
  expect(log).toEqual(["ours 1", "ours closed", "broken closed"]);
});

it("has our own sides make steps, in processes of their own", async () => {
  const { rows } = await compareSteps(work, sidesOf(work), { rounds: 1, steps: 1, warm: 2 });
  expect(rows.map(({ name, lossDifference }) => [name, lossDifference])).toEqual([
    ["tokenformer", 0],
    ["its matrix products alone", undefined],
  ]);
  for (const { seconds, peakBytes } of rows) {
    expect(seconds.median).toBeGreaterThan(0);
    expect(peakBytes).toBeGreaterThan(5e7);
  }
});
