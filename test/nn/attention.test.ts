import { expect, it } from "vitest";
import { causalAttention, Scope } from "../../src/nn/index.ts";
import { gradients, graph, input, mul, printDimension, sum, symbol, type Tensor } from "../../src/tensor/index.ts";
import { run, useDevice } from "../support/device.ts";
import * as reference from "../support/reference.ts";
import { expectClose, normal, type Values, values } from "../support/values.ts";

const device = useDevice();
const [BATCH, TIME, HEADS, WIDTH] = [2, 5, 3, 21];
const shape = [BATCH, TIME, WIDTH] as const;
const inputs = { query: normal("query", shape), key: normal("key", shape), value: normal("value", shape) };
const weights = normal("weights", shape);

/** Attention of inputs, and the gradients of a weighted sum of what it gives. */
async function attended(given: typeof inputs, rotary: number) {
  const symbolic = [symbol("B"), symbol("T"), WIDTH] as const;
  const [query, key, value] = [input("query", symbolic), input("key", symbolic), input("value", symbolic)];
  const scope = Scope.root({ training: true });
  const y = causalAttention(scope, { query, key, value }, { heads: HEADS, dropout: 0, rotary });
  const loss = sum(mul(y, input("weights", symbolic)), [0, 1, 2]);
  const [dQuery, dKey, dValue] = gradients(loss, [query, key, value]);
  if (dQuery === undefined || dKey === undefined || dValue === undefined) throw new Error("three gradients");
  return run(device(), { y, dQuery, dKey, dValue }, { ...given, weights });
}

function expected(given: Readonly<Record<keyof typeof inputs, reference.Table>>, rotary: number): number[] {
  const sequences = ([given.query, given.key, given.value] as const).map((x) =>
    reference.parts(reference.matrix(x), TIME),
  );
  return Array.from({ length: BATCH }, (_, index) => {
    const [query, key, value] = sequences.map((sequence) => reference.item(sequence, index));
    if (query === undefined || key === undefined || value === undefined) throw new Error("three inputs");
    return reference.causalAttention({ query, key, value }, { heads: HEADS, rotary }).flat();
  }).flat();
}

it.each([0, 2, 6])("is softmax(Q Kᵀ / √C) V over the tokens so far, with %i rotated channels", async (rotary) => {
  const { y } = await attended(inputs, rotary);
  expectClose(y, values(shape, expected(inputs, rotary)), 2e-6);
});

it.each([0, 6])("has the gradients of that formula, with %i rotated channels", async (rotary) => {
  const { dQuery, dKey, dValue } = await attended(inputs, rotary);
  const own = (x: Values) => ({ shape, data: Float64Array.from(x.data) });
  const given = { query: own(inputs.query), key: own(inputs.key), value: own(inputs.value) };
  const loss = () =>
    reference.total(expected(given, rotary).map((value, index) => value * (weights.data[index] ?? Number.NaN)));
  const found = { query: dQuery, key: dKey, value: dValue };
  for (const name of ["query", "key", "value"] as const) {
    expectClose(found[name], values(shape, reference.differences(given[name].data, loss)), 1e-5, name);
  }
});

it("refuses heads and rotated channels that do not fit", () => {
  const x = input("x", [BATCH, TIME, WIDTH]);
  const attend = (heads: number, rotary: number) =>
    causalAttention(Scope.root({ training: false }), { query: x, key: x, value: x }, { heads, dropout: 0, rotary });
  for (const heads of [0, 4, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => attend(heads, 0)).toThrow(`heads is ${heads}, expected a divisor of the width 21`);
  }
  for (const rotary of [-2, 3, 8, Number.NaN]) {
    expect(() => attend(HEADS, rotary)).toThrow(
      `rotary is ${rotary}, expected an even number from 0 to 7, the channels`,
    );
  }
});

it("is causal: later tokens change nothing before them, and each changes its own place", async () => {
  const before = (await attended(inputs, 4)).y;
  for (let changed = 1; changed < TIME; changed++) {
    const time = (index: number) => Math.floor(index / WIDTH) % TIME;
    const later = (x: Values) => ({ ...x, data: x.data.map((v, i) => (time(i) >= changed ? v + 1 + v * v : v)) });
    const after = (
      await attended({ query: later(inputs.query), key: later(inputs.key), value: later(inputs.value) }, 4)
    ).y;
    const moved = after.data.map((value, index) => value !== before.data[index]);
    expect(moved.some((own, index) => own && time(index) < changed)).toBe(false);
    expect(moved.every((own, index) => own || time(index) < changed)).toBe(true);
  }
});

