/** Small programs that several tests use. */

import {
  type Dimension,
  gelu,
  gradients,
  input,
  l2Normalise,
  matmul,
  mean,
  mul,
  type Tensor,
} from "../../src/tensor/index.ts";

export const square = (x: Tensor): Tensor => mul(x, x);

/** Pattention: GELU(τ A / ‖A‖) V with A = X Kᵀ, from 5 channels to 7; the loss is the mean square of the output. */
export function pattention(rows: Dimension, tokens: Dimension) {
  const x = input("x", [rows, 5]);
  const keys = input("keys", [tokens, 5]);
  const values = input("values", [tokens, 7]);
  const scores = matmul(x, keys, { transposeB: true });
  const y = matmul(gelu(l2Normalise(scores, input("tau", []))), values);
  const loss = mean(square(y));
  return { y, loss, parameters: { x, keys, values } };
}

/** Pattention with the gradients of the loss. */
export function pattentionStep(rows: Dimension, tokens: Dimension) {
  const { y, loss, parameters } = pattention(rows, tokens);
  const [x, keys, values] = gradients(loss, [parameters.x, parameters.keys, parameters.values]);
  if (x === undefined || keys === undefined || values === undefined) throw new Error("three gradients were asked for");
  return { y, loss, "d x": x, "d keys": keys, "d values": values };
}
