/** Of a widened Transformer, what is new counts its own updates: by rows, by columns, or by the younger of the two. */

import { describe, expect, it } from "vitest";
import { channelGenerations, type Generation, type HostArray } from "../../src/growth/index.ts";
import { downloadArrays, uploadArrays } from "../../src/inference/index.ts";
import { normal, type ParameterSpec } from "../../src/nn/index.ts";
import type { AdamWOptions, Optimizer, UpdateStep } from "../../src/optimizer/adamw.ts";
import { GraphOptimizer } from "../../src/optimizer/graph-optimizer.ts";
import { KernelOptimizer } from "../../src/optimizer/kernel-optimizer.ts";
import { rowUpdates } from "../../src/optimizer/row-updates.ts";
import { Random } from "../../src/random.ts";
import { required } from "../../src/required.ts";
import { useDevice } from "../support/device.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice("cpu", { threads: 1 });

const options: AdamWOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 0 };
const LEARNING_RATE = 0.03;

/** Two channels of the beginning, three that were added before, two that were added now. */
const CHANNELS = [2, 3, 2] as const;
const COUNTS = [40, 9, 0] as const;
const WIDTH = 7;

const initial = normal(1);
const specs: readonly ParameterSpec[] = [
  { name: "embedding.tokens", shape: [5, WIDTH], initial, rate: 2 },
  { name: "blocks.0.attention.query.weight", shape: [WIDTH, WIDTH], initial },
  { name: "blocks.0.feedForward.up.weight", shape: [4 * WIDTH, WIDTH], initial },
  { name: "blocks.0.feedForward.up.bias", shape: [4 * WIDTH], initial },
  { name: "blocks.0.feedForward.down.weight", shape: [WIDTH, 4 * WIDTH], initial },
  { name: "output.bias", shape: [5], initial },
];

/** The updates that each entry of an axis has made, by the number of its entries: the vocabulary's are as old as the run. */
function countsAlong(size: number): number[] {
  const each = size / WIDTH;
  if (!Number.isInteger(each)) return Array.from({ length: size }, () => COUNTS[0]);
  return CHANNELS.flatMap((channels, index) => Array.from({ length: each * channels }, () => COUNTS[index] ?? 0));
}

/** The updates that each number of a parameter has made: those of the younger of its row and its column. */
function countsOf({ shape }: ParameterSpec): number[] {
  const [rows = 1, columns = 1] = shape.map(Number);
  const alongColumns = shape.length > 1 ? countsAlong(columns) : [Number.POSITIVE_INFINITY];
  return countsAlong(rows).flatMap((row) => alongColumns.map((column) => Math.min(row, column)));
}

function updateStep(made: number): UpdateStep {
  const generations = CHANNELS.map((tokens, index): Generation => {
    return { tokens, born: 0, init: "net2net", updates: (COUNTS[index] ?? 0) + made, frozenUntil: 0 };
  });
  const lineage = new Map([["width", generations]]);
  return {
    learningRate: LEARNING_RATE,
    step: COUNTS[0] + made + 1,
    updates: COUNTS[0] + made,
    lossScale: 1,
    generations: (name) => channelGenerations(lineage, name, 0),
    columns: (name) => channelGenerations(lineage, name, 1),
  };
}

function drawn(kind: string, spec: ParameterSpec, numberOf: (random: Random, count: number) => number): HostArray {
  const random = Random.from("channels", kind, spec.name);
  return { shape: spec.shape.map(Number), data: Float32Array.from(countsOf(spec), (count) => numberOf(random, count)) };
}

const byName = (arrayOf: (spec: ParameterSpec) => HostArray) =>
  new Map(specs.map((spec) => [spec.name, arrayOf(spec)] as const));

/** The moments of what is new now are zero. */
const state = {
  parameters: byName((spec) => drawn("p", spec, (random) => random.normal())),
  moments: {
    first: byName((spec) => drawn("m", spec, (random, count) => (count === 0 ? 0 : 0.1 * random.normal()))),
    second: byName((spec) => drawn("v", spec, (random, count) => (count === 0 ? 0 : 0.1 * random.uniform()))),
  },
};
const gradients = byName((spec) => drawn("g", spec, (random) => random.normal()));

