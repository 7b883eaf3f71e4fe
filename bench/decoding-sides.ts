/** Ways of decoding the same model: ours, ONNX Runtime alone, PyTorch and Transformers.js. */

import { mkdtempSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as onnxRuntime from "onnxruntime-node";
import { CharacterTokenizer, Decoder, type DeviceName, exportOnnx, modelOf, openDevice, Random } from "tokenformer";
import { openPeer } from "tokenformer/benchmark";
import { givenOf } from "tokenformer/model";
import { uploadArrays } from "tokenformer/training";
import { model, randomState, saveModel, size, VOCABULARY, parameters as weights } from "./model-150m.ts";
import { toTransformersJs } from "./transformers-js-layout.ts";

// Sessions of this thread send no telemetry either.
process.env["ORT_DISABLE_TELEMETRY"] ??= "1";

/** A way of decoding. */
export interface Side {
  readonly name: string;
  /** Bytes of weights that are read for each token. */
  readonly weightBytes: number;
  /** Begins a sequence of so many tokens; those that can, as many of them as are asked for. */
  begin(length: number, sequences?: number): Promise<void>;
  /** Seconds of each of some further tokens. */
  decode(tokens: number): Promise<number[]>;
  close(): Promise<void>;
}

export { model, parameters as weights, VOCABULARY } from "./model-150m.ts";

const { layers, width, heads } = size;
export const state = randomState();
/** Bytes of the keys and values of so many tokens. */
export const cacheBytes = (tokens: number) => 2 * layers * tokens * width * 4;

export const threads = availableParallelism();
const random = Random.from("bench");
export const drawn = (length: number) => Int32Array.from({ length }, () => random.integer(VOCABULARY));
export const folder = mkdtempSync(join(tmpdir(), "bench-decoding-"));

export async function ours(name: string, quantize?: "int8" | "int4", on: DeviceName = "cpu", slots = 1): Promise<Side> {
  const device = await openDevice(on);
  const parameters = await uploadArrays(device, state.parameters);
  const loaded = { device, model: modelOf(model), parameters, given: givenOf(model), quantize };
  const decoder = await Decoder.open(loaded, { context: model.context, slots });
  await device.dispose(parameters.values());
  const table = VOCABULARY * width;
  const scales = 1 / 8; // bytes of a weight's share in its block's scale
  const bytes =
    quantize === undefined
      ? 4 * weights
      : (weights - table) * ((quantize === "int8" ? 1 : 0.5) + scales) + table * (1 + scales);
  let begun: number[] = [];
  return {
    name,
    weightBytes: bytes,
    async begin(length, sequences = 1) {
      for (const slot of begun) decoder.free(slot);
      begun = [];
      while (begun.length < sequences) begun.push((await decoder.start(drawn(length))).slot);
    },
    decode: (tokens) =>
      timed(tokens, () => decoder.step(new Map(begun.map((slot) => [slot, random.integer(VOCABULARY)])))),
    close: () => device.close(),
  };
}

/** The model as an ONNX file, in a folder of its own. */
async function exported(): Promise<string> {
  const parent = mkdtempSync(join(folder, "export-"));
  const [from, to] = [join(parent, "run"), join(parent, "onnx")];
  await saveModel(from, state, CharacterTokenizer.fromText("abc"));
  await exportOnnx({ from, to });
  return to;
}

/** The exported model in ONNX Runtime alone. */
export async function plainLoop(): Promise<Side> {
  const session = await onnxRuntime.InferenceSession.create(join(await exported(), "model.onnx"), {
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
    extra: { session: { force_spinning_stop: "1" } },
  });
  const past = session.inputNames.filter((name) => name !== "tokens");
  let cache = new Map<string, onnxRuntime.Tensor>();
  const run = async (tokens: Int32Array) => {
    const given = new onnxRuntime.Tensor("int32", tokens, [1, tokens.length]);
    const results = await session.run({ tokens: given, ...Object.fromEntries(cache) });
    cache = new Map(
      past.flatMap((name) => {
        const present = results[name.replace("past", "present")];
        return present === undefined ? [] : [[name, present] as const];
      }),
    );
  };
  return {
    name: "exported ONNX, plain loop",
    weightBytes: 4 * weights,
    async begin(length) {
      // What is in the cache makes no difference to the time.
      const shape = [1, heads, length, width / heads];
      cache = new Map(
        past.map((name) => [name, new onnxRuntime.Tensor("float32", new Float32Array(width * length), shape)]),
      );
      await run(drawn(1));
    },
    decode: (tokens) => timed(tokens, () => run(drawn(1))),
    close: () => session.release(),
  };
}

/** Seconds of each of some calls, one after the other. */
async function timed(count: number, call: () => Promise<unknown>): Promise<number[]> {
  const seconds: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    await call();
    seconds.push((performance.now() - startedAt) / 1000);
  }
  return seconds;
}

/** @param environment variables beside those of this process. Default: none */
export const pytorch = (python: string, environment: Readonly<Record<string, string>> = {}) =>
  peerSide("PyTorch, eager", python, [peerFile("pytorch/decode.py"), "--threads", String(threads)], environment);

/** The exported model in Transformers.js, of which an installation stands beside the script. */
export async function transformersJs(): Promise<Side> {
  const layout = await toTransformersJs(await exported(), size);
  return peerSide("Transformers.js", process.execPath, [peerFile("transformers-js/decode.js"), layout]);
}

const peerFile = (path: string) => fileURLToPath(new URL(`../bench/peers/${path}`, import.meta.url));

function peerSide(
  name: string,
  command: string,
  given: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Side {
  const peer = openPeer(command, given, environment);
  const ask = async (line: string): Promise<number[]> => {
    const answer = await peer.ask(line);
    if (!Array.isArray(answer)) throw new Error(`${name} answered ${JSON.stringify(answer)}`);
    return answer.map(Number);
  };
  return {
    name,
    weightBytes: 4 * weights,
    async begin(length, sequences = 1) {
      await ask(`begin ${length} ${sequences}`);
    },
    decode: (tokens) => ask(`decode ${tokens}`),
    close: () => peer.quit(),
  };
}
