/** Elementwise operators, with NumPy's broadcasting. */

import { tensorDataType } from "../onnx-format/enumerations.ts";
import { broadcast, checkFloat, type DataType, printType, type Shape, sameShape, type TensorType } from "../shape.ts";
import { apply, type NoAttributes, type Operator, type Tensor } from "../tensor.ts";
import { constant } from "./sources.ts";

type Unary = Operator<NoAttributes, 1>;
type Binary = Operator<NoAttributes, 2>;

/** A tensor, or a number that becomes a constant of the other operand's dtype, which must have it. */
export type Operand = Tensor | number;

export const neg = (x: Tensor): Tensor => apply(elementwise.neg, {}, [x]);
export const exp = (x: Tensor): Tensor => apply(elementwise.exp, {}, [x]);
export const log = (x: Tensor): Tensor => apply(elementwise.log, {}, [x]);
export const sqrt = (x: Tensor): Tensor => apply(elementwise.sqrt, {}, [x]);
export const erf = (x: Tensor): Tensor => apply(elementwise.erf, {}, [x]);
export const cos = (x: Tensor): Tensor => apply(elementwise.cos, {}, [x]);
export const sin = (x: Tensor): Tensor => apply(elementwise.sin, {}, [x]);
export const abs = (x: Tensor): Tensor => apply(elementwise.abs, {}, [x]);
export const relu = (x: Tensor): Tensor => apply(elementwise.relu, {}, [x]);
/** GELU(x) = x Φ(x) with the exact Φ (erf), not the tanh approximation. */
export const gelu = (x: Tensor): Tensor => apply(elementwise.gelu, {}, [x]);
export const cast = (x: Tensor, dtype: DataType): Tensor =>
  x.dtype === dtype ? x : apply(elementwise.cast, { dtype }, [x]);

export const add = (a: Operand, b: Operand): Tensor => binary(elementwise.add, a, b);
export const sub = (a: Operand, b: Operand): Tensor => binary(elementwise.sub, a, b);
export const mul = (a: Operand, b: Operand): Tensor => binary(elementwise.mul, a, b);
/**
 * a / b. For int32 the quotient is rounded towards zero; b must not be 0, with which a run fails on the CPU, nor -1 where a is
 * -2147483648, which ends the process there.
 */
export const div = (a: Operand, b: Operand): Tensor => binary(elementwise.div, a, b);
export const equal = (a: Operand, b: Operand): Tensor => binary(elementwise.equal, a, b);
export const greater = (a: Operand, b: Operand): Tensor => binary(elementwise.greater, a, b);
export const greaterOrEqual = (a: Operand, b: Operand): Tensor => binary(elementwise.greaterOrEqual, a, b);

/** `ifTrue` where the condition holds, else `ifFalse`. */
export function where(condition: Tensor, ifTrue: Operand, ifFalse: Operand): Tensor {
  const [a, b] = operands(ifTrue, ifFalse);
  return apply(elementwise.where, {}, [condition, a, b]);
}

export const elementwise = {
  neg: unary("neg", "-x", "Neg", (g) => neg(g)),
  exp: ofFloats("exp", "eˣ", "Exp", (g, _, y) => mul(g, y)),
  log: ofFloats("log", "ln x", "Log", (g, x) => div(g, x)),
  // d√x = 1 / (2√x)
  sqrt: ofFloats("sqrt", "√x", "Sqrt", (g, _, y) => div(mul(g, 0.5), y)),
  // d erf(x) = 2/√π · e^(-x²)
  erf: ofFloats("erf", "2/√π ∫₀ˣ e^(-t²) dt", "Erf", (g, x) =>
    mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  ),
  cos: ofFloats("cos", "cos x", "Cos", (g, x) => neg(mul(g, sin(x)))),
  sin: ofFloats("sin", "sin x", "Sin", (g, x) => mul(g, cos(x))),
  abs: unary("abs", "|x|", "Abs", (g, x) => where(greaterOrEqual(x, 0), g, neg(g))),
  relu: unary("relu", "max(x, 0)", "Relu", (g, _, y) => mul(g, cast(greater(y, 0), "float32"))),
  gelu: {
    name: "gelu",
    doc: "x Φ(x), Φ the normal distribution function",
    arity: 1,
    infer: ([x]) => {
      checkFloat(x);
      return [x, x, x];
    },
    onnx: (emitter, [x], _, { saved }) => {
      if (!saved.some((tensor) => emitter.needs(tensor))) return [emitter.node("Gelu", [x]), "", ""];
      const u = emitter.node("Mul", [x, emitter.scalar(Math.SQRT1_2, "float32")]);
      const share = emitter.node("HardSigmoid", [emitter.node("Erf", [u])], { alpha: 0.5, beta: 0.5 }); // ½ + ½ erf u
      return [emitter.node("Mul", [x, share]), u, share];
    },
    // d GELU = Φ(x) + x φ(x), with u = x/√2 and Φ saved: Φ + u · e^(-½ ln π - u²)
    gradient: (g, { saved }) => {
      const u = saved(0);
      const density = exp(sub(-0.5 * Math.log(Math.PI), mul(u, u)));
      return [mul(g, add(saved(1), mul(u, density)))];
    },
  } satisfies Operator<NoAttributes, 1>,
  cast: {
    name: "cast",
    doc: "x in another dtype",
    arity: 1,
    infer: ([x], { dtype }) => [{ dtype, shape: x.shape }],
    onnx: (emitter, [x], { dtype }) => emitter.node("Cast", [x], { to: { int: tensorDataType[dtype] } }),
    gradient: (g, { inputs: [x] }) => [x.dtype === "float32" ? cast(g, x.dtype) : undefined],
  } satisfies Operator<{ dtype: DataType }, 1>,

  add: arithmetic("add", "a + b", "Add", (g) => [g, g]),
  sub: arithmetic("sub", "a - b", "Sub", (g) => [g, neg(g)]),
  mul: arithmetic("mul", "a · b", "Mul", (g, a, b) => [mul(g, b), mul(g, a)]),
  // d(a/b) = da/b - (a/b) db/b
  div: arithmetic("div", "a / b", "Div", (g, _, b, y) => [div(g, b), neg(div(mul(g, y), b))]),
  equal: comparison("equal", "a = b", "Equal"),
  greater: comparison("greater", "a > b", "Greater"),
  greaterOrEqual: comparison("greaterOrEqual", "a ≥ b", "GreaterOrEqual"),
  where: {
    name: "where",
    doc: "a where the condition holds, else b",
    arity: 3,
    infer: ([condition, a, b]) => {
      if (condition.dtype !== "bool") throw new Error(`the condition must be bool, got ${condition.dtype}`);
      return [{ dtype: sameDataType(a, b), shape: broadcastOf(condition.shape, broadcastOf(a.shape, b.shape)) }];
    },
    onnx: (emitter, inputs) => emitter.node("Where", inputs),
    gradient: (g, { inputs: [condition] }) => [undefined, where(condition, g, 0), where(condition, 0, g)],
  } satisfies Operator<NoAttributes, 3>,
};

