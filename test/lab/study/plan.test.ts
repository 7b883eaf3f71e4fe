/** The plan of a study: budgets are equal where they are said to be. */

import { describe, expect, it } from "vitest";
import { growthPlansOf } from "../../../src/configuration/index.ts";
import { checkPlans } from "../../../src/growth/index.ts";
import {
  cellsOf,
  costOf,
  planStudy,
  type StudyConfig,
  studyPresets,
  studySchema,
} from "../../../src/lab/study/index.ts";
import { trainingFlopsPerToken } from "../../../src/model/index.ts";

const study = studySchema.parse({
  name: "test",
  doc: "a ladder of three sizes",
  model: { layers: 3, heads: 6, width: 66, context: 13 },
  ladder: [
    { attention: 8, feedForward: 20, steps: 31 },
    { attention: 17, feedForward: 41, steps: 37 },
    { attention: 34, feedForward: 82, steps: 43 },
  ],
  training: { batch: 5, warmup: 3 },
  learningRates: [1e-3, 3e-3],
  ablation: { stage: 2 },
});

const withVocabulary = (config: StudyConfig) => ({ ...config, model: { ...config.model, vocabulary: 71 } });

const plan = planStudy(withVocabulary(study));

const cell = (id: string) => {
  const found = cellsOf(plan).find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`no cell ${id}`);
  return found;
};

/** Floating-point operations of an update of a TokenFormer of the ladder, by the public formula. */
function stepFlops(attention: number, feedForward: number): number {
  const blocks = 3 * 2 * 66 * (4 * attention + feedForward);
  return 3 * (2 * blocks * 13 + 4 * 3 * 66 * 13 ** 2 + 2 * 71 * 66 * 13) * 5;
}

it("tells of its own reference, to which it grows as it is configured", () => {
  const told = (own: object) =>
    planStudy(withVocabulary(studySchema.parse({ ...study, ...own }))).questions[0]?.variants[0]?.doc;
  expect(told({})).toBe(
    "Zero keys, τ from its old value to √n over 100 updates, moments kept and new tokens counting their own updates, everything trained, the learning rate of new tokens rising over 50 updates, the schedule from its start (a warm-up of 3 updates, then a cosine), all sites doubled at once.",
  );
  expect(told({ growth: { rampSteps: 0 } })).toMatch(/^Zero keys, τ = √n at once, /);
  const growth = {
    init: "random",
    optimizer: "reset",
    freeze: 5,
    newWarmup: 0,
    newRate: 3,
    newRateSteps: 7,
    rewarm: 2,
  };
  const training = { ...study.training, warmup: 0, schedule: "constant" };
  const ladder = study.ladder.map((size) => ({ ...size, attention: size.attention + 1 }));
  expect(told({ growth, training, ladder })).toBe(
    "Keys and values drawn, τ = √n at once, all moments from zero, the old tokens frozen for 5 updates, new tokens at 3 times the rate at first, falling over 7 updates, the learning rate of all rising again over 2 updates, the schedule from its start (a constant rate), from 18 to 35 tokens at each attention projection and from 41 to 82 at the feed-forward layer at once.",
  );
});

it("adds up what the grown arm spends", () => {
  const spent = 31 * stepFlops(8, 20) + 37 * stepFlops(17, 41) + 43 * stepFlops(34, 82);
  expect(cell("grown").flops).toBeCloseTo(spent, -2);
  expect(cell("grown").milestones.map(({ stage, step }) => [stage, step])).toEqual([
    [0, 31],
    [1, 68],
    [2, 111],
  ]);
});

it("gives arms of equal FLOPs the budget of the grown arm, to within an update", () => {
  const upTo = [31 * stepFlops(8, 20), 37 * stepFlops(17, 41), 43 * stepFlops(34, 82)];
  for (const arm of ["scratch-flops", "transformer-flops", "rotary-flops"]) {
    for (const stage of [0, 1, 2]) {
      const budget = upTo.slice(0, stage + 1).reduce((sum, flops) => sum + flops);
      const { flops, config } = cell(`${arm}/${stage}`);
      expect(Math.abs(flops - budget)).toBeLessThanOrEqual(flops / config.training.steps / 2 + 1);
    }
  }
  expect(cell("no-growth").flops / cell("grown").flops).toBeCloseTo(1, 2);
});

