/**
 * What a compiler that fuses elementwise work could win: processor time of a pass forward and backward by ONNX Runtime, as this package runs it, beside
 * OpenVINO's of the same program, on one thread each, in turns. Passes have half of a step's sequences, as those of a replica.
 *
 *     npm run bench:openvino -- --python PYTHON [--work nanogpt-cpu] [--model tokenformer] [--rounds 100]
 *
 * The Python needs openvino and numpy: see bench/peers/openvino.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Tensor } from "onnxruntime-node";
import { modelOf } from "tokenformer";
import { openPeer, workModels, workNames, workOf } from "tokenformer/benchmark";
import { emitOnnx } from "tokenformer/tensor";
import { gradientsOf } from "tokenformer/training";
import { z } from "zod";
import { machine, median, ratiosOf, spread } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";
import { feedsOf, openSession } from "./passes-session.ts";

const { values: options } = parsedOptions({
  options: {
    python: { type: "string", default: "python3" },
    work: { type: "string", default: "nanogpt-cpu" },
    model: { type: "string", default: "tokenformer" },
    rounds: { type: "string", default: "100" },
  },
});

const rounds = countOf(options.rounds, "--rounds");
const { config, batch } = workOf(oneOf(workNames, options.work, "--work"), oneOf(workModels, options.model, "--model"));
const feeds = feedsOf({ config, batch: Math.ceil(batch / 2) });
const traced = gradientsOf(modelOf(config), config.context).graph;

const passesSchema = z.object({ seconds: z.array(z.number()), loss: z.number(), version: z.string() });
const kindsSchema = z.record(z.string(), z.number());

/** The program for any runtime of ONNX, and what it is given, as files. */
async function writePass(folder: string, given: Readonly<Record<string, Tensor>>): Promise<void> {
  const types = Object.entries(given).map(([name, { type, dims }]) => [name, { dtype: type, shape: dims }] as const);
  const bytes = Object.values(given).map(({ data }) => {
    if (!ArrayBuffer.isView(data)) throw new Error("inputs are numbers");
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  });
  await writeFile(join(folder, "model.onnx"), emitOnnx(traced, "portable"));
  await writeFile(join(folder, "inputs.json"), JSON.stringify(Object.fromEntries(types)));
  await writeFile(join(folder, "inputs.bin"), Buffer.concat(bytes));
}

const folder = mkdtempSync(join(tmpdir(), "bench-"));
process.once("exit", () => rmSync(folder, { recursive: true }));
await writePass(folder, feeds);
const program = fileURLToPath(new URL("../bench/peers/openvino/passes.py", import.meta.url));
const peer = openPeer(options.python, [program, folder]);
const session = await openSession(emitOnnx(traced), 1);

async function ownPass(): Promise<{ readonly milliseconds: number; readonly loss: number }> {
  const before = process.cpuUsage();
  const { loss } = await session.run(feeds);
  const { user, system } = process.cpuUsage(before);
  return { milliseconds: (user + system) / 1000, loss: Number(loss?.data[0]) };
}

const [own, others]: [number[], number[]] = [[], []];
let losses: readonly number[] = [];
let version = "";
for (let round = -3; round < rounds; round++) {
  const ours = await ownPass();
  const theirs = passesSchema.parse(await peer.ask("pass 1"));
  [losses, version] = [[ours.loss, theirs.loss], theirs.version];
  // The first ones warm up.
  if (round < 0) continue;
  own.push(ours.milliseconds);
  others.push((theirs.seconds[0] ?? Number.NaN) * 1000);
}
console.log(`${machine}; OpenVINO ${version}; ${options.work}, ${options.model}, losses ${losses.join(" and ")}`);
console.log(
  `ONNX Runtime ${median(own).toFixed(2)} ms, OpenVINO ${median(others).toFixed(2)}, ratio ${spread(ratiosOf(others, own))}`,
);
const kinds = Object.entries(kindsSchema.parse(await peer.ask("profile 20"))).filter(([, time]) => time >= 0.1);
console.log(`of OpenVINO's, in ms: ${kinds.map(([kind, time]) => `${kind} ${time.toFixed(1)}`).join(", ")}`);
await peer.quit();
await session.release();
