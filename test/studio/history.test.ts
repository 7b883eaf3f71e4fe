/** The history of a run in the studio, and the metrics file it comes from and goes to. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Growth, TrainingPoint } from "../../studio/src/engine/api.ts";
import { EMPTY, historyOf, metricsText, pointOf, withSample, withTraining } from "../../studio/src/engine/history.ts";
import { curveOfOld } from "../../studio/src/page/watch/curves.ts";

function point(step: number, loss: number): TrainingPoint {
  const spent = { tokens: step * 84, flops: step * 5e6, seconds: step / 16 };
  return { step, ...spent, loss, learningRate: 1e-3, gradientNorm: 0.7, tokensPerSecond: 1344 };
}

const growth: Growth = {
  step: 7,
  tokens: 588,
  flops: 3.5e7,
  seconds: 0.4375,
  summary: "feedForward 13 → 29 tokens",
  init: "split",
  parametersBefore: 101,
  parametersAfter: 211,
  maxLogitDifference: 1e-6,
  logitScale: 3.5,
  lossBefore: 2.5,
  lossAfter: 2.5,
};

describe("metrics", () => {
  it("come back as they went", () => {
    const history = {
      ...EMPTY,
      training: [point(3, 3.1), point(7, 2.9), point(11, 2.7)],
      validation: [
        {
          step: 7,
          tokens: 588,
          flops: 3.5e7,
          seconds: 0.4375,
          loss: 2.5,
          bitsPerByte: 3.6,
          oldLoss: 1.25,
          oldBitsPerByte: 0.75,
        },
      ],
      growths: [growth],
      samples: [
        { step: 3, text: "teh wh\n" },
        { step: 11, text: "the whale" },
      ],
      usage: [
        {
          step: 11,
          generations: [
            { born: 0, init: "random", tokens: 13, tokenShare: 13 / 29, massShare: 0.75, contributionShare: 0.875 },
          ],
        },
      ],
    };
    expect(historyOf(metricsText(history))).toEqual(history);
  });

  it("are read as the command line writes them, growth without losses included", () => {
    const { lossBefore: _, lossAfter: __, step, ...report } = growth;
    const lines = [
      { ...point(5, 2.75), flopsPerSecond: 1e9 },
      { step: 5, tokens: 420, flops: 2.5e7, seconds: 0.3125, validationLoss: 2.5, perplexity: 12.2, bitsPerByte: 3.6 },
      { step, growth: report },
    ];
    const text = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"step": 6, "lo`;
    const { training, validation, growths } = historyOf(text);
    expect(training).toEqual([point(5, 2.75)]);
    expect(validation[0]?.loss).toBe(2.5);
    expect(growths).toEqual([{ ...growth, lossBefore: 2.5, lossAfter: 2.5 }]);
  });
});

it("draws what was learned before in bits of its own bytes", () => {
  const spent = { step: 7, tokens: 588, flops: 3.5e7, seconds: 0.4375 };
  const validation = [{ ...spent, loss: 2.5, bitsPerByte: 3.6, oldLoss: 1.25, oldBitsPerByte: 0.75 }];
  const drawn = (unit: "nats" | "bits") =>
    curveOfOld({ validation }, { unit, across: "step", logAcross: false, logUp: false, smoothing: 0 });
  expect([drawn("nats"), drawn("bits")]).toEqual([
    { x: [7], y: [1.25] },
    { x: [7], y: [0.75] },
  ]);
});

it("gathers updates to a point: the mean loss, and the speed over all of them", () => {
  const events = [point(4, 3), point(5, 2), point(6, 1)].map((spent, index) => ({
    ...spent,
    type: "step" as const,
    tokensPerSecond: [100, 200, 400][index] ?? 0,
    flopsPerSecond: 1,
  }));
  // 3 updates of one size take 1/100 + 1/200 + 1/400.
  expect(pointOf(events)).toEqual({ ...point(6, 2), tokensPerSecond: 3 / (1 / 100 + 1 / 200 + 1 / 400) });
  expect(pointOf([])).toBeUndefined();
});

it("keeps the mean of a long curve and the place of its end", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 8, noNaN: true }), { minLength: 4001, maxLength: 4300 }),
      (losses) => {
        const points = losses.map((loss, index) => point(index + 1, loss));
        const { training } = withTraining(EMPTY, points);
        expect(training.length).toBe(Math.ceil(points.length / 2));
        expect(training.at(-1)?.step).toBe(points.length);
        let [sum, from] = [0, 0];
        for (const { step, loss } of training) {
          sum += loss * (step - from);
          from = step;
        }
        expect(sum).toBeCloseTo(
          losses.reduce((total, loss) => total + loss, 0),
          6,
        );
      },
    ),
    { numRuns: 20 },
  );
});

it("keeps the first and the last of many samples", () => {
  let history = EMPTY;
  for (let step = 1; step <= 1000; step++) history = withSample(history, { step, text: `${step}` });
  expect(history.samples.length).toBeLessThanOrEqual(201);
  expect(history.samples[0]?.step).toBe(1);
  expect(history.samples.at(-1)?.step).toBe(1000);
});
