import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  constant,
  crossEntropy,
  defineOperator,
  elements,
  emitOnnx,
  emitWith,
  exp,
  expand,
  graph,
  input,
  matmul,
  mul,
  type NoAttributes,
  type OwnOperator,
  oneHot,
  type Precision,
  reshape,
  type Shape,
  symbol,
  type Target,
  type Tensor,
} from "../../src/tensor/index.ts";
import { type ModelProto, ModelProtoSchema, type NodeProto } from "../../src/tensor/onnx-format/onnx_pb.ts";
import { run, useDevice } from "../support/device.ts";
import { pattentionStep } from "../support/programs.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();

const [B, T, P] = [symbol("B"), symbol("T"), symbol("layers.0.tokens")];

function decode(outputs: Record<string, Tensor>, target: Target = "cpu"): ModelProto {
  return fromBinary(ModelProtoSchema, emitOnnx(graph("test", outputs), target));
}

function decodeHalf(outputs: Record<string, Tensor>, target: Target): ModelProto {
  return fromBinary(ModelProtoSchema, emitWith(graph("test", outputs), { target, products: "float16" }).model);
}

function nodesOf(model: ModelProto): NodeProto[] {
  return model.graph?.node ?? [];
}

/** Names with the sizes of their axes, a symbolic one as its name. */
function describeValues(model: ModelProto, side: "input" | "output"): Record<string, (string | number)[]> {
  const entries = (model.graph?.[side] ?? []).map(({ name, type }) => {
    if (type?.value.case !== "tensorType") throw new Error(`${name} is no tensor`);
    const dimensions = type.value.value.shape?.dim ?? [];
    return [
      name,
      dimensions.map(({ value }) => (value.case === "dimParam" ? value.value : Number(value.value))),
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** The int64 constant of a name. */
function integers(model: ModelProto, name: string): number[] | undefined {
  const data = model.graph?.initializer.find((constant) => constant.name === name)?.rawData;
  return data && Array.from(new BigInt64Array(data.slice().buffer), Number);
}

describe("the emitted model", () => {
  const model = decode(pattentionStep(B, P));

  it("states its versions", () => {
    expect(model.irVersion).toBe(10n);
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ["", 22n],
      ["com.microsoft", 1n],
    ]);
    expect(model.graph?.name).toBe("test");
  });

  it("has the inputs and outputs of the graph, with their symbols", () => {
    expect(describeValues(model, "input")).toEqual({
      x: ["B", 5],
      keys: ["layers.0.tokens", 5],
      values: ["layers.0.tokens", 7],
      tau: [],
    });
    expect(describeValues(model, "output")).toEqual({
      y: ["B", 7],
      loss: [],
      "d x": ["B", 5],
      "d keys": ["layers.0.tokens", 5],
      "d values": ["layers.0.tokens", 7],
    });
  });

  it("defines every value once, before it is used", () => {
    const defined = new Set(["", ...(model.graph?.input ?? []), ...(model.graph?.initializer ?? [])].map(nameOf));
    for (const node of nodesOf(model)) {
      for (const used of node.input) expect(defined).toContain(used);
      for (const output of node.output) {
        expect(defined).not.toContain(output);
        defined.add(output);
      }
    }
    for (const { name } of model.graph?.output ?? []) expect(defined).toContain(name);
  });

  it("holds a constant once, and no parameters", () => {
    const twice = decode({ y: mul(mul(input("x", [3]), constant(0.3)), constant(0.3)) });
    expect(twice.graph?.initializer.map(({ name }) => name)).toEqual(["float32(0.3)"]);
    const bytes = model.graph?.initializer.reduce((total, { rawData }) => total + (rawData?.length ?? 0), 0);
    expect(bytes).toBeLessThan(200);
  });
});

describe("equal nodes", () => {
  /** Two applications of an operator of one's own to the same tensor. */
  function twice(onnx: OwnOperator<{ readonly own: number }, 1>["onnx"], [first, second]: readonly [number, number]) {
    const operator = defineOperator<{ readonly own: number }, 1>({
      name: "test:own",
      doc: "something",
      arity: 1,
      infer: ([x]) => [x],
      onnx,
      gradient: "none",
    });
    const x = input("x", [3]);
    return decode({ y: operator([x], { own: first }), z: operator([x], { own: second }) });
  }
  const count = (model: ModelProto, type: string) => nodesOf(model).filter(({ opType }) => opType === type).length;

  it("are one, but for those that draw numbers", () => {
    const dropout = twice((emitter, [x]) => emitter.node("Dropout", [x, emitter.scalar(0.5, "float32")]), [1, 1]);
    expect(count(dropout, "Dropout")).toBe(2);
    expect(
      count(
        twice((emitter, [x]) => emitter.node("Exp", [x]), [1, 1]),
        "Exp",
      ),
    ).toBe(1);
  });

  it.each([
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.NaN, Number.POSITIVE_INFINITY],
    [0, -0],
  ])("have the same numbers: %d is not %d", (first, second) => {
    const attributes = twice((emitter, [x], { own }) => emitter.node("Elu", [x], { alpha: own }), [first, second]);
    expect(count(attributes, "Elu")).toBe(2);
    const scalars = twice(
      (emitter, [x], { own }) => emitter.node("Mul", [x, emitter.scalar(own, "float32")]),
      [first, second],
    );
    expect(scalars.graph?.initializer).toHaveLength(2);
    const vectors = twice((emitter, [x], { own }) => emitter.node("Mul", [x, emitter.floats([own])]), [first, second]);
    expect(vectors.graph?.initializer).toHaveLength(2);
  });
});

it("inputs and outputs may have the names that values would be given", async () => {
  const x = input("Exp_0", [3]);
  const outputs = { Exp_1: exp(mul(x, 0.5)), "float32(0.5)": exp(x) };
  const results = await run(device(), outputs, { Exp_0: values([3], [0, 2, -4]) });
  expectClose(results.Exp_1, values([3], [0, 1, -2].map(Math.exp)), 1e-6);
  expectClose(results["float32(0.5)"], values([3], [0, 2, -4].map(Math.exp)), 1e-6);
});

it("is refused for a target or a precision that there is not", () => {
  const traced = graph("g", { y: exp(input("x", [3])) });
  const wrong = "gpu" as string as Target;
  expect(() => emitOnnx(traced, wrong)).toThrow('the target "gpu": expected one of cpu, cuda, webgpu, portable');
  const precision = "float64" as string as Precision;
  expect(() => emitWith(traced, { products: precision })).toThrow(
    'the precision of products "float64": expected one of float32, float16',
  );
});

it("a constant that its type does not have is refused with the operator's name", () => {
  const operator = defineOperator<NoAttributes, 1>({
    name: "test:half",
    doc: "something",
    arity: 1,
    infer: ([x]) => [x],
    onnx: (emitter, [x]) => emitter.node("Mul", [x, emitter.scalar(0.5, "int32")]),
    gradient: "none",
  });
  expect(() => decode({ y: operator([input("x", [3], "int32")], {}) })).toThrow("test:half: 0.5 is no int32");
});

function nameOf(value: string | { readonly name: string }): string {
  return typeof value === "string" ? value : value.name;
}

describe("reshape", () => {
  /** What the model gives Reshape: a constant, or undefined for a shape that is computed. */
  function target(from: Shape, to: Shape): number[] | undefined {
    const model = decode({ y: reshape(input("x", from), to) });
    const shape = nodesOf(model).find(({ opType }) => opType === "Reshape")?.input[1];
    return integers(model, shape ?? "");
  }

  it("says which axes stay and what is the rest", () => {
    expect(target([B, T, 15], [B, T, 3, 5])).toEqual([0, 0, 3, 5]);
    expect(target([B, 3, 5], [B, 15])).toEqual([0, 15]);
    expect(target([B, T], [elements([B, T])])).toEqual([-1]);
    expect(target([3, 5], [5, 3])).toEqual([5, 3]);
    expect(target([B, T], [T, B])).toBe(undefined);
  });

  it("needs no sizes for the rows of a matrix", () => {
    const model = decode({ y: reshape(input("x", [B, T, 15]), [elements([B, T]), 15]) });
    expect(nodesOf(model).map(({ opType }) => opType)).toEqual(["Flatten", "Identity"]);
  });

  it("computes a shape once, from the inputs", () => {
    const x = input("x", [B, T]);
    const wide = [3, B, T];
    const model = decode({ y: mul(expand(x, wide), 2), z: mul(expand(mul(x, x), wide), 2) });
    const types = nodesOf(model).map(({ opType }) => opType);
    expect(types.filter((type) => type === "Shape")).toHaveLength(2);
    expect(types.filter((type) => type === "Concat")).toHaveLength(1);
  });
});

describe("for WebGPU", () => {
  it("operators are written that it has: others would run on the CPU", () => {
    const lacking = ["FusedMatMul", "LogSoftmax", "OneHot"];
    const logits = input("logits", [3, 5]);
    const step = {
      ...pattentionStep(B, P),
      losses: crossEntropy(logits, input("targets", [3], "int32")),
      rows: oneHot(input("ids", [7], "int32"), 11),
    };
    const types = (target: Target) => nodesOf(decode(step, target)).map(({ opType }) => opType);
    expect(types("cpu")).toEqual(expect.arrayContaining(lacking));
    expect(types("cuda")).toEqual(types("cpu"));
    for (const type of lacking) expect(types("webgpu")).not.toContain(type);
  });
});

describe("products in float16", () => {
  const [x, w] = [input("x", [B, 5]), input("w", [7, 5])];
  const twice = { y: matmul(x, w, { transposeB: true, alpha: 0.5 }), z: matmul(w, x, { transposeB: true }) };

  it.each(["cpu", "webgpu"] as const)("round each operand once, and are float32 again at once, on %s", (target) => {
    const nodes = nodesOf(decodeHalf(twice, target));
    const [toHalf, toFloat] = [10n, 1n].map((type) =>
      nodes.filter(({ opType, attribute }) => opType === "Cast" && attribute[0]?.i === type),
    );
    expect(toHalf?.flatMap((cast) => cast.input)).toEqual(["x", "w"]);
    const products = nodes.filter(({ opType }) => opType === "FusedMatMul" || opType === "Gemm");
    expect(products).toHaveLength(2);
    const halves = toHalf?.flatMap((cast) => cast.output);
    for (const product of products) expect(new Set(product.input)).toEqual(new Set(halves));
    expect(toFloat?.flatMap((cast) => cast.input)).toEqual(products.flatMap((product) => product.output));
    // The factor comes in float32, as it could be too small for float16.
    expect(products.map(({ attribute }) => attribute.find(({ name }) => name === "alpha")?.f)).toEqual([1, 1]);
    expect(nodes.filter(({ opType }) => opType === "Mul")).toMatchObject([
      { input: [toFloat?.[0]?.output[0], "float32(0.5)"] },
    ]);
  });

  it("are all that changes", () => {
    const others = (nodes: readonly NodeProto[]) => nodes.map(({ opType }) => opType).filter((type) => type !== "Cast");
    const step = pattentionStep(B, P);
    expect(others(nodesOf(decodeHalf(step, "webgpu")))).toEqual(others(nodesOf(decode(step, "webgpu"))));
  });
});
