/** The training step in TensorFlow.js, on its WASM backend: see README.md. */

import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { adamw, lossOf } from "./models.js";
import { oneHotBatch, readWork, serve } from "./serve.js";

await tf.setBackend("wasm");
await tf.ready();

const constants = new Map();

/** Made once. */
function constant(name, data, shape) {
  const made = constants.get(name) ?? tf.keep(tf.tensor(data(), shape));
  constants.set(name, made);
  return made;
}

const ops = {
  constant,
  matmul: (a, b, transposeA = false, transposeB = false) => tf.matMul(a, b, transposeA, transposeB),
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  scale: (x, factor) => tf.mul(x, factor),
  shift: (x, by) => tf.add(x, by),
  sqrt: tf.sqrt,
  erf: tf.erf,
  sum: (x) => tf.sum(x),
  sumLast: (x) => tf.sum(x, -1, true),
  atLeastOne: (x) => tf.maximum(x, 1),
  softmax: (x) => tf.softmax(x),
  logSoftmax: (x) => tf.logSoftmax(x),
  reshape: tf.reshape,
  transpose: tf.transpose,
  sliceLast: (x, from, to) =>
    tf.slice(x, [...x.shape.slice(0, -1).map(() => 0), from], [...x.shape.slice(0, -1), to - from]),
  concatLast: (parts) => tf.concat(parts, -1),
};

const { config, weights, batches } = await readWork();
const names = Object.keys(weights);
const byName = (make) => Object.fromEntries(names.map((name) => [name, make(name)]));
const variables = byName((name) => tf.variable(tf.tensor(weights[name].data, weights[name].shape), true, name));
let state = {
  first: byName((name) => tf.zeros(weights[name].shape)),
  second: byName((name) => tf.zeros(weights[name].shape)),
};
let updates = 0;

function update({ tokens, targets }) {
  const step = {
    firstCorrection: tf.scalar(1 / (1 - 0.9 ** updates)),
    secondCorrection: tf.scalar(1 / (1 - 0.99 ** updates)),
  };
  const { value, grads } = tf.variableGrads(() => lossOf(ops, config, variables, tokens, targets));
  const next = adamw(ops, names, { ...state, parameters: variables, gradients: grads }, step);
  for (const name of names) variables[name].assign(next.parameters[name]);
  return { value, first: next.first, second: next.second };
}

await serve(() => ({
  prepare: () => {
    const { tokens, targets, shape } = oneHotBatch(batches, updates++, config.vocabulary);
    return { tokens: tf.tensor(tokens, shape), targets: tf.tensor(targets, shape) };
  },
  run: async (given) => {
    const { value, ...moments } = tf.tidy(() => update(given));
    tf.dispose([state, given]);
    state = moments;
    const [loss] = await value.data();
    value.dispose();
    return loss;
  },
}));
