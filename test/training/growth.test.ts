/** Growth in mid-run; what growing does to a state is tested with growth itself. */

import { describe, expect, it } from "vitest";
import { growthLines } from "../../src/cli/progress.ts";
import type { Config, GrowthEvent, TrainingEvent } from "../../src/configuration/index.ts";
import { openRun } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";
import {
  tinyConfig as configOf,
  corpus,
  lossesOf,
  measured,
  ofType,
  tokenformerModel as oneLayer,
  only,
  told,
  trained,
  transformerModel as transformerOfOne,
} from "./support.ts";

const device = useDevice();

// Two layers, as growth may be of one of them.
const tokenformerModel = { ...oneLayer, layers: 2 };
const transformerModel = { ...transformerOfOne, layers: 2 };
const tinyConfig: typeof configOf = (training, others, model = tokenformerModel) => configOf(training, others, model);

type Growth = NonNullable<Parameters<typeof tinyConfig>[1]>["growth"];

const grown = (growth: Growth, training: Parameters<typeof tinyConfig>[0] = {}) =>
  trained({ config: tinyConfig(training, { growth }), device: device() });

/** The tokens and τ of each kind of site, at the end. */
function sitesAtEnd(events: readonly TrainingEvent[]) {
  const { model } = only(ofType(events, "end"));
  if (model.type !== "tokenformer") throw new Error("no TokenFormer");
  return { tokens: model.tokens, tau: model.tau };
}

const expectPreserved = ({ lossBefore, lossAfter, maxLogitDifference, logitScale }: GrowthEvent) => {
  expect(lossAfter).toBeCloseTo(lossBefore, 6);
  expect(maxLogitDifference).toBeLessThan(1e-5 * logitScale);
};

describe("growth", () => {
  it.each([
    ["softmax", "ramp", undefined, ": zero keys do not with Θ softmax, split does"],
    ["l2_norm_gelu", "sqrt-n", "sqrt-n", ": τ sqrt-n changes it at once, fixed keeps it"],
  ] as const)("that changes the function of %s with τ %s tells why", async (activation, tau, told, why) => {
    const growth = [{ step: 1, add: { feedForward: 5, value: 3 }, tau }];
    const config = tinyConfig({ steps: 2 }, { growth }, { ...tokenformerModel, activation });
    const [event] = ofType(await trained({ config, device: device() }), "growth");
    if (event === undefined) expect.fail("a growth");
    expect(event.tau).toBe(told);
    expect(growthLines(event)).toContain(`  the function is not preserved${why}`);
  });

  it("twice at step 0 and twice after one step goes on from the same loss", async () => {
    const growth = [
      { step: 0, add: { query: 2 } },
      { step: 0, add: { query: 3, feedForward: "x2" } },
      { step: 6, add: { value: 4 }, layers: [1] as [number] },
      { step: 6, add: { value: 4, key: 1 } },
    ];
    const events = await grown(growth, { evaluateEvery: 3 });
    expect(told(events)).toBe(
      "start 0, validation 0, growth 0, growth 0, step 1, step 2, step 3, validation 3, step 4, step 5, step 6, " +
        "validation 6, growth 6, growth 6, step 7, step 8, step 9, validation 9, step 10, step 11, step 12, validation 12, end 12",
    );
    const growths = ofType(events, "growth");
    for (const event of growths) expectPreserved(event);
    expect(growths[2]?.lossBefore).toBe(ofType(events, "validation")[2]?.validationLoss);
    expect(growths[3]?.lossBefore).toBe(growths[2]?.lossAfter);
    expect(sitesAtEnd(events).tokens).toEqual({ query: 10, key: 6, value: [9, 13], projection: 5, feedForward: 22 });
    const [, , second] = growths;
    expect(second?.parametersAfter).toBe((second?.parametersBefore ?? 0) + 4 * 24);
    expect(second?.summary).toBe("value 5 → 9 in layer 1 tokens");
  });

  it("counts the operations of the model as it is", async () => {
    const events = await grown([{ step: 2, add: { feedForward: 5 } }], { steps: 3 });
    const { flopsPerTokenBefore, flopsPerTokenAfter } = only(ofType(events, "growth"));
    expect(flopsPerTokenAfter).toBe(flopsPerTokenBefore + 6 * 2 * 5 * 24);
    const flops = ofType(events, "step").map((event) => event.flops);
    expect(flops).toEqual(
      [35, 70, 70].map((tokens, i) => tokens * flopsPerTokenBefore + (i === 2 ? 35 * flopsPerTokenAfter : 0)),
    );
  });

  it("tells how much training it took so far", async () => {
    const events = await grown([{ step: 2, add: { feedForward: 5 } }], { steps: 3 });
    const { tokens, flops, seconds } = only(ofType(events, "growth"));
    expect({ tokens, flops, seconds }).toEqual({
      tokens: 70,
      flops: ofType(events, "step")[1]?.flops,
      seconds: ofType(events, "step")[1]?.seconds,
    });
  });

  it("lets the schedule begin again where it is asked to", async () => {
    const growth = [
      { step: 4, add: { query: 2 } },
      { step: 8, add: { query: 2 }, restart: true, learningRate: 0.02, warmup: 1 },
    ];
    const training = { schedule: "warmup-stable-decay", decayFraction: 0.5, minimumLearningRate: 0 } as const;
    const rates = ofType(await grown(growth, training), "step").map(({ learningRate }) => learningRate);
    [0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 1, 2, 2, 1].forEach((expected, step) => {
      expect(rates[step], `step ${step}`).toBeCloseTo(0.01 * expected, 12);
    });
  });

  it("by drawing all anew does not go on from the same loss", async () => {
    const { lossBefore, lossAfter } = only(
      ofType(await grown([{ step: 12 - 1, add: { feedForward: 40 }, init: "random" }]), "growth"),
    );
    expect(Math.abs(lossAfter - lossBefore)).toBeGreaterThan(1e-4);
  });

  it("splits without a change", async () => {
    expectPreserved(only(ofType(await grown([{ step: 5, add: { feedForward: "x3" }, init: "split" }]), "growth")));
  });

  it("is applied by step, whatever the order of the plans", async () => {
    const first = { step: 3, add: { query: 2 } };
    const second = { step: 5, add: { feedForward: 4 } };
    const [ordered, reversed] = [await grown([first, second]), await grown([second, first])];
    expect(ofType(reversed, "growth").map(({ step }) => step)).toEqual([3, 5]);
    expect(lossesOf(reversed)).toEqual(lossesOf(ordered));
  });

  it("changes nothing before its step", async () => {
    const [plain, later] = [await grown([]), await grown([{ step: 7, add: { query: 2 }, freeze: 2 }])];
    expect(lossesOf(later).slice(0, 8)).toEqual(lossesOf(plain).slice(0, 8));
    expect(lossesOf(later).slice(8)).not.toEqual(lossesOf(plain).slice(8));
  });
});