it("trains each size from scratch on the tokens of its stage, and the largest on all of them", () => {
  expect([0, 1, 2].map((stage) => cell(`scratch-tokens/${stage}`).config.training.steps)).toEqual([31, 37, 43]);
  expect(cell("scratch-total/2").config.training.steps).toBe(111);
});

it("takes Transformers of the nearest number of parameters", () => {
  for (const { parameters, transformer, wider, narrower } of [0, 1, 2].map((stage) => {
    const model = cell(`transformer-tokens/${stage}`).config.model;
    if (model.type !== "transformer") throw new Error("no Transformer");
    const count = (width: number) => 12 * 3 * width ** 2 + (71 + 13) * width + (2 * 2 * 3 + 2) * width;
    return {
      parameters: cell(`scratch-tokens/${stage}`).parameters,
      transformer: count(model.width),
      wider: count(model.width + 11),
      narrower: count(model.width - 11),
    };
  })) {
    const distance = Math.abs(transformer - parameters);
    expect(distance).toBeLessThanOrEqual(Math.abs(wider - parameters));
    expect(distance).toBeLessThanOrEqual(Math.abs(narrower - parameters));
  }
});

it("widens Net2Net through the widths of the Transformers", () => {
  const widths = [1, 2].map((stage) => {
    const model = cell(`transformer-tokens/${stage}`).config.model;
    return model.type === "transformer" ? model.width : 0;
  });
  const plans = growthPlansOf(cell("net2net").config);
  expect(plans.map((growth) => ("width" in growth ? growth.width : 0))).toEqual(widths);
  expect(plans.map(({ step, restart }) => [step, restart])).toEqual([
    [31, true],
    [68, true],
  ]);
});

it("spends the same in all answers to a question, to within the updates of its phases", () => {
  const whole = 37 * stepFlops(17, 41) + 43 * stepFlops(34, 82);
  for (const { variants } of plan.questions) {
    for (const { cell } of variants) {
      const spent = cell.flops + (cell.from === undefined ? 0 : 37 * stepFlops(17, 41));
      expect(Math.abs(spent / whole - 1)).toBeLessThan(0.05);
    }
  }
});

it("appends as many parameters wherever the new tokens go", () => {
  const reference = cell("how/reference").parameters;
  for (const id of ["how/where-attention", "how/where-feed-forward", "how/step-quarters", "how/when-0"]) {
    expect(Math.abs(cell(id).parameters / reference - 1)).toBeLessThan(0.01);
  }
});

it("starts the answers from the small model of the arm from scratch, where they do not differ in it", () => {
  const from = (id: string) => cell(`how/${id}`).from;
  expect(from("reference")).toBe("scratch-tokens/1");
  expect(from("freeze-all")).toBe("scratch-tokens/1");
  expect(from("when-10")).toBeUndefined();
  expect(from("schedule-one")).toBeUndefined();
});

it("has a valid plan for every preset, whose cost is that of its cells", () => {
  for (const preset of Object.values(studyPresets)) {
    const parsed = studySchema.parse(preset);
    const whole = planStudy({ ...parsed, model: { ...parsed.model, vocabulary: parsed.model.vocabulary ?? 256 } });
    const cells = cellsOf(whole);
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
    const runs = parsed.seeds + (parsed.learningRates.length > 1 ? parsed.learningRates.length : 0);
    const flops = cells.reduce((sum, each) => sum + runs * each.flops, 0);
    expect(costOf(whole).flops / flops).toBeCloseTo(1, 9);
    for (const { config } of cells) checkPlans(config.model, growthPlansOf(config));
  }
});

