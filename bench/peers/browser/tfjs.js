/**
 * The training step in TensorFlow.js, on its WASM backend with threads. On the page and from its scripts as they come: its threads
 * start from the text of its own functions, which does not survive bundling.
 */

import script from "@tensorflow/tfjs/dist/tf.min.js?url";
import backend from "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js?url";
import plain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import simd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import threaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import { adamw, lossOf } from "../javascript/models.js";
import { config, oneHotBatch, timed, weights } from "./turns.js";

async function load(address) {
  await new Promise((resolve, reject) => {
    document.head.append(
      Object.assign(document.createElement("script"), { src: address, onload: resolve, onerror: reject }),
    );
  });
}

await load(script);
await load(backend);
const { tf } = globalThis;
tf.wasm.setWasmPaths({
  "tfjs-backend-wasm.wasm": plain,
  "tfjs-backend-wasm-simd.wasm": simd,
  "tfjs-backend-wasm-threaded-simd.wasm": threaded,
});
tf.wasm.setThreadsCount(navigator.hardwareConcurrency);

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

let [names, variables, moments, updates] = [[], {}, undefined, 0];

async function begin() {
  await tf.setBackend("wasm");
  await tf.ready();
  const given = weights();
  names = Object.keys(given);
  const byName = (make) => Object.fromEntries(names.map((name) => [name, make(given[name], name)]));
  variables = byName(({ data, shape }, name) => tf.variable(tf.tensor(data, shape), true, name));
  moments = { first: byName(({ shape }) => tf.zeros(shape)), second: byName(({ shape }) => tf.zeros(shape)) };
}

function update({ tokens, targets }) {
  const step = {
    firstCorrection: tf.scalar(1 / (1 - 0.9 ** updates)),
    secondCorrection: tf.scalar(1 / (1 - 0.99 ** updates)),
  };
  const { value, grads } = tf.variableGrads(() => lossOf(ops, config, variables, tokens, targets));
  const next = adamw(ops, names, { ...moments, parameters: variables, gradients: grads }, step);
  for (const name of names) variables[name].assign(next.parameters[name]);
  return { value, first: next.first, second: next.second };
}

export const turn = timed(() => {
  const { tokens, targets, shape } = oneHotBatch();
  return async () => {
    if (moments === undefined) await begin();
    updates++;
    const { value, ...next } = tf.tidy(() =>
      update({ tokens: tf.tensor(tokens, shape), targets: tf.tensor(targets, shape) }),
    );
    tf.dispose(moments);
    moments = next;
    const [loss] = await value.data();
    value.dispose();
    return loss;
  };
});
