/**
 * What several ranks on one machine cost beside one process: steps in turns, an all-reduce beside that of a C program with the same
 * library, and memory beside what the division of the optimiser's state promises.
 *
 *     npm run bench:ranks -- [steps] [all-reduce] [memory] [--presets nanogpt-cpu,lecture,124m] [--rounds 5] [--mpirun mpirun] [--mpicc mpicc] [--out FILE]
 */

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { countParameters, parseConfig, presets } from "tokenformer";
import { NEOX_VOCABULARY } from "#tokenformer/configuration";
import { countOf, machine, median, oneOf } from "./measure.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    presets: { type: "string", default: "nanogpt-cpu,lecture,124m" },
    rounds: { type: "string", default: "5" },
    mpirun: { type: "string", default: "mpirun" },
    mpicc: { type: "string", default: "mpicc" },
    out: { type: "string" },
  },
});

const rounds = countOf(options.rounds, "--rounds");
const run = promisify(execFile);
const program = fileURLToPath(new URL("ranks-program.js", import.meta.url));

interface Measured {
  readonly median: number;
  readonly mebibytes: number;
  readonly peakMebibytes: number;
}

/** Runs a program alone, or as ranks, and reads the line that it prints. */
async function measured(ranks: number, words: readonly string[]): Promise<Measured> {
  const started = ranks === 1 ? words : [options.mpirun, "--oversubscribe", "-np", String(ranks), ...words];
  const [first = "", ...others] = started;
  const { stdout } = await run(first, others);
  return JSON.parse(stdout);
}

const ownProgram = (...words: readonly string[]) => [process.execPath, program, ...words];

/** Steps of two ranks with a thread each beside those of one process with two threads, in turns. */
async function stepsOf(preset: string, steps: number, batch: string[]) {
  const words = ownProgram("train", "--preset", preset, "--steps", String(steps), ...batch);
  const [alone, two]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    alone.push((await measured(1, words)).median);
    two.push((await measured(2, words)).median);
  }
  const ratios = two.map((value, round) => value / (alone[round] ?? Number.NaN));
  return { preset, alone: median(alone), two: median(two), ratio: median(ratios), ratios };
}

/** An all-reduce of 100 MB between two ranks, in the fixed order and the library's, beside that of a C program. */
async function allReduces() {
  const compiled = join(tmpdir(), `all-reduce-${process.pid}`);
  await run(options.mpicc, ["-O2", fileURLToPath(new URL("../bench/all-reduce.c", import.meta.url)), "-o", compiled]);
  const sides = {
    c: [compiled, "20", "100"],
    fixed: ownProgram("all-reduce", "--order", "fixed"),
    library: ownProgram("all-reduce", "--order", "library"),
  };
  const times: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [side, words] of Object.entries(sides)) {
      const { median: time } = await measured(2, words);
      times[side] = [...(times[side] ?? []), time];
    }
  }
  const ratio = (side: string) =>
    median((times[side] ?? []).map((time, round) => time / (times["c"]?.[round] ?? Number.NaN)));
  return { milliseconds: times, fixedToC: ratio("fixed"), libraryToC: ratio("library") };
}

/** The memory of the largest rank after some steps, and ever, beside that of its weights, gradients and moments. */
async function memoryOf(preset: "124m" | "354m") {
  const { model } = parseConfig(presets[preset].config);
  const parameters = countParameters({ ...model, vocabulary: model.vocabulary ?? NEOX_VOCABULARY }).total;
  const rows: unknown[] = [];
  for (const ranks of [1, 2, 4]) {
    // Short sequences, so that what a pass needs beside the state is small.
    const words = ownProgram("train", "--preset", preset, ..."--steps 1 --warm-up 1 --batch 4 --context 64".split(" "));
    const { mebibytes, peakMebibytes } = await measured(ranks, words);
    const state = (ranks === 1 ? 16 : 8 + 12 / ranks) * parameters;
    const rounded = [mebibytes, peakMebibytes, state / 2 ** 20].map(Math.round);
    rows.push({ preset, ranks, mebibytes: rounded[0], peakMebibytes: rounded[1], stateMebibytes: rounded[2] });
  }
  return rows;
}

const wanted = positionals.length === 0 ? ["steps", "all-reduce", "memory"] : positionals;
const result: Record<string, unknown> = { machine };
if (wanted.includes("all-reduce")) result["allReduce"] = await allReduces();
if (wanted.includes("steps")) {
  const of = {
    "nanogpt-cpu": () => stepsOf("nanogpt-cpu", 60, []),
    lecture: () => stepsOf("lecture", 5, ["--batch", "16"]),
    "124m": () => stepsOf("124m", 2, ["--batch", "2"]),
  };
  const steps: unknown[] = [];
  for (const preset of options.presets.split(",")) {
    steps.push(await of[oneOf(["nanogpt-cpu", "lecture", "124m"], preset, "--presets")]());
  }
  result["steps"] = steps;
}
if (wanted.includes("memory")) result["memory"] = await memoryOf("124m");
const text = `${JSON.stringify(result, undefined, 2)}\n`;
process.stdout.write(text);
if (options.out !== undefined) await writeFile(options.out, text);
