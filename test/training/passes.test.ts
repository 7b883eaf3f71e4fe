/** What a step costs, counted: what makes it slower shows here without a clock. */

import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { elementCount } from "../../src/element-count.ts";
import { type WorkModel, type WorkName, workOf } from "../../src/lab/benchmark/index.ts";
import { countParameters, modelOf, sizesOf } from "../../src/model/index.ts";
import { ThreadConnection } from "../../src/runtime/thread-connection.ts";
import { concreteShape, emitOnnx } from "../../src/tensor/index.ts";
import { ModelProtoSchema } from "../../src/tensor/onnx-format/onnx_pb.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { train } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";
import { corpus, ofType, tinyConfig, trained } from "./support.ts";

const device = useDevice();

/** The program of a step's gradients, of so many layers. */
function stepOf(name: WorkName, type: WorkModel, layers: number) {
  const { config: whole } = workOf(name, type);
  if (whole.type !== "tokenformer" && whole.type !== "transformer") throw new Error("a model of layers");
  const config = { ...whole, layers };
  const { graph } = gradientsOf(modelOf(config), config.context);
  const { graph: onnx } = fromBinary(ModelProtoSchema, emitOnnx(graph));
  if (onnx === undefined) throw new Error("a graph");
  return { config, graph, onnx };
}

