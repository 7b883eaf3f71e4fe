/**
 * What several ranks on one machine cost beside one process: steps in turns, an all-reduce beside that of a C program with the same
 * library, and memory beside what the division of the optimiser's state promises.
 *
 *     npm run bench:ranks -- [steps] [all-reduce] [memory] [--presets nanogpt-cpu,lecture,124m] [--sizes 124m] [--ranks 1,2,4]
 *       [--rounds 5] [--minutes 5] [--mpirun mpirun] [--mpicc mpicc] [--out FILE]
 *
 * Each figure is printed as soon as there is one. For each preset, and for the all-reduce, no round begins that would end after --minutes,
 * but one there is always. Memory is that of the presets in --sizes, with the numbers of --ranks: of 354m some 10 GB a rank.
 */

import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { countParameters, parseConfig, presets } from "tokenformer";
import { NEOX_VOCABULARY } from "#tokenformer/configuration";
import { machine, median, note, ratiosOf } from "./measure.ts";
import { countOf, oneOf, parsedOptions, someOf } from "./options.ts";

const { values: options, positionals } = parsedOptions({
  allowPositionals: true,
  options: {
    presets: { type: "string", default: "nanogpt-cpu,lecture,124m" },
    sizes: { type: "string", default: "124m" },
    ranks: { type: "string", default: "1,2,4" },
    rounds: { type: "string", default: "5" },
    minutes: { type: "string", default: "5" },
    mpirun: { type: "string", default: "mpirun" },
    mpicc: { type: "string", default: "mpicc" },
    out: { type: "string" },
  },
});

const rounds = countOf(options.rounds, "--rounds");
const minutes = countOf(options.minutes, "--minutes");
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

/** One that takes turns with others: a program, started as so many ranks. */
interface Side {
  readonly name: string;
  readonly ranks: number;
  readonly words: readonly string[];
}

/** Milliseconds of each side, round by round, as many rounds as there is time for, and how many times those of the first side they are. */
async function inTurns(title: string, sides: readonly Side[]) {
  const times: number[][] = sides.map(() => []);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { name, ranks, words }] of sides.entries()) {
      const { median: time } = await measured(ranks, words);
      times[index]?.push(time);
      note(`${title}, round ${round}: ${name} ${time.toFixed(1)} ms (${seconds().toFixed()} s gone)`);
    }
    if (seconds() * (1 + 1 / round) > 60 * minutes) break;
  }
  return sides.map(({ name }, index) => {
    const milliseconds = times[index] ?? [];
    const ratios = ratiosOf(milliseconds, times[0] ?? []);
    return { name, median: median(milliseconds), ratio: median(ratios), milliseconds, ratios };
  });
}

/** Steps of two ranks with a thread each beside those of one process with two threads. */
function stepsOf(preset: string, steps: number, batch: readonly string[] = []) {
  const words = ownProgram("train", "--preset", preset, "--steps", String(steps), ...batch);
  return inTurns(preset, [
    { name: "one process", ranks: 1, words },
    { name: "two ranks", ranks: 2, words },
  ]);
}

/** An all-reduce of 100 MB between two ranks, in the fixed order and the library's, beside that of a C program. */
async function allReduces() {
  const compiled = join(tmpdir(), `all-reduce-${process.pid}`);
  await run(options.mpicc, ["-O2", fileURLToPath(new URL("../bench/all-reduce.c", import.meta.url)), "-o", compiled]);
  try {
    return await inTurns("all-reduce", [
      { name: "C", ranks: 2, words: [compiled, "20", "100"] },
      { name: "fixed order", ranks: 2, words: ownProgram("all-reduce", "--order", "fixed") },
      { name: "order of the library", ranks: 2, words: ownProgram("all-reduce", "--order", "library") },
    ]);
  } finally {
    await rm(compiled);
  }
}

/** The memory of the largest rank after some steps, and ever, beside that of its weights, gradients and moments. */
async function memoryOf(preset: "124m" | "354m") {
  const { model } = parseConfig(presets[preset].config);
  const parameters = countParameters({ ...model, vocabulary: model.vocabulary ?? NEOX_VOCABULARY }).total;
  const rows: unknown[] = [];
  for (const ranks of options.ranks.split(",").map((count) => countOf(count, "--ranks"))) {
    // Short sequences, so that what a pass needs beside the state is small.
    const words = ownProgram("train", "--preset", preset, ..."--steps 1 --warm-up 1 --batch 4 --context 64".split(" "));
    const { mebibytes, peakMebibytes } = await measured(ranks, words);
    const state = (ranks === 1 ? 16 : 8 + 12 / ranks) * parameters;
    const rounded = [mebibytes, peakMebibytes, state / 2 ** 20].map(Math.round);
    note(`memory of ${preset}, ${ranks} ranks: ${rounded[0]} MiB, at most ${rounded[1]}`);
    rows.push({ preset, ranks, mebibytes: rounded[0], peakMebibytes: rounded[1], stateMebibytes: rounded[2] });
  }
  return rows;
}

const wanted = positionals.length === 0 ? ["steps", "all-reduce", "memory"] : positionals;
const result: Record<string, unknown> = { machine };
if (wanted.includes("all-reduce")) result["allReduce"] = await allReduces();
if (wanted.includes("steps")) {
  const of = {
    "nanogpt-cpu": () => stepsOf("nanogpt-cpu", 60),
    lecture: () => stepsOf("lecture", 5, ["--batch", "16"]),
    "124m": () => stepsOf("124m", 3, ["--batch", "2", "--warm-up", "1"]),
  };
  const steps: Record<string, unknown> = {};
  for (const preset of options.presets.split(",")) {
    steps[preset] = await of[oneOf(["nanogpt-cpu", "lecture", "124m"], preset, "--presets")]();
  }
  result["steps"] = steps;
}
if (wanted.includes("memory")) {
  const memory: unknown[] = [];
  for (const size of someOf(["124m", "354m"], options.sizes, "--sizes")) memory.push(...(await memoryOf(size)));
  result["memory"] = memory;
}
const text = `${JSON.stringify(result, undefined, 2)}\n`;
process.stdout.write(text);
if (options.out !== undefined) await writeFile(options.out, text);
