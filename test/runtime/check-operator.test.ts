/** Operators of one's own, and the proof of them: it has to find what is wrong. */

import { describe, expect, it } from "vitest";
import { checkOperator, type OperatorCheck, type OperatorCheckOptions } from "../../src/runtime/index.ts";
import {
  constant,
  defineOperator,
  div,
  emitWith,
  gradients,
  graph,
  input,
  mean,
  mul,
  type NoAttributes,
  type OwnOperator,
  printGraph,
  sum,
  symbol,
  type Tensor,
} from "../../src/tensor/index.ts";
import { useDevice } from "../support/device.ts";
import { normal, values } from "../support/values.ts";

const device = useDevice();

type Scaled = OwnOperator<{ readonly factor: number }, 1>;

/** factor · x², with some things changed. */
const scaledSquare = (changes: Partial<Scaled> = {}): Scaled => ({
  name: "test:scaledSquare",
  doc: "factor · x²",
  arity: 1,
  infer: ([{ dtype, shape }]) => [{ dtype, shape }],
  onnx: (emitter, [x], { factor }) =>
    emitter.node("Mul", [emitter.node("Mul", [x, x]), emitter.scalar(factor, "float32")]),
  gradient: (g, { inputs: [x], attributes: { factor } }) => [mul(g, mul(x, 2 * factor))],
  ...changes,
});

const check = (changes: Partial<Scaled> = {}, factor = 3): OperatorCheck<"x"> => {
  const operator = defineOperator(scaledSquare(changes));
  return {
    inputs: { x: normal("x", [5, 7]) },
    program: ({ x }) => operator([x], { factor: 3 }),
    reference: ({ x }) => ({ ...x, data: x.data.map((value) => factor * value * value) }),
  };
};

describe("the proof", () => {
  it("passes what is right, on every target, with sizes that are known and others", async () => {
    await checkOperator(device(), check());
    await checkOperator(device(), { ...check(), shapes: { x: [symbol("B"), 7] } });
  });

  it.each<[string, Partial<Scaled>, RegExp]>([
    [
      "a gradient",
      { gradient: (g, { inputs: [x] }) => [mul(g, x)] },
      /^Error: cpu: d x\[\d,\d\] is .*, expected .*: off by/,
    ],
    ["a gradient's shape", { gradient: (_, { inputs: [x] }) => [mul(x, constant(0))] }, /^Error: cpu: d x/],
    ["a value", { onnx: (emitter, [x]) => emitter.node("Mul", [x, x]) }, /^Error: cpu: y\[\d,\d\] is /],
    [
      "one target's lowering",
      { targets: { webgpu: (emitter, [x]) => emitter.node("Mul", [x, x]) } },
      /^Error: webgpu: y\[\d,\d\] is /,
    ],
    [
      "the shape rule",
      {
        infer: ([
          {
            dtype,
            shape: [first = 1],
          },
        ]) => [{ dtype, shape: [first, 1] }],
      },
      /^Error: y: is float32\[5, 1\], expected float32\[5, 7\]/,
    ],
  ])("finds a mistake in %s", async (_, changes, message) => {
    await expect(checkOperator(device(), check(changes)).catch(String)).resolves.toMatch(message);
  });

  it("finds a value that is no number", async () => {
    const nothing = check({
      onnx: (emitter, [x]) => emitter.node("Div", [emitter.node("Sub", [x, x]), emitter.scalar(0, "float32")]),
    });
    await expect(checkOperator(device(), nothing)).rejects.toThrow("is NaN, expected");
  });

  it("finds a value that is wrong beside an infinity, and an infinity that is", async () => {
    const inverse = (numerator: number): OperatorCheck<"x"> => ({
      inputs: { x: values([3], [0, 2, -5]) },
      program: ({ x }) => div(numerator, x),
      reference: ({ x }) => ({ ...x, data: x.data.map((value) => 3 / value) }),
      fixed: ["x"],
    });
    await checkOperator(device(), inverse(3));
    await expect(checkOperator(device(), inverse(7))).rejects.toThrow("cpu: y[1] is 3.5, expected 1.5");
    await expect(checkOperator(device(), inverse(-3))).rejects.toThrow("cpu: y[0] is -Infinity, expected Infinity");
  });

  it("refuses what proves nothing", async () => {
    const options = (given: OperatorCheckOptions) => checkOperator(device(), check(), given);
    await expect(options({ targets: [] })).rejects.toThrow("no targets are given; expected some of cpu, cuda");
    for (const slack of [Number.POSITIVE_INFINITY, Number.NaN, 0, -1]) {
      await expect(options({ slack })).rejects.toThrow(`the slack is ${slack}; expected a number above 0`);
    }
    const short: OperatorCheck<"x"> = { ...check(), reference: ({ x }) => ({ ...x, data: [] }) };
    await expect(checkOperator(device(), short)).rejects.toThrow("the reference has 0 numbers, expected 35");
  });

  it("leaves out inputs that have no gradient", async () => {
    const stopped = defineOperator({
      ...scaledSquare({ gradient: () => [undefined] }),
    });
    const fixed: OperatorCheck<"x"> = { ...check(), program: ({ x }) => stopped([x], { factor: 3 }) };
    await expect(checkOperator(device(), fixed)).rejects.toThrow("cpu: d x");
    await checkOperator(device(), { ...fixed, fixed: ["x"] });
  });
});

describe("an operator of one's own", () => {
  it("has a name with a prefix, so that none of the library's is mistaken for it", () => {
    const name = "gelu" as `${string}:${string}`;
    expect(() => defineOperator(scaledSquare({ name }))).toThrow(
      'expected a name with a prefix of your own, such as "mine:gelu"',
    );
  });

  it("is printed, checked and emitted as those of the library", () => {
    const square = (x: Tensor, factor: number) => defineOperator(scaledSquare())([x], { factor });
    const traced = graph("square", { y: square(input("x", [2, 3]), 4) });
    expect(printGraph(traced)).toContain("%1 = test:scaledSquare(x) {factor: 4}: float32[2, 3]");
    expect(emitWith(traced, { target: "portable" }).model.length).toBeGreaterThan(0);
    const refusing = defineOperator<NoAttributes, 1>({
      name: "test:refusing",
      doc: "nothing",
      arity: 1,
      infer: () => {
        throw new Error("not this shape");
      },
      onnx: (emitter, [x]) => emitter.node("Identity", [x]),
      gradient: "none",
    });
    expect(() => refusing([input("x", [2])], {})).toThrow("test:refusing(float32[2]): not this shape");
  });

  it("is named where its gradient is missing, has another shape, or its node is none of ONNX", async () => {
    const lossOf = (changes: Partial<Scaled>) => {
      const x = input("x", [2, 3]);
      return { x, loss: mean(defineOperator(scaledSquare(changes))([x], { factor: 4 })) };
    };
    const gradientOf = (changes: Partial<Scaled>) => {
      const { x, loss } = lossOf(changes);
      return () => gradients(loss, [x]);
    };
    expect(gradientOf({ gradient: "none" })).toThrow(
      "test:scaledSquare has no gradient, and the loss depends on what learns through it; give it one, or take another operator",
    );
    expect(gradientOf({ gradient: (g) => [sum(g, [1])] })).toThrow(
      "test:scaledSquare: the gradient of its input 0 is float32[2], which does not sum to float32[2, 3]; give it that shape",
    );
    const { loss } = lossOf({ onnx: (emitter, [x]) => emitter.node("Skuare", [x]) });
    await expect(device().compile(graph("square", { loss }))).rejects.toThrow('"test:scaledSquare/Skuare_0"');
  });
});
