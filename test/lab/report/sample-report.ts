/** A made-up run with the shape of a real one. */

import type { GrowthRecord, Report } from "../../../src/lab/report/index.ts";

export interface Options {
  readonly steps?: number;
  readonly growths?: readonly number[];
}

export function sampleReport({ steps: last = 3000, growths: grown = [1000, 1800, 2400] }: Options = {}): Report {
  const loss = (step: number) => 1.3 + 7 * Math.exp(-step / 25) + 2 / Math.sqrt(1 + step / 60);
  const steps = Array.from({ length: last }, (_, at) => ({
    step: at + 1,
    loss: loss(at + 1) + 0.05 * Math.sin(at * at),
    flops: (at + 1) * 1e11,
  }));
  const validations = steps
    .filter(({ step }) => step % 100 === 0)
    .map(({ step }) => ({
      step,
      validationLoss: loss(step) + 0.1,
      perplexity: Math.exp(loss(step)),
      bitsPerByte: 1.1,
    }));
  return {
    title: "A model grows up",
    subtitle: "A TokenFormer learned Moby-Dick.",
    facts: [
      { name: "Device", value: "NVIDIA H100" },
      { name: "Time", value: "1 min 42 s" },
    ],
    steps,
    validations,
    growths: grown.map(growthAt),
    command: "npx tokenformer demo",
    date: "12 March 2026",
    samples: grown.flatMap((step) => [
      { step, prompt: "Call me ", text: "Ishmael.", label: "before the growth" },
      { step, prompt: "Call me ", text: "Ahab.", label: "after the growth" },
    ]),
    config: { type: "tokenformer", layers: 6 },
  };
}

function growthAt(step: number, at: number): GrowthRecord {
  const before = 1_060_000 * 1.49 ** at;
  return {
    step,
    parametersBefore: before,
    parametersAfter: 1.49 * before,
    lossBefore: 1.9,
    lossAfter: 1.9,
    maxLogitDifference: 2.1e-6,
    logitScale: 14.2,
    init: "zero keys",
    summary: "attention +64 tokens a layer",
  };
}
