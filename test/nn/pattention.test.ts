import { describe, expect, it } from "vitest";
import {
  normal as drawn,
  gatedPattention,
  pattention,
  pattentionActivations,
  Scope,
  tokensOf,
} from "../../src/nn/index.ts";
import { gradients, input, mul, slice, sum, symbol } from "../../src/tensor/index.ts";
import { run, useDevice } from "../support/device.ts";
import * as reference from "../support/reference.ts";
import { expectClose, normal, size, type Values, values } from "../support/values.ts";

const device = useDevice();
const [BATCH, TIME, CHANNELS, TOKENS, WIDTH] = [2, 3, 5, 11, 7];

/** A site from 5 channels to 7 and the gradients of a weighted sum of what it gives. */
function traced(activation: reference.Theta) {
  const scope = Scope.root({ training: false });
  const x = input("x", [symbol("B"), symbol("T"), CHANNELS]);
  const setups = { keys: { initial: drawn(0.02) }, values: { initial: drawn(0.1), rate: 3 } };
  const y = pattention(scope.within("site"), x, { width: WIDTH, activation, ...setups });
  const loss = sum(mul(y, input("weights", y.shape)), [0, 1, 2]);
  const wrt = [x, ...scope.parameterTensors];
  const named = gradients(loss, wrt).map((gradient, index) => [`d ${index}`, gradient] as const);
  return { scope, outputs: { y, ...Object.fromEntries(named) } };
}

const keys = normal("keys", [TOKENS, CHANNELS]);
const tokenValues = normal("values", [TOKENS, WIDTH]);
const weights = normal("weights", [BATCH, TIME, WIDTH]);

const runSite = (activation: reference.Theta, x: Values, tau: number): Promise<Record<string, Values>> =>
  run(device(), traced(activation).outputs, {
    x,
    weights,
    "site.keys": keys,
    "site.values": tokenValues,
    "site.tau": values([], [tau]),
  });

describe.each(pattentionActivations)("pattention with %s", (activation) => {
  const x = normal("x", [BATCH, TIME, CHANNELS]);

  // τ is given: neither √11 nor 1 may be built in.
  it.each([Math.sqrt(TOKENS), 1.75])("is Θ(X Kᵀ) V with τ = %f", async (tau) => {
    const [X, K, V] = [x, keys, tokenValues].map(reference.matrix);
    if (X === undefined || K === undefined || V === undefined) throw new Error("three matrices");
    const expected = reference.pattention(X, K, V, activation, tau).flat();
    const { y } = await runSite(activation, x, tau);
    expectClose(y ?? x, values([BATCH, TIME, WIDTH], expected), 3e-6);
  });

  it("has the gradients of the formula", async () => {
    const results = await runSite(activation, x, 1.75);
    const wrt = [x, keys, tokenValues].map(({ shape, data }) => ({ shape, data: Float64Array.from(data) }));
    const loss = () => {
      const [X, K, V] = wrt.map(reference.matrix);
      if (X === undefined || K === undefined || V === undefined) throw new Error("three matrices");
      const y = reference.pattention(X, K, V, activation, 1.75).flat();
      return reference.total(y.map((value, index) => value * (weights.data[index] ?? 0)));
    };
    wrt.forEach(({ shape, data }, index) => {
      const expected = values(shape, reference.differences(data, loss));
      expectClose(results[`d ${index}`] ?? x, expected, 1e-5, `gradient ${index}`);
    });
  });

  it("is finite for a row of zeros, with finite gradients", async () => {
    const data = x.data.map((value, index) => (index < CHANNELS ? 0 : value));
    const results = await runSite(activation, values(x.shape, data), 1.75);
    const first = results["y"]?.data.slice(0, WIDTH) ?? [];
    // Equal scores weigh all tokens alike: n · 1/n each.
    const sums = Array.from({ length: WIDTH }, (_, channel) =>
      reference.total(tokenValues.data.filter((_, index) => index % WIDTH === channel)),
    );
    expectClose(values([WIDTH], first), values([WIDTH], activation === "softmax" ? sums : sums.map(() => 0)), 1e-6);
    for (const [name, { data }] of Object.entries(results)) {
      expect(data.every(Number.isFinite), name).toBe(true);
    }
  });

  it("asks for the keys and values of a symbolic number of tokens", () => {
    const { scope } = traced(activation);
    const tokens = tokensOf("site.tokens");
    expect(scope.parameters).toEqual([
      { name: "site.keys", shape: [tokens, CHANNELS], initial: { kind: "normal", deviation: 0.02 }, rate: 1 },
      { name: "site.values", shape: [tokens, WIDTH], initial: { kind: "normal", deviation: 0.1 }, rate: 3 },
    ]);
    expect(size(keys.shape)).toBe(TOKENS * CHANNELS);
  });
});

it("refuses an activation that there is not", () => {
  const activation = "relu" as (typeof pattentionActivations)[number]; // what JavaScript lets pass
  const setup = { initial: drawn(0.1) };
  const x = input("x", [2, 3, 5]);
  expect(() =>
    pattention(Scope.root({ training: true }), x, { width: 7, activation, keys: setup, values: setup }),
  ).toThrow('pattention: activation is "relu", expected one of l2_norm_gelu, gelu_l2_norm, softmax');
});

describe.each(pattentionActivations)("gated generations with %s", (activation) => {
  it("are the sum of those that each sequence has, each with a norm and a τ of its own", async () => {
    const taus = [1.25, 0.75, 2];
    const gates = [
      [1, 0, 1],
      [0, 1, 1],
    ];
    const scope = Scope.root({ training: false });
    const scopes = taus.map((_, index) => scope.within(`g${index}`));
    const open = input("open", [symbol("B"), 3]);
    const y = gatedPattention(input("x", [symbol("B"), symbol("T"), CHANNELS]), {
      ...{ width: WIDTH, activation, learnedTau: undefined, tokens: TOKENS, scopes },
      open: taus.map((_, index) => slice(open, 1, index, index + 1)),
    });
    const x = normal("gated x", [BATCH, TIME, CHANNELS]);
    const own = taus.map((tau, index) => ({
      keys: normal(`keys ${index}`, [TOKENS, CHANNELS]),
      values: normal(`values ${index}`, [TOKENS, WIDTH]),
      tau,
    }));
    const given = own.flatMap((each, index) => [
      [`g${index}.keys`, each.keys] as const,
      [`g${index}.values`, each.values] as const,
      ...(activation === "softmax" ? [] : [[`g${index}.tau`, values([], [each.tau])] as const]),
    ]);
    const inputs = { x, open: values([BATCH, 3], gates.flat()), ...Object.fromEntries(given) };
    const { y: found } = await run(device(), { y }, inputs);
    const rows = reference.matrix(x);
    const expected = gates.flatMap((has, sequence) =>
      own
        .filter((_, index) => has[index] === 1)
        .map(({ keys: K, values: V, tau }) =>
          reference.pattention(
            rows.slice(sequence * TIME, (sequence + 1) * TIME),
            reference.matrix(K),
            reference.matrix(V),
            activation,
            tau,
          ),
        )
        .reduce((sum, part) => reference.plus(sum, part))
        .flat(),
    );
    expectClose(found ?? x, values([BATCH, TIME, WIDTH], expected), 5e-6);
  });
});