it("sees only distances with rotary positions: the same vectors shifted in time give the same scores", async () => {
  const [channels, later] = [WIDTH / HEADS, 2];
  const at = (row: number, time: number, channel: number) => (row * TIME + time) * WIDTH + channel;
  const filled = (of: (row: number, time: number, channel: number) => number) =>
    values(
      shape,
      Array.from({ length: BATCH * TIME * WIDTH }, (_, index) => {
        const place = Math.floor(index / WIDTH);
        return of(Math.floor(place / TIME), place % TIME, index % WIDTH);
      }),
    );
  const shifted = ({ data }: Values) =>
    filled((row, time, channel) => data[at(row, (time + TIME - later) % TIME, channel)] ?? Number.NaN);
  // Of the value at time s each head has 1 in channel s alone, so that what it gives at time t are its weights.
  const value = filled((_, time, channel) => Number(channel % channels === time));
  const scoresOf = async (given: Pick<typeof inputs, "query" | "key">, rotary: number, shift: number) => {
    const { data } = (await attended({ ...given, value }, rotary)).y;
    const scores: number[] = [];
    for (let place = 0; place < BATCH * HEADS; place++) {
      const [row, head] = [Math.floor(place / HEADS), place % HEADS];
      for (let time = 0; time + later < TIME; time++) {
        const log = (other: number) =>
          Math.log(data[at(row, time + shift, head * channels + other + shift)] ?? Number.NaN);
        // Scores but for what all of a row have in common.
        for (let other = 0; other < time; other++) scores.push(log(other) - log(time));
      }
    }
    return values([scores.length], scores);
  };
  const [there, plain] = [await scoresOf(inputs, 6, 0), await scoresOf(inputs, 0, 0)];
  const moved = { query: shifted(inputs.query), key: shifted(inputs.key) };
  expectClose(await scoresOf(moved, 6, later), there, 1e-5);
  expect(there.data.some((score, index) => Math.abs(score - (plain.data[index] ?? 0)) > 0.1)).toBe(true);
});

/** Attention of some tokens, and gradients, in a program for that number, or for any. */
async function long(tokens: number, time: number | undefined) {
  const width = 6;
  const shapes = [2, time ?? symbol("T"), width] as const;
  const names = ["query", "key", "value", "weights"];
  const [query, key, value, factors] = names.map((name) => input(name, shapes));
  if (query === undefined || key === undefined || value === undefined || factors === undefined) throw new Error("four");
  const scope = Scope.root({ training: true });
  const y = causalAttention(scope, { query, key, value }, { heads: 3, dropout: 0, rotary: 2 });
  const [dQuery, dKey, dValue] = gradients(sum(mul(y, factors), [0, 1, 2]), [query, key, value]);
  if (dQuery === undefined || dKey === undefined || dValue === undefined) throw new Error("three gradients");
  const outputs = { y, dQuery, dKey, dValue };
  const given = Object.fromEntries(names.map((name) => [name, normal(name, [2, tokens, width])]));
  return { outputs: await run(device(), outputs, given), scores: scoresOf(outputs) };
}

/** The shapes of all scores. */
function scoresOf(outputs: Readonly<Record<string, Tensor>>): string[] {
  const { nodes } = graph("attention", outputs);
  return nodes.flatMap(({ operator, inputs: [scores] }) =>
    operator.name === "softmax" && scores !== undefined ? [scores.shape.map(printDimension).join(", ")] : [],
  );
}

it.each([
  [127, ["2, 3, 64, 64", "2, 3, 63, 127"]],
  [523, ["2, 3, 131, 131", "2, 3, 131, 262", "2, 3, 131, 393", "2, 3, 130, 523"]],
])(
  "of %i tokens, where that is known, leaves out columns that the mask hides, and gives the same",
  async (tokens, scores) => {
    const [blocks, whole] = [await long(tokens, tokens), await long(tokens, undefined)];
    expect(blocks.scores).toEqual(scores);
    expect(whole.scores).toEqual(["2, 3, T, T"]);
    for (const name of ["y", "dQuery", "dKey", "dValue"] as const) {
      expectClose(blocks.outputs[name], whole.outputs[name], 2e-6, name);
    }
  },
);
