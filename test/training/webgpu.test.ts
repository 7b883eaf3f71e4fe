/**
 * Training on WebGPU gives the losses of the CPU, growth included: on the software driver of Debian's `chromium` package, or on
 * that which VULKAN_DRIVER names, a file such as lvp_icd.json. The former has no float16.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const CHROMIUM = "/usr/lib/chromium";
const DRIVER = process.env["VULKAN_DRIVER"] ?? `${CHROMIUM}/vk_swiftshader_icd.json`;
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const small = [
  "model.layers=1",
  "model.width=22",
  "model.heads=2",
  "model.context=7",
  "training.batch=3",
  "training.warmup=0",
];
const run = ["training.steps=11", "training.evaluationTokens=70", "model.dropout=0.1", "training.microBatch=2"];
const tokens = 'model.tokens={"query":5,"key":5,"value":5,"projection":5,"feedForward":11}';

describe.skipIf(!existsSync(DRIVER))(`WebGPU (needs ${DRIVER}, Debian's chromium package)`, () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tokenformer-webgpu-"));
    const words = ["whale", "ship", "sea", "captain", "harpoon"];
    await writeFile(join(folder, "text.txt"), Array.from({ length: 400 }, (_, i) => words[(i * i) % 5]).join(" "));
  });
  afterAll(() => rm(folder, { recursive: true }));

  // The software driver compiles for a long time on a busy machine.
  it("gives the losses of the cpu", { timeout: 600_000 }, async () => {
    // Adam's first updates hang on the signs of gradients: a low rate keeps roundings from growing.
    const plan = [
      "--grow-at",
      "4:q=3,proj=2,ffn=4;tau=ramp;rampSteps=4;freeze=2",
      "--set",
      "training.learningRate=1e-4",
    ];
    const [cpu, webgpu] = [await losses(folder, "cpu", plan), await losses(folder, "webgpu", plan)];
    expect(cpu).toHaveLength(11);
    expect(webgpu).toHaveLength(11);
    expect(largestDifference(cpu, webgpu)).toBeLessThan(1e-4);
    expect(cpu.at(-1)).not.toBe(cpu[0]);
  });

  it("has products in float16, or says that it has none", { timeout: 600_000 }, async () => {
    const plan = ["--grow-at", "4:q=3,proj=2,ffn=4", "--set", "training.learningRate=1e-4"];
    const half = await losses(folder, "webgpu", [...plan, "--set", "training.precision=float16"]).catch(
      (error: unknown) => String(error),
    );
    if (typeof half === "string") {
      expect(half).toContain('training.precision "float16": this webgpu device has none in float16 (');
      expect(half).not.toContain("    at ");
      return;
    }
    const cpu = await losses(folder, "cpu", plan);
    const difference = largestDifference(cpu, half);
    expect(difference).toBeGreaterThan(1e-5);
    expect(difference).toBeLessThan(1e-2);
  });
});

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((loss, step) => Math.abs(loss - (b[step] ?? Number.NaN))));
}

async function losses(folder: string, device: string, more: readonly string[]): Promise<number[]> {
  const out = await mkdtemp(join(folder, device));
  const set = [...small, ...run, tokens].flatMap((assignment) => ["--set", assignment]);
  const command = [
    MAIN,
    "train",
    "--data",
    join(folder, "text.txt"),
    "--out",
    out,
    "--device",
    device,
    ...set,
    ...more,
  ];
  await promisify(execFile)(process.execPath, command, {
    env: { ...process.env, VK_ICD_FILENAMES: DRIVER, LD_LIBRARY_PATH: process.env["LD_LIBRARY_PATH"] ?? CHROMIUM },
  });
  const lines = (await readFile(join(out, "metrics.jsonl"), "utf8")).trim().split("\n");
  return lines.flatMap((line) => {
    const record: { loss?: number } = JSON.parse(line);
    return record.loss === undefined ? [] : [record.loss];
  });
}