describe("widening", () => {
  const model = { ...transformerModel, positions: "rotary", rotaryFraction: 0.5 } as const;
  const widened = (growth: Growth, training: Parameters<typeof tinyConfig>[0] = {}) =>
    trained({ config: tinyConfig(training, { growth }, model), device: device() });

  it("twice after one step and again later goes on from the same loss, and learns", async () => {
    const growth = [
      { step: 6, width: 18 },
      { step: 6, width: 30, optimizer: "reset" as const },
      { step: 9, width: 36, rewarm: 2 },
    ];
    const events = await widened(growth, { steps: 15, evaluateEvery: 6 });
    const growths = ofType(events, "growth");
    for (const event of growths) expectPreserved(event);
    expect(growths.map(({ summary, init, tau }) => [summary, init, tau])).toEqual([
      ["width 12 → 18, 2 → 3 heads", "net2net", undefined],
      ["width 18 → 30, 3 → 5 heads", "net2net", undefined],
      ["width 30 → 36, 5 → 6 heads", "net2net", undefined],
    ]);
    expect(growths[0]?.lossBefore).toBe(ofType(events, "validation")[1]?.validationLoss);
    expect(growths[1]?.parametersBefore).toBe(growths[0]?.parametersAfter);
    const { model: last } = only(ofType(events, "end"));
    expect(last).toMatchObject({ width: 36, heads: 6 });
    expect(lossesOf(events).at(-1)).toBeLessThan(Number(growths.at(-1)?.lossAfter));
  });

  it("counts the operations of the model as it is", async () => {
    const events = await widened([{ step: 2, width: 18 }], { steps: 3 });
    const { flopsPerTokenBefore, flopsPerTokenAfter } = only(ofType(events, "growth"));
    expect(flopsPerTokenAfter).toBeGreaterThan(1.5 * flopsPerTokenBefore);
    const flops = ofType(events, "step").map((event) => event.flops);
    expect(flops).toEqual(
      [35, 70, 70].map((n, i) => n * flopsPerTokenBefore + (i === 2 ? 35 * flopsPerTokenAfter : 0)),
    );
  });

  it("leaves a run that can be looked into", async () => {
    const run = await openRun({ config: tinyConfig({}, { growth: [{ step: 3, width: 24 }] }, model), data: corpus });
    const lengths = new Set<number>();
    for await (const event of run.events()) {
      if (event.type === "step") lengths.add((await run.nextLogits(Int32Array.of(1, 2, 3))).length);
    }
    const { parameters, lineage } = await run.state();
    await run.close();
    expect([...lengths]).toEqual([run.corpus.tokenizer.vocabularySize]);
    expect(parameters.get("blocks.1.feedForward.up.weight")?.shape).toEqual([96, 24]);
    expect(lineage.get("width")).toMatchObject([
      { tokens: 12, updates: 12 },
      { tokens: 12, born: 3, updates: 9 },
    ]);
  });
});