/** The parameters after so many updates by the same gradients, in float64. */
function expected(spec: ParameterSpec, updates: number): number[] {
  const of = (arrays: ReadonlyMap<string, HostArray>) => [...required(arrays, spec.name).data];
  const [g, m, v] = [of(gradients), of(state.moments.first), of(state.moments.second)];
  const rate = LEARNING_RATE * (typeof spec.rate === "number" ? spec.rate : 1);
  const counts = countsOf(spec);
  return of(state.parameters).map((start, index) => {
    let [p, first, second] = [start, m[index] ?? 0, v[index] ?? 0];
    const gradient = g[index] ?? 0;
    for (let made = 1; made <= updates; made++) {
      const count = (counts[index] ?? 0) + made;
      first = options.beta1 * first + (1 - options.beta1) * gradient;
      second = options.beta2 * second + (1 - options.beta2) * gradient ** 2;
      const corrected = [first / (1 - options.beta1 ** count), second / (1 - options.beta2 ** count)] as const;
      p -= (rate * corrected[0]) / (Math.sqrt(corrected[1]) + options.epsilon);
    }
    return p;
  });
}

describe.each([
  ["in place", () => Promise.resolve(new KernelOptimizer(device(), specs, options))],
  ["as a program", () => GraphOptimizer.create(device(), specs, options)],
])("an update %s", (_, optimizerOf: () => Promise<Optimizer>) => {
  it("corrects each number by its own count", async () => {
    const optimizer = await optimizerOf();
    let current = await optimizer.upload(state);
    for (let made = 0; made < 3; made++) {
      const computed = { loss: 1, gradients: await uploadArrays(device(), gradients) };
      ({ state: current } = await optimizer.update(current, computed, updateStep(made)));
      const parameters = await downloadArrays(device(), current.parameters);
      for (const spec of specs) {
        const { data } = required(parameters, spec.name);
        expectClose(
          values([data.length], [...data]),
          values([data.length], expected(spec, made + 1)),
          2e-6,
          `${spec.name} after ${made + 1}`,
        );
      }
    }
    await optimizer.release();
  });
});

it("rows that are new, whatever their columns, learn at the rate of their age in either way", async () => {
  const deeper = "blocks.0.attention.query.weight";
  const stepAfter = (made: number): UpdateStep => {
    const step = updateStep(made);
    const rows = { tokens: WIDTH, born: COUNTS[0], init: "own:deeper", updates: made, frozenUntil: 0, warmup: 4 };
    return { ...step, generations: (name) => (name === deeper ? [rows] : step.generations(name)) };
  };
  const after = await Promise.all(
    [new KernelOptimizer(device(), specs, options), await GraphOptimizer.create(device(), specs, options)].map(
      async (optimizer: Optimizer) => {
        let current = await optimizer.upload(state);
        for (let made = 0; made < 2; made++) {
          const computed = { loss: 1, gradients: await uploadArrays(device(), gradients) };
          ({ state: current } = await optimizer.update(current, computed, stepAfter(made)));
        }
        const parameters = await downloadArrays(device(), current.parameters);
        await optimizer.release();
        return parameters;
      },
    ),
  );
  const [inPlace = [], asProgram = []] = after.map((parameters) => [...required(parameters, deeper).data]);
  expectClose(values([inPlace.length], asProgram), values([inPlace.length], inPlace), 2e-6);
  const moved = inPlace.map((value, index) => Math.abs(value - (state.parameters.get(deeper)?.data[index] ?? 0)));
  // A fifth of the rate, then two fifths.
  expect(Math.max(...moved)).toBeLessThan(0.61 * LEARNING_RATE);
});

it("numbers whose corrections no longer differ in float32 are updated together", () => {
  const shape = [3, WIDTH];
  const rangesAfter = (made: number) =>
    rowUpdates({ name: "embedding.tokens" }, shape, updateStep(made), { ...options, beta2: 0.99 }).map(
      ({ start, end }) => [start, end],
    );
  expect(rangesAfter(0)).toEqual(
    [0, 7, 14].flatMap((row) => [
      [row, row + 2],
      [row + 2, row + 5],
      [row + 5, row + 7],
    ]),
  );
  expect(rangesAfter(5000)).toEqual([[0, 21]]);
});
