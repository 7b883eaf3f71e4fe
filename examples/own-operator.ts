/**
 * An operator of one's own: a rule for shapes, its nodes of ONNX, another lowering for one target, and its gradient; and its proof,
 * the one that every operator of the package has to stand.
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
} from "tokenformer/tensor";

const operator = defineOperator({
  name: "mine:softplus",
  doc: "ln(1 + eˣ)",
  arity: 1,
  infer: ([{ dtype, shape }]) => {
    if (dtype !== "float32") throw new Error(`x must be float32, got ${dtype}`);
    return [{ dtype, shape }];
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
export const softplus = (x: Tensor): Tensor => operator([x], {});

/** What it should give, in the float64 of JavaScript. */
function reference({ x }: { readonly x: PlainTensor }): PlainTensor {
  return { ...x, data: x.data.map((value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)))) };
}

// Values, and the gradient against differences of the reference, in the lowering of each target, with a size that stays open.
const device = await openDevice("cpu");
await checkOperator(device, {
  inputs: { x: { dtype: "float32", shape: [2, 3], data: [-9, -1.5, -0.25, 0, 2.5, 30] } },
  shapes: { x: [symbol("B"), 3] },
  program: ({ x }) => softplus(x),
  reference,
});
console.log("softplus: values and gradients are right for every target");
await device.close();
