import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scalingFigures } from "../../../src/lab/benchmark/figures.ts";
import { type BenchmarkReport, benchmarkMarkdown } from "../../../src/lab/benchmark/markdown.ts";
import { writeBenchmark } from "../../../src/lab/benchmark/write.ts";
import { useSharedFolder } from "../../support/folder.ts";

const at = useSharedFolder();

const spread = (median: number) => ({ median, least: median / 2, most: 2 * median });

const scaling = {
  what: "batch",
  points: [
    { value: 2, seconds: 0.1, flops: 2e9 },
    { value: 8, seconds: 0.3, flops: 8e9 },
  ],
};

const report: BenchmarkReport = {
  date: "2026-11-24",
  machine: "a machine",
  software: "tokenformer 1",
  steps: [
    {
      work: "lecture",
      model: "tokenformer",
      rounds: 3,
      stepsEach: 1,
      rows: [
        {
          name: "tokenformer",
          seconds: spread(0.02),
          tokensPerSecond: 12_345,
          flopsPerSecond: 5e10,
          peakBytes: 2e9,
          timeOverOurs: spread(1),
          lossDifference: 0.000_12,
          precision: "float32",
        },
        {
          name: "with products in float16",
          seconds: spread(0.01),
          tokensPerSecond: 24_690,
          flopsPerSecond: 5e11,
          peakBytes: 2e9,
          timeOverOurs: spread(0.5),
          lossDifference: 0.01,
          precision: "float16",
        },
      ],
    },
  ],
  limits: [
    {
      work: "lecture",
      model: "tokenformer",
      names: ["ONNX Runtime", "OpenBLAS"],
      peaks: [1e11, 2e11],
      products: [{ shape: "2×3 · 3×5", count: 7, rates: [spread(1e11), spread(2e11)] }],
    },
  ],
  growth: [
    {
      name: "mini",
      moments: true,
      parametersBefore: 1e6,
      parametersAfter: 2e6,
      stateBytes: 24e6,
      peakBytes: 30e6,
      growth: 0.04,
      nextStep: undefined,
      peakBytesOfStep: undefined,
    },
  ],
  startUp: {
    help: spread(0.06),
    node: spread(0.04),
    firstStep: spread(1.2),
    sessions: [{ layers: 12, nodes: 3312, graph: 0.2, emission: 0.1, session: 1.5 }],
  },
  scaling: [scaling],
  notMeasured: [{ name: "a peer", reason: "it does not run here" }],
};

it("writes every part as a table", () => {
  const text = benchmarkMarkdown(report, ["scaling-batch.svg"]);
  for (const line of [
    "2026-11-24, a machine; tokenformer 1. Medians, with the least and the most in brackets.",
    // Of the highest rate of any multiplier: 50 of 200 GFLOP/s.
    "| tokenformer | 20 ms (10 ms to 40 ms) | 12,345 | 50 | 25% | 1.00 (0.50 to 2.00) | 2 GB | 1.2 × 10⁻⁴ |",
    "3 rounds, in turns of 1 step.",
    "| 2×3 · 3×5 | 7 | 100 (50 to 200) | 200 (100 to 400) |",
    "| mini | 1 M → 2 M | 40 ms | 30 MB | 125% | – | – |",
    "| `tokenformer --help` | 60 ms (30 ms to 120 ms) |",
    "| 12 | 3,312 | 200 ms | 100 ms | 1.5 s |",
    "| batch | 8 | 300 ms | 27 | 3.00 | 4.00 |",
    "![](scaling-batch.svg)",
    "- a peer: it does not run here",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

it("leaves out what was not measured", () => {
  const { date, machine, software } = report;
  expect(benchmarkMarkdown({ date, machine, software })).not.toContain("##");
});

it("draws the time of a step beside the operations, with the ends named", () => {
  const figures = scalingFigures([scaling]);
  expect([...figures.keys()]).toEqual(["scaling-batch.svg"]);
  const svg = figures.get("scaling-batch.svg") ?? "";
  for (const word of ["time of a step", "measured", "300 ms", "as operations", "400 ms"]) expect(svg).toContain(word);
});

it("tells first how those compare that use the same instructions", () => {
  const row = (name: string, instructions: string, times: number) => ({
    ...{ name, instructions, seconds: spread(0.02), tokensPerSecond: 12_345, flopsPerSecond: 5e10 },
    ...{ peakBytes: 2e9, timeOverOurs: spread(times), lossDifference: 0, precision: "float32" as const },
  });
  const rows = [row("ours", "AVX-512", 1), row("peer", "AVX2", 2), row("peer, allowed more", "AVX-512", 0.5)];
  const comparison = { work: "lecture", model: "tokenformer", rounds: 3, stepsEach: 1, rows };
  expect(benchmarkMarkdown({ ...report, steps: [comparison] })).toContain(
    "On equal terms (AVX-512), time over ours: peer, allowed more 0.50 (0.25 to 1.00). On others, or with instructions that are not known: peer 2.00 (1.00 to 4.00).\n\n|  | step",
  );
});

it("is replaced as a whole or not at all", async () => {
  const place = at("whole");
  await writeBenchmark({ ...report, scaling: [scaling] }, place);
  const files = ["benchmark.json", "benchmark.md", "scaling-batch.svg"];
  expect((await readdir(place)).toSorted()).toEqual(files);
  const before = await readFile(join(place, "benchmark.md"), "utf8");
  await rm(join(place, "benchmark.json"));
  await mkdir(join(place, "benchmark.json"));
  await expect(writeBenchmark({ ...report, machine: "another" }, place)).rejects.toThrow(/benchmark\.json.*a folder/);
  expect(await readFile(join(place, "benchmark.md"), "utf8")).toBe(before);
});
