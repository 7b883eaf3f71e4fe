/** Programs that make the same training steps, or the same matrix products, in other libraries. */

import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TokenBatch } from "tokenformer";
import { batchesOf, type Multiplier, openPeer, peerSide, type Side, stateOf, type Work } from "tokenformer/benchmark";
import { type StoredTensor, writeSafetensors } from "tokenformer/formats";
import type { Terms } from "./mkl.ts";

const file = (path: string) => fileURLToPath(new URL(`../bench/peers/${path}`, import.meta.url));

/** What a work is, as files that a program in any language reads. */
export interface WorkFiles {
  readonly config: string;
  readonly weights: string;
  readonly batches: string;
  remove(): void;
}

export async function writeWork(work: Work): Promise<WorkFiles> {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const at = (name: string) => join(folder, name);
  const batches = batchesOf(work);
  const stack = (pick: (batch: TokenBatch) => Int32Array): StoredTensor => ({
    shape: [batches.length, work.batch, work.config.context],
    data: Int32Array.from(batches.flatMap((batch) => [...pick(batch)])),
  });
  await writeSafetensors(at("weights.safetensors"), stateOf(work).parameters);
  const [tokens, targets] = [stack((batch) => batch.tokens), stack((batch) => batch.targets)];
  await writeSafetensors(at("batches.safetensors"), new Map(Object.entries({ tokens, targets })));
  await writeFile(at("config.json"), JSON.stringify(work.config));
  return {
    config: at("config.json"),
    weights: at("weights.safetensors"),
    batches: at("batches.safetensors"),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

interface PyTorch extends Partial<Terms> {
  /** torch.compile instead of eager. */
  readonly compile: boolean;
  /** Default: cpu. */
  readonly device?: "cpu" | "cuda";
  /** Of its products. Default: float32. */
  readonly dtype?: "float32" | "bfloat16";
}

export function pytorch(
  python: string,
  work: Work,
  { weights, batches }: WorkFiles,
  { compile, device = "cpu", dtype = "float32", ...terms }: PyTorch,
): Side {
  const name = `PyTorch, ${compile ? "torch.compile" : "eager"}${dtype === "float32" ? "" : `, ${dtype}`}`;
  const { type, context, vocabulary } = work.config;
  if (type === "bigram") throw new Error("PyTorch's side has no bigram");
  const { layers, heads, width } = work.config;
  const sizes = { layers, heads, width, context, vocabulary, batch: work.batch, ...tokensOf(work) };
  const rate = ["--learning-rate", String(work.training.learningRate)];
  const given = Object.entries(sizes).flatMap(([option, value]) => [`--${option}`, String(value)]);
  const program = [
    ...[
      file("pytorch/train_step.py"),
      "--serve",
      "--model",
      type,
      ...["--device", device, "--dtype", dtype],
      ...(compile ? ["--compile"] : []),
      ...given,
      ...rate,
    ],
    ...["--weights", weights, "--batches", batches],
  ];
  return peerSide(name, python, program, terms);
}

function tokensOf({ config }: Work) {
  if (config.type !== "tokenformer") return {};
  const { query, feedForward } = config.tokens;
  return { "attention-tokens": String(query), "ffn-tokens": String(feedForward) };
}

/** TensorFlow.js or jax-js, whose installation stands beside the programs. */
export function javascript(library: "tfjs" | "jax", { config, weights, batches }: WorkFiles): Side {
  const name = { tfjs: "TensorFlow.js, WASM", jax: "jax-js, WASM" }[library];
  return peerSide(name, process.execPath, [file(`javascript/${library}.js`), config, weights, batches]);
}

/** The OpenBLAS of a Python's NumPy. */
export function openBlas(python: string): Multiplier {
  const peer = openPeer(python, [file("openblas/products.py")]);
  return {
    name: "OpenBLAS",
    async run({ count: _, ...product }, count) {
      const answer = await peer.ask(JSON.stringify({ ...product, count }));
      if (!Array.isArray(answer)) throw new Error(`OpenBLAS answered ${JSON.stringify(answer)}`);
      return answer.map(Number);
    },
    close: () => peer.quit(),
  };
}
