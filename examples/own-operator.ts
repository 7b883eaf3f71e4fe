/**
 * Operators of one's own: a rule for shapes, nodes of ONNX, and a gradient; and their proof, the one that every operator of the
 * package has to stand.
 *
 *     npm run example -- own-operator
 */

import { openDevice } from "tokenformer";
import {
  add,
  checkOperator,
  defineOperator,
  div,
  exp,
  neg,
  type PlainTensor,
  symbol,
  type Tensor,
  type TensorType,
} from "tokenformer/tensor";

function requireFloats({ dtype }: TensorType): void {
  if (dtype !== "float32") throw new Error(`x must be float32, got ${dtype}`);
}

const smoothMaximum = defineOperator({
  name: "mine:softplus",
  doc: "ln(1 + eˣ)",
  arity: 1,
  infer: ([x]) => {
    requireFloats(x);
    return [x];
  },
  onnx: (emitter, [x]) => emitter.node("Softplus", [x]),
  // ONNX Runtime's WebGPU has no Softplus: max(x, 0) + ln(1 + e^-|x|), which no x makes overflow.
  targets: {
    webgpu: (emitter, [x]) => {
      const decayed = emitter.node("Exp", [emitter.node("Neg", [emitter.node("Abs", [x])])]);
      const rest = emitter.node("Log", [emitter.node("Add", [decayed, emitter.scalar(1, "float32")])]);
      return emitter.node("Add", [emitter.node("Relu", [x]), rest]);
    },
  },
  // d ln(1 + eˣ) = 1 / (1 + e^-x)
  gradient: (g, { inputs: [x] }) => [div(g, add(exp(neg(x)), 1))],
});

/** ln(1 + eˣ): a smooth max(x, 0). */
export const softplus = (x: Tensor): Tensor => smoothMaximum([x], {});

/** With attributes: their type stands where `infer` takes them. */
const cumulate = defineOperator({
  name: "mine:running-sum",
  doc: "the sum along an axis of all elements up to each, or from each on",
  arity: 1,
  infer: ([x], { axis }: { readonly axis: number; readonly reverse: boolean }) => {
    requireFloats(x);
    if (x.shape[axis] === undefined) throw new Error(`there is no axis ${axis}`);
    return [x];
  },
  // A plain number would be a float of ONNX.
  onnx: (emitter, [x], { axis, reverse }) =>
    emitter.node("CumSum", [x, emitter.scalar(axis, "int32")], { reverse: { int: reverse ? 1 : 0 } }),
  // An element is in all sums from its own on: the gradient is the operator itself, by the function whose type is written down.
  gradient: (g, { attributes: { axis, reverse } }) => [runningSum(g, axis, !reverse)],
});

/** The sum along an axis of all elements up to each, or from each on. */
export function runningSum(x: Tensor, axis: number, reverse = false): Tensor {
  return cumulate([x], { axis, reverse });
}

// What they should give, in the float64 of JavaScript. x of the sums is [2, 3], along its last axis.
const values = ({ x }: { readonly x: PlainTensor }, at: (value: number, index: number) => number) => ({
  ...x,
  data: x.data.map(at),
});
const softplusOf = (value: number) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
const sumFrom = ({ data }: PlainTensor, index: number) =>
  data.slice(index, index + 3 - (index % 3)).reduce((sum, value) => sum + value, 0);

// Values, and gradients against differences of the reference, in the lowering of each target, with a size that stays open.
const device = await openDevice("cpu");
const inputs = { x: { dtype: "float32", shape: [2, 3], data: [-9, -1.5, -0.25, 0, 2.5, 30] } } as const;
const shapes = { x: [symbol("B"), 3] };
await checkOperator(device, {
  inputs,
  shapes,
  program: ({ x }) => softplus(x),
  reference: (given) => values(given, softplusOf),
});
await checkOperator(device, {
  inputs,
  shapes,
  program: ({ x }) => runningSum(x, 1, true),
  reference: (given) => values(given, (_, index) => sumFrom(given.x, index)),
});
console.log("softplus, running sum: values and gradients are right for every target");
await device.close();
