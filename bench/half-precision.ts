/**
 * What float16 costs in accuracy: root-mean-square errors of matrix products, of the gradients of one training step, relative
 * to their size, and the losses of short runs from the same beginning.
 *
 *     npm run bench:half -- [--device webgpu] [--driver "what the GPU or its driver is called"] [--steps 600] [--out FILE]
 */

import { writeFile } from "node:fs/promises";
import { type Device, deviceNames, modelOf, openDevice, parseConfig, Random, train } from "tokenformer";
import { batchesOf, stateOf, workOf } from "tokenformer/benchmark";
import { givenOf } from "tokenformer/model";
import { graph, input, matmul, type Precision, precisions } from "tokenformer/tensor";
import { gradientsOf, type HostTensor, requireHalfProducts } from "tokenformer/training";
import { machine } from "./measure.ts";
import { countOf, oneOf, parsedOptions } from "./options.ts";

const { values: options } = parsedOptions({
  options: {
    device: { type: "string", default: "webgpu" },
    driver: { type: "string" },
    steps: { type: "string", default: "600" },
    out: { type: "string" },
  },
});

const name = oneOf(deviceNames, options.device, "--device");
const steps = countOf(options.steps, "--steps");

const scalar = (value: number): HostTensor => ({ dtype: "float32", shape: [], data: Float32Array.of(value) });

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let index = 0; index < expected.length; index++) {
    error += ((actual[index] ?? Number.NaN) - (expected[index] ?? Number.NaN)) ** 2;
    size += (expected[index] ?? Number.NaN) ** 2;
  }
  return Math.sqrt(error / size);
}

/** Of products of normal numbers, with so many terms in each sum, against float64. */
async function productErrors(device: Device, terms: number) {
  const [rows, columns] = [31, 17];
  const random = Random.from("half", terms);
  const [a, b] = [rows, columns].map((n) => Float32Array.from({ length: n * terms }, () => random.normal()));
  if (a === undefined || b === undefined) throw new Error("two operands");
  const expected = Float64Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = 0;
    for (let k = 0; k < terms; k++) sum += (a[row * terms + k] ?? 0) * (b[column * terms + k] ?? 0);
    return sum;
  });
  const product = matmul(input("a", [rows, terms]), input("b", [columns, terms]), { transposeB: true });
  const errors: Partial<Record<Precision, number>> = {};
  for (const products of precisions) {
    const program = await device.compile(graph("product", { y: product }), { products, download: ["y"] });
    const { values } = await program.run({
      a: { dtype: "float32", shape: [rows, terms], data: a },
      b: { dtype: "float32", shape: [columns, terms], data: b },
    });
    errors[products] = relativeError(floats(values["y"]), expected);
    await program.release();
  }
  return { terms, ...errors };
}

/** Of the gradients of one step, those of float16 against those of float32, by parameter; with and without a scaled loss. */
async function gradientErrors(device: Device, lossScale: number) {
  const work = workOf("nanogpt-cpu", "tokenformer");
  const { specs, graph: program } = gradientsOf(modelOf(work.config));
  const [batch] = batchesOf(work, 1);
  if (batch === undefined) throw new Error("a batch");
  const shape = [batch.sequences, batch.context];
  const inputs: Record<string, HostTensor> = {
    tokens: { dtype: "int32", shape, data: batch.tokens },
    targets: { dtype: "int32", shape, data: batch.targets },
  };
  for (const [key, { shape: size, data }] of stateOf(work).parameters)
    inputs[key] = { dtype: "float32", shape: size, data };
  for (const [key, value] of givenOf(work.config)) inputs[key] = scalar(value);
  const gradients = async (products: Precision, scale: number) => {
    const compiled = await device.compile(program, { products, download: [...program.outputs.keys()] });
    const { values } = await compiled.run({ ...inputs, lossFactor: scalar(scale / batch.tokens.length) });
    await compiled.release();
    return specs.map((spec) => floats(values[`gradient.${spec.name}`]).map((g) => g / scale));
  };
  const [half, whole] = [await gradients("float16", lossScale), await gradients("float32", 1)];
  const errors = half.map((g, index) => relativeError(g, whole[index] ?? [])).toSorted((x, y) => x - y);
  return { lossScale, least: errors[0], median: errors[Math.floor(errors.length / 2)], most: errors.at(-1) };
}

/** Validation losses of a small model on Moby-Dick. */
async function run(device: Device, precision: Precision) {
  const tokens = { query: 64, key: 64, value: 64, projection: 64, feedForward: 256 };
  const config = parseConfig({
    model: { type: "tokenformer", layers: 2, heads: 4, width: 64, context: 32, tied: true, tokens },
    training: { steps, precision, warmup: 50, evaluateEvery: 200, evaluationTokens: 8192 },
  });
  const losses: [step: number, loss: number][] = [];
  for await (const event of train({ config, data: "Moby-Dick", device })) {
    if (event.type === "validation") losses.push([event.step, event.validationLoss]);
  }
  return { precision, losses };
}

function floats(tensor: HostTensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("not float32");
  return tensor.data;
}

const device = await openDevice(name);
await requireHalfProducts(device, `--device ${name}`);
const products = [];
for (const terms of [64, 1024, 4096, 16_384]) products.push(await productErrors(device, terms));
const gradients = [await gradientErrors(device, 2 ** 16), await gradientErrors(device, 1)];
const runs = [];
for (const precision of precisions) runs.push(await run(device, precision));
await device.close();
const report = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  device: name,
  driver: options.driver,
  products,
  gradients,
  runs,
};
const json = `${JSON.stringify(report, undefined, 2)}\n`;
if (options.out !== undefined) await writeFile(options.out, json);
process.stdout.write(json);