function unary(name: string, doc: string, type: string, gradient: (g: Tensor, x: Tensor, y: Tensor) => Tensor): Unary {
  return {
    name,
    doc,
    arity: 1,
    infer: ([{ dtype, shape }]) => [{ dtype, shape }],
    onnx: (emitter, inputs) => emitter.node(type, inputs),
    gradient: (g, { inputs: [x], output }) => [gradient(g, x, output)],
  };
}

/** As `unary`, for float32 alone. */
function ofFloats(...given: Parameters<typeof unary>): Unary {
  const operator = unary(...given);
  return {
    ...operator,
    infer: (inputs, attributes) => {
      checkFloat(inputs[0]);
      return operator.infer(inputs, attributes);
    },
  };
}

function arithmetic(
  name: string,
  doc: string,
  type: string,
  gradient: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor, Tensor],
): Binary {
  const operator: Binary = {
    name,
    doc,
    arity: 2,
    infer: ([a, b]) => [{ dtype: sameDataType(a, b), shape: broadcastOf(a.shape, b.shape) }],
    onnx: (emitter, inputs) => emitter.node(type, inputs),
    gradient: (g, { inputs: [a, b], output }) => gradient(g, a, b, output),
    simplify: (inputs) => onPlain(operator, inputs),
  };
  return operator;
}

function comparison(name: string, doc: string, type: string): Binary {
  const operator: Binary = {
    name,
    doc,
    arity: 2,
    infer: ([a, b]) => {
      sameDataType(a, b);
      return [{ dtype: "bool", shape: broadcastOf(a.shape, b.shape) }];
    },
    onnx: (emitter, inputs) => emitter.node(type, inputs),
    gradient: "none",
    simplify: (inputs) => onPlain(operator, inputs),
  };
  return operator;
}

const binary = (operator: Binary, a: Operand, b: Operand): Tensor => apply(operator, {}, operands(a, b));

/** The operator on operands as they were before they were expanded, where that gives the same; `undefined` where it does not. */
function onPlain(operator: Binary, [a, b]: readonly [Tensor, Tensor]): Tensor | undefined {
  const left = unexpanded(a, b);
  const right = unexpanded(b, left);
  return left === a && right === b ? undefined : apply(operator, {}, [left, right]);
}

/** An operand that was only expanded to the shape which the other has anyway, as it was: one pass less. */
function unexpanded(x: Tensor, other: Tensor): Tensor {
  const source = x.node.operator.name === "expand" ? x.node.inputs[0] : undefined;
  if (source === undefined) return x;
  const plain = broadcast(source.shape, other.shape);
  const shape = broadcast(x.shape, other.shape);
  return plain !== undefined && shape !== undefined && sameShape(plain, shape) ? source : x;
}

function operands(a: Operand, b: Operand): readonly [Tensor, Tensor] {
  if (typeof a === "number" && typeof b === "number") return [constant(a), constant(b)];
  const left = typeof a === "number" ? constant(a, typeof b === "number" ? "float32" : b.dtype) : a;
  const right = typeof b === "number" ? constant(b, left.dtype) : b;
  return [left, right];
}

function sameDataType(a: TensorType, b: TensorType): DataType {
  if (a.dtype !== b.dtype) throw new Error(`the operands must have one dtype, got ${printType(a)} and ${printType(b)}`);
  return a.dtype;
}

function broadcastOf(a: Shape, b: Shape): Shape {
  const shape = broadcast(a, b);
  if (shape === undefined) throw new Error("the shapes do not broadcast");
  return shape;
}
