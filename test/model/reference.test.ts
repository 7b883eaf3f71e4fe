/** Every model against itself in float64: logits, loss and all gradients. */

import { describe, expect, it } from "vitest";
import {
  type CompleteModelConfig,
  givenOf,
  type TokenFormerConfig,
  type TransformerConfig,
} from "../../src/model/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnBatch, drawnParameters, evaluated, logitsOf, lossGradients, tinyTokenFormer } from "../support/models.ts";
import * as reference from "../support/reference.ts";
import { expectClose, values } from "../support/values.ts";
import { type Extra, referenceLogits, referenceLoss, type Tables } from "./reference-models.ts";

const device = useDevice();
const VOCABULARY = 13;
const [SEQUENCES, TIME] = [2, 3] as const;
const batch = drawnBatch("reference", [SEQUENCES, TIME], VOCABULARY);
const sequences = reference.parts([...batch.tokens], TIME);

const gpt: CompleteModelConfig<TransformerConfig> = {
  type: "transformer",
  vocabulary: VOCABULARY,
  context: 5,
  layers: 2,
  heads: 2,
  width: 6,
  dropout: 0,
  tied: false,
  activation: "relu",
  biases: true,
  positions: "learned",
  rotaryFraction: 0.25,
  normEpsilon: 1e-5,
};
const tokenFormer = (
  changes: Partial<CompleteModelConfig<TokenFormerConfig>>,
): CompleteModelConfig<TokenFormerConfig> => ({
  ...tinyTokenFormer,
  ...changes,
});
const taus: NonNullable<TokenFormerConfig["tau"]> = {
  query: 1.5,
  key: 2,
  value: [3, 1.25],
  projection: 2.5,
  feedForward: 4,
};
const tauBySite = new Map(
  [3, 1.25].flatMap((value, layer): [string, number][] => [
    [`blocks.${layer}.attention.query`, 1.5],
    [`blocks.${layer}.attention.key`, 2],
    [`blocks.${layer}.attention.value`, value],
    [`blocks.${layer}.attention.projection`, 2.5],
    [`blocks.${layer}.feedForward`, 4],
  ]),
);
const perLayer: TokenFormerConfig["tokens"] = {
  query: [7, 3],
  key: 6,
  value: 9,
  projection: [8, 5],
  feedForward: [11, 12],
};

const ROTATED = { rotary: 4 };
// Options that are the same in every layer are tried with one: the central differences take most of the time.
const cases: readonly (readonly [string, CompleteModelConfig, Extra])[] = [
  ["bigram", { type: "bigram", vocabulary: VOCABULARY, context: 5 }, ROTATED],
  ["the lecture's gpt.py", gpt, ROTATED],
  ["a tied transformer with GELU, without biases", { ...gpt, tied: true, activation: "gelu", biases: false }, ROTATED],
  [
    "a transformer with rotary positions",
    { ...gpt, layers: 1, width: 10, positions: "rotary", rotaryFraction: 0.8 },
    ROTATED,
  ],
  ["tokenformer", tokenFormer({}), ROTATED],
  ["tokenformer with gelu_l2_norm", tokenFormer({ layers: 1, activation: "gelu_l2_norm" }), ROTATED],
  ["tokenformer with softmax", tokenFormer({ layers: 1, activation: "softmax" }), ROTATED],
  ["tokenformer with fewer rotated channels", tokenFormer({ layers: 1, rotaryFraction: 0.5 }), { rotary: 2 }],
  ["tokenformer with learned positions", tokenFormer({ layers: 1, positions: "learned" }), { rotary: 0 }],
  ["untied tokenformer", tokenFormer({ layers: 1, tied: false }), ROTATED],
  ["tokenformer with parametric norms", tokenFormer({ layers: 1, blockNorm: "parametric" }), ROTATED],
  ["tokenformer without parametric norms", tokenFormer({ layers: 1, finalNorm: "nonparametric" }), ROTATED],
  ["tokenformer with other τ", tokenFormer({ tau: taus }), { ...ROTATED, tau: tauBySite }],
  ["tokenformer with a learned τ", tokenFormer({ layers: 1, learnedTau: true }), ROTATED],
  [
    "tokenformer with a learned τ and gelu_l2_norm",
    tokenFormer({ layers: 1, learnedTau: true, activation: "gelu_l2_norm" }),
    ROTATED,
  ],
  ["tokenformer with tokens of each layer", tokenFormer({ tokens: perLayer }), ROTATED],
];

const forward = (config: CompleteModelConfig, tables: Tables, extra: Extra) =>
  sequences.map((tokens) => referenceLogits(config, tables, tokens, extra));

describe.each(cases)("%s", (_, config, extra) => {
  const parameters = drawnParameters(config);

  it("has the logits and the loss of the formulas", async () => {
    const expected = forward(config, parameters, extra);
    const { logits, loss } = await evaluated(device(), { config, parameters }, batch);
    expectClose(logits, values([SEQUENCES, TIME, VOCABULARY], expected.flat(2)), 1e-5);
    expect(loss / referenceLoss(expected, batch.targets)).toBeCloseTo(1, 5);
  });

  it("has the gradients of the loss, of every parameter", async () => {
    const found = await lossGradients(device(), { config, parameters }, batch);
    expect([...found.keys()]).toEqual([...parameters.keys()]);
    const tables = new Map([...parameters].map(([name, table]) => [name, reference.withRows(table)] as const));
    const loss = () => referenceLoss(forward(config, tables, extra), batch.targets);
    for (const [name, { shape, rows }] of tables) {
      const expected = values(
        shape,
        rows.flatMap((row) => reference.differences(row, loss)),
      );
      expectClose(found.get(name) ?? expect.fail(`no gradient of ${name}`), expected, 3e-5, name);
    }
  });
});

it("gives τ to each site by its layer", () => {
  const given = givenOf(tokenFormer({ tau: taus }));
  expect(Object.fromEntries(given)).toMatchObject({
    "blocks.0.attention.value.tau": 3,
    "blocks.1.attention.value.tau": 1.25,
    "blocks.1.feedForward.tau": 4,
  });
  expect(given.size).toBe(10);
  expect(givenOf(tokenFormer({})).get("blocks.0.attention.key.tau")).toBe(Math.sqrt(6));
  expect(givenOf(tokenFormer({ activation: "softmax" })).size).toBe(0);
  expect(givenOf(tokenFormer({ learnedTau: true })).size).toBe(0);
});

it.each(cases.slice(1))("%s: a later token changes no earlier logits", async (_, config) => {
  const weights = { config, parameters: drawnParameters(config) };
  const before = await logitsOf(device(), weights, batch);
  const last = (index: number) => index % TIME === TIME - 1;
  const changed = batch.tokens.map((token, index) => (last(index) ? (token + 1) % VOCABULARY : token));
  const after = await logitsOf(device(), weights, { ...batch, tokens: changed });
  reference.parts(before.data, VOCABULARY).forEach((row, index) => {
    const same = row.every((value, id) => value === after.data[index * VOCABULARY + id]);
    expect(same, `token ${index}`).toBe(!last(index));
  });
});