describe("a ladder that does not allow all answers", () => {
  /** The plan of the study with its last two sizes these ones. */
  const planOf = (sizes: readonly [number, number][], changes: Partial<StudyConfig> = {}) => {
    const ladder = sizes.map(([attention, feedForward], at) => ({ attention, feedForward, steps: 31 + 6 * at }));
    const arms: StudyConfig["arms"] = ["grown", "scratch-flops"];
    return planStudy(withVocabulary({ ...study, arms, ablation, ladder, ...changes }));
  };
  const ablation = { stage: 1, questions: ["init" as const, "step-size" as const] };
  const question = (of: ReturnType<typeof planOf>, id: string) => of.questions.find((asked) => asked.id === id);
  const namesOf = (of: ReturnType<typeof planOf>, id: string) =>
    question(of, id)?.variants.map((variant) => variant.id);

  it("leaves out copies of all tokens where the step is no multiple of them, and says so", () => {
    const uneven = planOf([
      [8, 20],
      [17, 41],
    ]);
    expect(namesOf(uneven, "init")).toEqual(["reference", "init-random", "init-zero-abrupt", "init-random-fixed"]);
    expect(question(uneven, "init")?.question).toBe("How should new tokens start? (without split)");
    expect(question(uneven, "init")?.leftOut).toEqual([
      { label: "split", reason: expect.stringMatching(/split copies all 8 tokens .*, 9 is no multiple/) },
    ]);
    const even = planOf([
      [8, 20],
      [16, 40],
    ]);
    expect(namesOf(even, "init")).toContain("init-split");
    expect(question(even, "init")?.leftOut).toEqual([]);
  });

  it("divides a small step into fewer pieces, each with tokens, and a step of one token not at all", () => {
    const small = planOf([
      [12, 48],
      [14, 50],
    ]);
    const quarters = question(small, "step-size")?.variants.find(({ id }) => id === "step-quarters")?.cell;
    const added = quarters === undefined ? [] : growthPlansOf(quarters.config);
    expect(added.map((plan) => ("add" in plan ? plan.add : {}))).toEqual(
      [1, 1].map((count) => ({ query: count, key: count, value: count, projection: count, feedForward: count })),
    );
    const least = planOf([
      [12, 48],
      [12, 49],
    ]);
    expect(namesOf(least, "step-size")).toEqual(["reference"]);
    expect(question(least, "step-size")?.leftOut).toEqual([
      { label: "four quarters", reason: "the step from 12/48 to 12/49 tokens is too small for it" },
    ]);
  });

  it("is refused where an arm, or the reference of the questions, cannot grow so", () => {
    const growth = { ...study.growth, init: "split" as const };
    const sizes: readonly [number, number][] = [
      [8, 20],
      [17, 41],
    ];
    expect(() => planOf(sizes, { growth })).toThrow(/^arms: grown cannot grow so: .*is no multiple; .*; change ladder/);
    expect(() => planOf(sizes, { growth, arms: ["scratch-flops"] })).toThrow(
      /^ablation: its reference cannot grow so: /,
    );
  });
});

it("has the paper's ladder, which costs what the formula says", () => {
  const { ladder, model } = studySchema.parse(studyPresets.paper);
  const complete = planStudy({ ...studySchema.parse(studyPresets.paper), model: { ...model, vocabulary: 50_304 } });
  const sizes = cellsOf(complete).filter(({ id }) => id.startsWith("scratch-tokens/"));
  expect(sizes.map(({ parameters }) => Math.round(parameters / 1e6))).toEqual([124, 354, 754, 1310]);
  const first = sizes[0]?.config.model;
  const tokens = ladder.map(({ attention, feedForward }) => feedForward / attention);
  expect(tokens).toEqual([4, 4, 4, 4]);
  if (first?.vocabulary === undefined) throw new Error("no vocabulary");
  expect(trainingFlopsPerToken({ ...first, vocabulary: first.vocabulary }) / 1e9).toBeCloseTo(0.86, 1);
});

it("has the small model that the questions start from, whatever the arms", () => {
  const alone = planStudy(withVocabulary({ ...study, arms: ["grown"] }));
  const cells = cellsOf(alone);
  const ids = new Set(cells.map(({ id }) => id));
  for (const { from } of cells) if (from !== undefined) expect(ids).toContain(from);
  expect(alone.bases.map(({ id }) => id)).toEqual(["scratch-tokens/1"]);
  const without = planStudy(withVocabulary({ ...study, ablation: { stage: 2, questions: [] } }));
  expect(without.bases).toEqual([]);
});
