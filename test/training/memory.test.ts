/** What training takes is told, and refused where it cannot be had, before anything is allocated. */

import { totalmem } from "node:os";
import { expect, it, vi } from "vitest";
import { type Config, configSchema, presets } from "../../src/configuration/index.ts";
import { countParameters } from "../../src/model/index.ts";
import { memoryLimit } from "../../src/training/machine-memory.ts";
import { checkMemory, describeMemory, forecastMemory, largestForecast } from "../../src/training/portable.ts";
import { passRowsOf } from "../../src/training/ranks.ts";
import { newStart } from "../../src/training/start.ts";
import { failure } from "../formats/helpers.ts";
import { tokenizer } from "./support.ts";

type Changes = {
  readonly model?: object;
  readonly whole?: object;
  readonly training?: object;
  readonly growth?: readonly object[];
};

const configWith = ({ model, whole, training, growth = [] }: Changes = {}): Config => {
  const { mini } = presets;
  return configSchema.parse({
    model: whole ?? { ...mini.config.model, vocabulary: 89, ...model },
    training: { ...mini.config.training, ...training },
    growth,
  });
};

it("forecasts a little less than all parameters, and never more", () => {
  for (const { config } of Object.values(presets)) {
    const { model, ...others } = configSchema.parse(config);
    const complete = { ...model, vocabulary: model.vocabulary ?? 89 };
    const { parameters, state } = forecastMemory({ ...others, model: complete }, complete, true);
    const { total } = countParameters(complete);
    expect(parameters).toBeLessThanOrEqual(total);
    expect(parameters).toBeGreaterThan(0.9 * total);
    expect(state).toBe(16 * parameters);
  }
});

it("counts a pass by its tokens, where the products are computed in this memory", () => {
  const small = configWith({ training: { batch: 7, microBatch: 3 } });
  expect(forecastMemory(small, small.model, true).tokens).toBe(3 * 64);
  const large = configWith({ training: { batch: 21, microBatch: 21 } });
  const [one, seven] = [small, large].map((config) => forecastMemory(config, config.model, true).pass);
  expect(seven).toBe(7 * (one ?? Number.NaN));
  expect(forecastMemory(large, large.model, false)).toMatchObject({ pass: 0 });
});

it("is for each of several ranks its part of what they divide, and no more than the least of them has in a pass", () => {
  const config = configWith({ training: { batch: 12, microBatch: 4 } });
  const { parameters } = forecastMemory(config, config.model, true);
  const of = (ranks: number, changes: Partial<Config["training"]> = {}, computes = true) => {
    const training = { ...config.training, ...changes };
    const { state, tokens } = forecastMemory({ ...config, training }, config.model, computes, undefined, ranks);
    return [state / parameters, tokens / config.model.context];
  };
  expect([1, 2, 3, 4, 12].map((ranks) => of(ranks))).toEqual([
    [16, 4],
    [14, 4],
    [12, 4],
    // Rows 3 to 5 are one, and two in the next pass.
    [11, 2],
    [9, 1],
  ]);
  expect(of(4, { localSteps: 50 })).toEqual([24, 2]);
  expect(of(4, {}, false)).toEqual([12, 2]);
  for (const [batch, microBatch, ranks] of [
    [7, 3, 2],
    [23, 5, 4],
    [40, 7, 3],
  ] as const) {
    const training = { ...config.training, batch, microBatch };
    const rows = Array.from({ length: ranks }, (_, rank) =>
      Math.max(
        ...passRowsOf({ ...config, training }, { rank, size: ranks }).map(({ rows: { from, to } }) => to - from),
      ),
    );
    expect(of(ranks, training)[1]).toBe(Math.min(...rows));
  }
});

