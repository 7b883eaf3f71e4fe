/** From metrics to the result of a run. */

import { expect, it } from "vitest";
import { collect } from "../../../src/lab/study/collect.ts";
import { planStudy, studySchema } from "../../../src/lab/study/index.ts";

const study = studySchema.parse({
  name: "test",
  doc: "two sizes",
  model: { layers: 1, heads: 1, width: 8, context: 4, vocabulary: 11 },
  ladder: [
    { attention: 3, feedForward: 5, steps: 100 },
    { attention: 6, feedForward: 10, steps: 50 },
  ],
  training: { batch: 2 },
  learningRates: [1e-3],
  arms: ["grown"],
});

const grown = planStudy({ ...study, model: { ...study.model, vocabulary: 11 } }).arms[0]?.cells[0];

const spent = (step: number) => ({ tokens: 8 * step, flops: 1000 * step, seconds: step / 10 });

const validation = (step: number, validationLoss: number) => ({ step, validationLoss, perplexity: 1, ...spent(step) });

const records = [
  { step: 1, loss: 5, learningRate: 1, ...spent(1) },
  validation(0, 4),
  validation(50, 3),
  { step: 100, growth: { summary: "more", lossBefore: 2.5, lossAfter: 2.75, parametersBefore: 1, ...spent(100) } },
  validation(101, 2.7),
  validation(102, 2.6),
  validation(110, 2.5),
  validation(150, 2.25),
];

it("takes the loss before a growth as that of its step, and tells the growth apart", () => {
  if (grown === undefined) throw new Error("no cell");
  const { curve, outcomes, growths } = collect(grown, records);
  expect(curve.map(({ step, loss }) => [step, loss])).toEqual([
    [0, 4],
    [50, 3],
    [100, 2.5],
    [101, 2.7],
    [102, 2.6],
    [110, 2.5],
    [150, 2.25],
  ]);
  expect(outcomes.map(({ stage, step, loss, flops }) => [stage, step, loss, flops])).toEqual([
    [0, 100, 2.5, 100_000],
    [1, 150, 2.25, 150_000],
  ]);
  expect(growths).toEqual([
    {
      summary: "more",
      step: 100,
      tokens: 800,
      flops: 100_000,
      steps: 50,
      lossBefore: 2.5,
      lossAfter: 2.75,
      lagLoss: 2.7,
      recoverySteps: 10,
    },
  ]);
});

it("takes the loss after the lag at the validation that is planned there, whatever 2 % of the updates are rounded to", () => {
  for (const steps of [100, 420, 410, 610, 70]) {
    const ladder = study.ladder.map((size) => ({ ...size, steps }));
    const [cell] = planStudy({ ...study, ladder, model: { ...study.model, vocabulary: 11 } }).arms[0]?.cells ?? [];
    if (cell === undefined) throw new Error("no cell");
    const found = collect(cell, [
      { step: steps, growth: { summary: "more", lossBefore: 9, lossAfter: 9, parametersBefore: 1, ...spent(steps) } },
      ...[...cell.config.training.evaluateAt, 2 * steps].map((step) => validation(step, step - steps)),
    ]);
    // Each loss is how many updates there were since the growth.
    expect(found.growths[0]?.lagLoss).toBe(Math.max(1, Math.round(0.02 * steps)));
  }
});

it("has no outcome for a budget that a run did not reach, and no recovery that was not seen", () => {
  if (grown === undefined) throw new Error("no cell");
  const { outcomes, growths } = collect(grown, records.slice(0, 5));
  expect(outcomes.map(({ stage }) => stage)).toEqual([0]);
  expect(growths[0]).not.toHaveProperty("recoverySteps");
});
