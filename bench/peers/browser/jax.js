/** The training step in jax-js, on its WASM backend, as one compiled function. */

import { defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { adamw, lossOf } from "../javascript/models.js";
import { answer, config, oneHotBatch, timed, weights } from "./turns.js";

// An operation takes what it is given away; all that is here is used again, so each gets a reference of its own.
const ops = {
  constant: (_, data, shape) => np.array(data()).reshape(shape),
  matmul: (a, b, transposeA = false, transposeB = false) =>
    np.matmul(transposeA ? swapped(a) : a.ref, transposeB ? swapped(b) : b.ref),
  add: (a, b) => np.add(a.ref, b.ref),
  sub: (a, b) => np.subtract(a.ref, b.ref),
  mul: (a, b) => np.multiply(a.ref, b.ref),
  div: (a, b) => np.divide(a.ref, b.ref),
  scale: (x, factor) => x.ref.mul(factor),
  shift: (x, by) => x.ref.add(by),
  sqrt: (x) => np.sqrt(x.ref),
  erf: (x) => lax.erf(x.ref),
  sum: (x) => np.sum(x.ref),
  sumLast: (x) => np.sum(x.ref, -1, { keepdims: true }),
  atLeastOne: (x) => np.maximum(x.ref, 1),
  softmax: (x) => nn.softmax(x.ref),
  logSoftmax: (x) => nn.logSoftmax(x.ref),
  reshape: (x, shape) => np.reshape(x.ref, shape),
  transpose: (x, axes) => np.transpose(x.ref, axes),
  sliceLast: (x, from, to) => x.ref.slice(...x.shape.slice(0, -1).map(() => []), [from, to]),
  concatLast: (parts) =>
    np.concatenate(
      parts.map((part) => part.ref),
      -1,
    ),
};

const swapped = (x) => np.swapaxes(x.ref, -1, -2);

let [names, state, updates] = [[], undefined, 0];

async function begin() {
  await init("wasm");
  defaultDevice("wasm");
  const given = weights();
  names = Object.keys(given);
  const byName = (make) => Object.fromEntries(names.map((name) => [name, make(given[name])]));
  state = {
    parameters: byName(({ data, shape }) => np.array(data).reshape(shape)),
    first: byName(({ shape }) => np.zeros(shape)),
    second: byName(({ shape }) => np.zeros(shape)),
  };
}

const update = jit((before, given) => {
  const loss = (parameters) => lossOf(ops, config, parameters, given.tokens, given.targets);
  const parameters = Object.fromEntries(names.map((name) => [name, before.parameters[name].ref]));
  const [value, gradients] = valueAndGrad(loss)(parameters);
  return { value, ...adamw(ops, names, { ...before, gradients }, given) };
});

const turn = timed(() => {
  const { tokens, targets, shape } = oneHotBatch();
  return async () => {
    if (state === undefined) await begin();
    updates++;
    const { value, ...next } = update(state, {
      tokens: np.array(tokens).reshape(shape),
      targets: np.array(targets).reshape(shape),
      firstCorrection: np.array(1 / (1 - 0.9 ** updates)),
      secondCorrection: np.array(1 / (1 - 0.99 ** updates)),
    });
    state = next;
    const [loss] = await value.data();
    return loss;
  };
});

answer(turn);