it("is refused for a rank by its share of the machine", () => {
  const config = configWith();
  const { total } = forecastMemory(config, config.model, true, undefined, 4);
  expect(() => checkMemory(config, config.model, { limit: total, computes: true, ranks: 4 })).not.toThrow();
  expect(() => checkMemory(config, config.model, { limit: total - 1, computes: true, ranks: 4 })).toThrow(
    /^each of 4 ranks takes at least .*, and there are .*B of memory for it here; start fewer ranks on a machine, or take a smaller/,
  );
  const constrained = vi.spyOn(process, "constrainedMemory");
  // Beyond the machine's there is no limit, whatever a system says where it has none.
  for (const [limit, expected] of [
    [8e6, 2e6],
    [0, totalmem() / 4],
    [2 ** 63, totalmem() / 4],
  ] as const) {
    constrained.mockReturnValue(limit);
    expect(memoryLimit(4)).toBe(expected);
  }
  constrained.mockRestore();
});

it("is largest after the growth to come", () => {
  const config = configWith({
    growth: [
      { step: 30, add: { feedForward: "x5" } },
      { step: 20, add: { query: "x3" } },
    ],
  });
  const before = forecastMemory(config, config.model, true);
  const after = largestForecast(config, 0, true);
  // The tokens of the feed-forward layers times five, those of the queries times three, each with a key and a value.
  expect(after.parameters - before.parameters).toBe(4 * 2 * 128 * (4 * 512 + 2 * 128));
  expect(largestForecast(config, 30, true)).toEqual(before);
});

const refusal = (config: Config, limit: number) => {
  try {
    checkMemory(config, config.model, { limit, computes: true }, config.growth);
    return "nothing";
  } catch (error) {
    return String(error);
  }
};

it("refuses with the numbers, and names the growth that is too much", () => {
  const config = configWith({ growth: [{ step: 30, add: { feedForward: "x1000000" } }] });
  const { total } = forecastMemory(config, config.model, true);
  expect(refusal({ ...config, growth: [] }, total)).toBe("nothing");
  expect(refusal({ ...config, growth: [] }, total - 1)).toMatch(
    /^UserError: training takes at least 5\d\.?\d* MB \(1\.06 M parameters with gradients and Adam's moments 17 MB, a pass of 768 tokens 36\.\d MB\), and there are 5\d\.?\d* MB of memory here; /,
  );
  expect(refusal(config, 24e9)).toMatch(
    /^UserError: growth at step 30: training takes at least 21 TB \(524 G parameters .*\), and there are 24 GB of memory here; take/,
  );
});

const transformer = {
  type: "transformer",
  activation: "gelu",
  biases: false,
  tied: true,
  vocabulary: 89,
  context: 64,
  layers: 4,
  heads: 4,
};

it.each<readonly [string, Changes]>([
  ["a width", { model: { width: 4_000_000, positions: "learned" } }],
  ["layers", { model: { layers: 1000, width: 16_384, positions: "learned" } }],
  ["a context", { model: { context: 1e9 } }],
  ["a vocabulary", { model: { vocabulary: 1e12 } }],
  ["tokens", { model: { tokens: { query: 1e12, key: 1, value: 1, projection: 1, feedForward: [1, 1, 1, 1e9] } } }],
  ["a pass", { training: { batch: 1e12, microBatch: 1e12 } }],
  ["a growth", { growth: [{ step: 3, add: { value: "x99999999999999999999" } }] }],
  ["a Transformer's width", { whole: { ...transformer, width: 2 ** 24 } }],
])("a new run is refused for %s, before the model is made", async (_, changes) => {
  const corpus = () => {
    throw new Error("the text was read");
  };
  const memory = { limit: 24e9, computes: true };
  const growing = (changes.growth ?? []).length > 0;
  const opened = growing ? () => ({ ...empty(), tokenizer }) : corpus;
  const said = await failure(newStart(configWith(changes), { corpus: opened, memory }));
  expect(said).toMatch(
    /^UserError: (growth at step 3: )?training takes at least .* and there are 24 GB of memory here; /,
  );
});

it("is described in the prefixes of its size", () => {
  expect(describeMemory({ parameters: 1.23456e9, state: 2e12, tokens: 4096, pass: 0, total: 2.5e15 })).toBe(
    "2500 TB (1.23 G parameters with gradients and Adam's moments 2 TB)",
  );
});

function empty() {
  const none = { length: 0, read: () => new Uint32Array(), close: () => undefined };
  return { name: "none", train: none, validation: none, validationBytesPerToken: 0 };
}
