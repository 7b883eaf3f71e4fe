/** That the optimisers of ONNX Runtime that are left out find nothing in the programs of this project. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, expect, it, vi } from "vitest";
import { Decoder } from "../../src/generation/index.ts";
import { Inference, uploadArrays } from "../../src/inference/inference.ts";
import { type CompleteModelConfig, givenOf, modelOf, type QuantizationName } from "../../src/model/index.ts";
import { required } from "../../src/required.ts";
import { constantsOf } from "../../src/runtime/constants.ts";
import type { CompileOptions } from "../../src/runtime/index.ts";
import { NEEDLESS_OPTIMIZERS } from "../../src/runtime/optimizers.ts";
import { SLOWER_OPTIMIZER } from "../../src/runtime/session-host.ts";
import { emitWith, type Graph } from "../../src/tensor/index.ts";
import { ModelProtoSchema } from "../../src/tensor/onnx-format/onnx_pb.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { useDevice } from "../support/device.ts";
import { drawnParameters, tinyTokenFormer, tinyTransformer } from "../support/models.ts";

const device = useDevice();
const folder = await mkdtemp(join(tmpdir(), "optimizers-"));
afterAll(() => rm(folder, { recursive: true }));

const tokenFormer = { ...tinyTokenFormer, layers: 1 } as const;
const transformer = { ...tinyTransformer, layers: 1, dropout: 0.1 } as const;

it.each<readonly [string, CompleteModelConfig, number | undefined]>([
  ["a TokenFormer of any context", tokenFormer, undefined],
  ["a TokenFormer with attention in blocks of rows, and dropout", { ...tokenFormer, context: 131, dropout: 0.1 }, 131],
  ["a TokenFormer of softmax", { ...tokenFormer, activation: "softmax", positions: "learned", tied: false }, 17],
  [
    "a TokenFormer with norms of its generations",
    {
      ...tokenFormer,
      generations: [{ tokens: { query: 2, key: 0, value: 3, projection: [4], feedForward: 5 } }],
    },
    17,
  ],
  ["the lecture's Transformer", transformer, 17],
  ["a Transformer of GELU", { ...transformer, activation: "gelu", biases: false, positions: "rotary" }, 17],
])("%s: its gradients", async (_, config, time) => {
  await expectTheSame(gradientsOf(modelOf(config), time).graph);
});

it.each<readonly [string, CompleteModelConfig, QuantizationName | undefined]>([
  ["a TokenFormer", tokenFormer, undefined],
  ["the lecture's Transformer", transformer, undefined],
  ["a TokenFormer of 8 bits", tokenFormer, "int8"],
  ["a TokenFormer of 4 bits", tokenFormer, "int4"],
])("%s: its loss, its logits and its writing", async (_, config, quantize) => {
  const compiled = await programsOf(config, quantize);
  expect(compiled.length).toBeGreaterThan(2);
  const scalars = [...givenOf(config)].map(
    ([name, value]) => [name, { shape: [], data: Float32Array.of(value) }] as const,
  );
  const given = new Map([...drawnParameters(config), ...scalars]);
  for (const [graph, options] of compiled) await expectTheSame(graph, options, given);
});

/** What is compiled to evaluate a model and to write with it. */
async function programsOf(config: CompleteModelConfig, quantize: QuantizationName | undefined) {
  const compile = vi.spyOn(device(), "compile");
  const parameters = await uploadArrays(device(), drawnParameters(config));
  const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
  const ids = Int32Array.from([1, 2, 3, 4, 5]);
  await inference.nextLogits(ids);
  await inference.evaluate([{ tokens: ids, targets: ids, sequences: 1, context: ids.length }]);
  const { model, given } = inference;
  const decoder = await Decoder.open(
    { device: device(), model, parameters, given, quantize },
    { context: config.context },
  );
  const { slot } = await decoder.start([1, 2, 3]);
  await decoder.step(new Map([[slot, 4]]));
  await decoder.release();
  await inference.release();
  await device().dispose(parameters.values());
  const { calls } = compile.mock;
  compile.mockRestore();
  return calls;
}

/** Compares the nodes that are left of a program with those that are left where every optimiser looks at it. */
async function expectTheSame(
  graph: Graph,
  { frozen = new Map(), quantization }: CompileOptions = {},
  parameters: ReturnType<typeof drawnParameters> = new Map(),
): Promise<void> {
  const shapes = [...frozen].map(([name, { shape }]) => [name, { shape, quantization: quantization?.(name) }] as const);
  const { model, external } = emitWith(graph, { frozen: new Map(shapes) });
  const constants = external.map((constant, buffer) => ({ constant, buffer }));
  const externalData = constantsOf(constants, (buffer) => ({
    dtype: "float32",
    ...required(parameters, external[buffer]?.input ?? ""),
  }));
  const nodesOf = async (optimizers: readonly string[]) => {
    const optimizedModelFilePath = join(folder, "optimized.onnx");
    const session = await InferenceSession.create(model, {
      intraOpNumThreads: 1,
      graphOptimizationLevel: "all",
      enableMemPattern: false,
      logSeverityLevel: 4,
      externalData,
      optimizedModelFilePath,
      extra: { optimization: { disable_specified_optimizers: optimizers.join(";") } },
    });
    await session.release();
    const { graph: left } = fromBinary(ModelProtoSchema, await readFile(optimizedModelFilePath));
    return left?.node.map(({ opType, input, output }) => `${opType}(${input}) → ${output}`).sort();
  };
  // Sharing gives constants with equal values one name, and changes no node.
  const all = await nodesOf([SLOWER_OPTIMIZER, "ConstantSharing"]);
  expect(await nodesOf([SLOWER_OPTIMIZER, ...NEEDLESS_OPTIMIZERS])).toEqual(all);
}