/** Of each type of operator, how many a layer has, forward and backward. */
function operatorsOfLayer(name: WorkName, type: WorkModel): Record<string, number> {
  const [two, three] = [2, 3].map((layers) => {
    const counts = new Map<string, number>();
    for (const { opType } of stepOf(name, type, layers).onnx.node) counts.set(opType, (counts.get(opType) ?? 0) + 1);
    return counts;
  });
  const more = [...(three ?? [])].map(([operator, count]) => [operator, count - (two?.get(operator) ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("operators of a layer, forward and backward", () => {
  it("of a TokenFormer", () => {
    expect(operatorsOfLayer("nanogpt-cpu", "tokenformer")).toMatchInlineSnapshot(`
      {
        "Add": 17,
        "Cast": 5,
        "Div": 10,
        "Erf": 5,
        "Exp": 5,
        "Expand": 5,
        "Flatten": 14,
        "FusedMatMul": 30,
        "HardSigmoid": 5,
        "Identity": 10,
        "LayerNormalization": 2,
        "MatMul": 6,
        "Mul": 67,
        "ReduceSum": 10,
        "Reshape": 12,
        "RotaryEmbedding": 4,
        "Shape": 5,
        "SimplifiedLayerNormalization": 5,
        "Softmax": 1,
        "Sqrt": 5,
        "Sub": 15,
        "Transpose": 8,
      }
    `);
  });

  it("of a TokenFormer with attention in blocks of rows", () => {
    expect(operatorsOfLayer("124m", "tokenformer")).toMatchInlineSnapshot(`
      {
        "Add": 21,
        "Cast": 5,
        "Concat": 5,
        "Div": 10,
        "Erf": 5,
        "Exp": 5,
        "Expand": 5,
        "Flatten": 14,
        "FusedMatMul": 35,
        "HardSigmoid": 5,
        "Identity": 10,
        "LayerNormalization": 2,
        "MatMul": 7,
        "Mul": 69,
        "ReduceSum": 11,
        "Reshape": 12,
        "RotaryEmbedding": 4,
        "Shape": 5,
        "SimplifiedLayerNormalization": 5,
        "Slice": 6,
        "Softmax": 2,
        "Sqrt": 5,
        "Sub": 16,
        "Transpose": 8,
      }
    `);
  });

  it("of a Transformer", () => {
    expect(operatorsOfLayer("nanogpt-cpu", "transformer")).toMatchInlineSnapshot(`
      {
        "Add": 10,
        "Erf": 1,
        "Exp": 1,
        "Flatten": 6,
        "FusedMatMul": 17,
        "HardSigmoid": 1,
        "Identity": 10,
        "LayerNormalization": 2,
        "MatMul": 7,
        "Mul": 23,
        "ReduceSum": 9,
        "Reshape": 12,
        "Softmax": 1,
        "Sub": 6,
        "Transpose": 8,
      }
    `);
  });
});

it("nodes of the whole program, and products among them, at each size of the benchmark", () => {
  const counts = (["nanogpt-cpu", "lecture", "124m"] as const).flatMap((name) =>
    (["tokenformer", "transformer"] as const).map((type) => {
      const { layers } = { layers: 1, ...workOf(name, type).config };
      const nodes = stepOf(name, type, layers).onnx.node;
      const products = nodes.filter(({ opType }) => opType.endsWith("MatMul"));
      return `${name} ${type}: ${nodes.length} nodes, ${products.length} products`;
    }),
  );
  expect(counts).toMatchInlineSnapshot(`
    [
      "nanogpt-cpu tokenformer: 1052 nodes, 148 products",
      "nanogpt-cpu transformer: 520 nodes, 101 products",
      "lecture tokenformer: 1715 nodes, 256 products",
      "lecture transformer: 914 nodes, 185 products",
      "124m tokenformer: 3348 nodes, 507 products",
      "124m transformer: 1755 nodes, 364 products",
    ]
  `);
});

/** A dimension as it is written, such as `2*B*T + 1`, with values for its symbols. */
function sizeOf(text: string, values: ReadonlyMap<string, number>): number {
  const factorOf = (factor: string) => values.get(factor) ?? Number(factor);
  const products = text.split(" + ").map((term) => term.split("*").reduce((product, x) => product * factorOf(x), 1));
  return products.reduce((sum, product) => sum + product, 0);
}

it("numbers that a step's operators write, in millions: each is a pass through memory", () => {
  const VIEWS = ["Reshape", "Flatten", "Identity", "Shape", "Expand"];
  const counts = (["tokenformer", "transformer"] as const).map((type) => {
    const { layers } = { layers: 1, ...workOf("nanogpt-cpu", type).config };
    const { config, onnx } = stepOf("nanogpt-cpu", type, layers);
    const values = new Map([...sizesOf(config), ["B", workOf("nanogpt-cpu", type).batch] as const]);
    const written = new Map(
      onnx.valueInfo.map(({ name, type: { value } = {} }) => {
        const dims = value?.case === "tensorType" ? (value.value.shape?.dim ?? []) : [];
        const sizes = dims.map((dim) => sizeOf(String(dim.value.value), values));
        return [name, elementCount(sizes)] as const;
      }),
    );
    const numbers = { products: 0, others: 0 };
    for (const { opType, input, output } of onnx.node) {
      const kind = opType.endsWith("MatMul") ? "products" : "others";
      // Of what an operator computes on the way the sizes are not told: it is as large as the largest input.
      const most = Math.max(...input.map((name) => written.get(name) ?? 1));
      for (const name of output) {
        const count = written.get(name) ?? most;
        written.set(name, count);
        if (!VIEWS.includes(opType)) numbers[kind] += count;
      }
    }
    const inMillions = (count: number) => (count / 1e6).toFixed(2);
    return `${type}: products ${inMillions(numbers.products)}, all else ${inMillions(numbers.others)}`;
  });
  expect(counts).toMatchInlineSnapshot(`
    [
      "tokenformer: products 12.75, all else 57.39",
      "transformer: products 11.18, all else 34.66",
    ]
  `);
});

it("the sizes of all products are told: planning memory takes quadratic time without", () => {
  const { onnx } = stepOf("nanogpt-cpu", "tokenformer", 2);
  const told = new Set(onnx.valueInfo.map(({ name }) => name));
  const products = onnx.node.filter(({ opType }) => opType.endsWith("MatMul") || opType === "Flatten");
  for (const { output } of products) expect(told).toContain(output[0]);
});

it("the outputs of a step are its gradients and the loss, and nothing else", () => {
  const { config, graph } = stepOf("nanogpt-cpu", "tokenformer", 2);
  const sizes = new Map([...sizesOf(config), ["B", 12] as const]);
  const numbers = [...graph.outputs.values()].map(({ shape }) => elementCount(concreteShape(shape, sizes)));
  expect(numbers.reduce((sum, count) => sum + count, 0)).toBe(countParameters(config).total + 1);
});

/** Bytes of the arrays in what is sent from thread to thread, which copies all but shared ones. */
function bytesIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof SharedArrayBuffer ? 0 : value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return [...(value instanceof Map ? value.values() : Object.values(value))].reduce((sum, x) => sum + bytesIn(x), 0);
}

it("a step copies its batch to the device's thread, what the model is given, and the loss back", async () => {
  const request = vi.spyOn(ThreadConnection.prototype, "request");
  const stepBytes: number[] = [];
  const config = tinyConfig({ steps: 5 });
  for await (const { type } of train({ data: corpus, config, device: device() })) {
    const sent = request.mock.calls.map(([, given]) => given);
    const answers = request.mock.settledResults.map(({ value }) => value);
    if (type === "step") stepBytes.push(bytesIn(sent) + bytesIn(answers));
    request.mockClear();
  }
  request.mockRestore();
  // Tokens and targets are int32; the rest are numbers for each site, and those that a step has one of.
  const ofBatch = 2 * 4 * config.training.batch * config.model.context;
  expect(stepBytes.map((bytes) => bytes - ofBatch)).toMatchInlineSnapshot(`
    [
      28,
      28,
      28,
      28,
      28,
    ]
  `);
});

it("a run that grows compiles its programs once", async () => {
  const compile = vi.spyOn(device(), "compile");
  const growth = [{ step: 3, add: { feedForward: 3 } }] as const;
  const events = await trained({
    config: tinyConfig({ steps: 7, evaluateEvery: 2 }, { growth: [...growth] }),
    device: device(),
  });
  expect(ofType(events, "growth")).toHaveLength(1);
  expect(ofType(events, "validation").length).toBeGreaterThan(2);
  // Gradients, the loss of validations, and the logits that growth is checked by.
  expect(compile.mock.calls.map(([{ name }]) => name)).toMatchInlineSnapshot(`
    [
      "gradients",
      "logits",
      "loss",
    ]
  `);
});