it("may make τ learned, and from then on trains it", async () => {
  const growth = [
    { step: 4, add: { query: 2 }, rampSteps: 6 },
    { step: 6, add: { feedForward: "x2" }, tau: "learned" as const },
    { step: 9, add: { feedForward: "x2" }, init: "split" as const },
  ];
  const run = await openRun({ config: tinyConfig({}, { growth }), data: corpus, device: device() });
  const events: TrainingEvent[] = [];
  for await (const event of run.events()) events.push(event);
  const { parameters, config, ramps } = await run.state();
  await run.close();
  const growths = ofType(events, "growth");
  for (const event of growths) expectPreserved(event);
  expect(growths.map(({ tau }) => tau)).toEqual(["ramp", "learned", "fixed"]);
  expect(growths[1]?.parametersAfter).toBe((growths[1]?.parametersBefore ?? 0) + 2 * 11 * 24 + 10);
  expect([config, ramps]).toMatchObject([{ learnedTau: true }, []]);
  // The ramp was a third of its way, or it would be √7.
  const tau = parameters.get("blocks.0.attention.query.tau")?.data[0];
  expect(Math.abs(Number(tau) - (Math.sqrt(5) + (Math.sqrt(7) - Math.sqrt(5)) / 3))).toBeLessThan(0.1);
  expect(lossesOf(events).at(-1)).toBeLessThan(Number(lossesOf(events).at(5)));
});

it.each([
  ["a transformer takes no tokens", transformerModel, { step: 3, add: { key: 2 } }],
  ["a tokenformer takes no width", undefined, { step: 3, width: 24 }],
] as const)("%s", (_, model, plan) => {
  expect(() => tinyConfig({}, { growth: [{ ...plan }] }, model)).toThrowErrorMatchingSnapshot();
});

describe("the ramp of τ", () => {
  it("ends at the root of the number of tokens, though another site grows as it ends", async () => {
    for (const step of [4, 5, 6]) {
      const events = await grown([
        { step: 2, add: { feedForward: 5 }, rampSteps: 3 },
        { step, add: { query: 4 }, tau: "fixed" },
      ]);
      const { tau } = sitesAtEnd(events);
      expect(tau?.feedForward, `growth at ${step}`).toBe(4);
      expect(tau?.query).toBe(Math.sqrt(5));
    }
  });

  it("is in equal parts: after k updates, k parts of it", async () => {
    const config = tinyConfig({ steps: 7 }, { growth: [{ step: 2, add: { feedForward: 5 }, rampSteps: 3 }] });
    const taus = await tausOf(config);
    const [from, to] = [Math.sqrt(11), 4];
    const expected = [0, 0, 0, 1, 2, 3, 3, 3].map((part) => from + ((to - from) * part) / 3);
    expect(taus).toHaveLength(8);
    taus.forEach((tau, updates) => {
      expect(tau, `after ${updates} updates`).toBeCloseTo(expected[updates] ?? Number.NaN, 12);
    });
  });
});

/** τ of the feed-forward layers at the start and after each step. */
async function tausOf(config: Config): Promise<number[]> {
  const run = await openRun({ config, data: corpus, device: device() });
  const taus = [];
  for await (const event of run.events()) {
    if (event.type !== "start" && event.type !== "step") continue;
    const { model } = run.config;
    taus.push(Number(model.type === "tokenformer" ? model.tau?.feedForward : Number.NaN));
  }
  await run.close();
  return taus;
}

describe("the plan of an optimiser", () => {
  it("freezes the old tokens, lets the learning rate rise again and counts updates by generation", async () => {
    const growth = [{ step: 4, add: { query: 2 }, freeze: 3, rewarm: 3 }];
    const config = tinyConfig({ steps: 9, schedule: "constant", warmup: 0 }, { growth });
    const run = await openRun({ config, data: corpus, device: device() });
    const keys: Float32Array[] = [];
    const steps = [];
    for await (const event of run.events()) {
      if (event.type !== "step") continue;
      steps.push(event);
      const { parameters } = await run.state();
      keys.push(parameters.get("blocks.0.attention.query.keys")?.data.slice(0, 60) ?? new Float32Array());
    }
    const { lineage, updates, step } = await run.state();
    await run.close();
    expect({ updates, step }).toEqual({ updates: 9, step: 9 });
    expect(lineage.get("blocks.1.attention.query")).toEqual([
      { tokens: 5, born: 0, init: "initial", updates: 6, frozenUntil: 7 },
      { tokens: 2, born: 4, init: "zero-key", updates: 5, frozenUntil: 0, warmup: 50 },
    ]);
    expect(lineage.get("blocks.1.attention.key")).toMatchObject([{ tokens: 5, updates: 9 }]);
    const moved = keys.slice(1).map((now, index) => now.some((value, i) => value !== keys[index]?.[i]));
    // Of updates 2 to 9; 5 to 7 are frozen.
    expect(moved).toEqual([true, true, true, false, false, false, true, true]);
    const rates = steps.map((event) => measured(event).learningRate);
    [1, 1, 1, 1, 0.25, 0.5, 0.75, 1, 1].forEach((share, index) => {
      expect(rates[index]).toBeCloseTo(0.01 * share, 12);
    });
  });
});
