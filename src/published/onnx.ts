/** A run as an ONNX model with a key–value cache, which runtimes of ONNX run without this package. */

import type { OpenedTensors } from "../checkpoint/portable.ts";
import { writersOf } from "../formats/index.ts";
import {
  type CompleteModelConfig,
  givenOf,
  isCached,
  modelOf,
  parametersOf,
  traceModel,
  traceWithPresent,
} from "../model/index.ts";
import { required } from "../required.ts";
import { openAttached } from "../skills/index.ts";
import { type ExternalConstant, emitWith, type FrozenInput, graph, inputName, type Tensor } from "../tensor/index.ts";
import { tokenizerFile, writeExport } from "./export.ts";
import { onnxReadme } from "./onnx-readme.ts";

export interface OnnxExportOptions {
  /** The folder of a run or checkpoint. */
  readonly from: string;
  /** The folders of skills to attach. Default: none. */
  readonly skills?: readonly string[] | undefined;
  /** The folder to write. */
  readonly to: string;
}

const MODEL = "model.onnx";
const WEIGHTS = "model.onnx.data";

/** Constants begin at multiples of it, so that they can be mapped into memory. */
const ALIGNMENT = 4096;

/**
 * Writes model.onnx, its weights beside it in model.onnx.data (so that no size limit is near), a README.md with the names of
 * inputs and outputs, and the tokenizer where that is one that others can read. One tensor is in memory at a time.
 * @returns the files
 * @throws UserError where `to` is the folder of a run or has one of the files
 */
export async function exportOnnx({ from, skills = [], to }: OnnxExportOptions): Promise<readonly string[]> {
  const checkpoint = await openAttached(from, skills);
  try {
    const { state, tokenizer } = checkpoint.summary;
    const { config } = state;
    const { model, weights, past } = onnxModel(config);
    const stored = await checkpoint.openParameters();
    const files = {
      ...writersOf({
        [MODEL]: () => model,
        [WEIGHTS]: () => bytesOf(weights, stored, givenOf(config)),
        "README.md": () => onnxReadme(config, past, { model: MODEL, weights: WEIGHTS }),
      }),
      ...tokenizerFile(tokenizer),
    };
    return await writeExport(to, files);
  } finally {
    await checkpoint.close();
  }
}

/** A constant and where it begins in the file of weights. */
interface PlacedConstant {
  readonly constant: ExternalConstant;
  readonly offset: number;
}

interface OnnxModel {
  readonly model: Uint8Array;
  /** Its constants in the order of the file. */
  readonly weights: readonly PlacedConstant[];
  /** The inputs for earlier keys and values, in order; none for a model without a cache. */
  readonly past: readonly Tensor[];
}

function onnxModel(config: CompleteModelConfig): OnnxModel {
  const scalars = [...givenOf(config).keys()].map((name) => [name, { shape: [] }] as const);
  const inputs = parametersOf(config).map(({ name, size }) => [name, { shape: size }] as const);
  const weights: PlacedConstant[] = [];
  let end = 0;
  // ONNX Runtime fuses the operators again where it can.
  const traced = graph("tokenformer", tracedOutputs(config));
  const { model } = emitWith(traced, {
    target: "portable",
    frozen: new Map<string, FrozenInput>([...inputs, ...scalars]),
    place: (constant, bytes) => {
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      weights.push({ constant, offset });
      end = offset + bytes;
      return { location: WEIGHTS, offset };
    },
  });
  return { model, weights, past: traced.inputs.filter((tensor) => inputName(tensor).startsWith("past.")) };
}

/** What the model gives: the logits, and where a cache serves the keys and values of all tokens so far. */
function tracedOutputs(config: CompleteModelConfig): Readonly<Record<string, Tensor>> {
  if (isCached(config)) return traceWithPresent(modelOf(config));
  return { logits: traceModel(modelOf(config), { training: false }).logits };
}

async function* bytesOf(
  weights: readonly PlacedConstant[],
  stored: OpenedTensors,
  given: ReadonlyMap<string, number>,
): AsyncGenerator<Uint8Array> {
  let end = 0;
  for (const { constant, offset } of weights) {
    if (offset > end) yield new Uint8Array(offset - end);
    const { input } = constant;
    const data = given.has(input) ? Float32Array.of(required(given, input)) : (await stored.read(input)).data;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    end = offset + data.byteLength;
  }
}
