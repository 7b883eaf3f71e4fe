/** A made-up study with the shape of a real one: four sizes, three seeds, every arm and question. */

import type {
  ArmResult,
  CellResult,
  GrowthOutcome,
  Outcome,
  Point,
  QuestionResult,
  RunResult,
  StageDescription,
  StudyResults,
} from "../../../src/lab/study/results.ts";
import { Random } from "../../../src/random.ts";

const seeds = [1, 2, 3];
const tokensPerStep = 12 * 64;

const stages: readonly StageDescription[] = [
  { attention: 48, feedForward: 192, parameters: 312_000, width: 80, transformerParameters: 318_000, steps: 1000 },
  { attention: 96, feedForward: 384, parameters: 606_000, width: 112, transformerParameters: 615_000, steps: 1000 },
  {
    attention: 192,
    feedForward: 768,
    parameters: 1_196_000,
    width: 160,
    transformerParameters: 1_240_000,
    steps: 1200,
  },
  {
    attention: 384,
    feedForward: 1536,
    parameters: 2_376_000,
    width: 224,
    transformerParameters: 2_429_000,
    steps: 1500,
  },
];

const parametersOf = (stage: number) => stages[stage]?.parameters ?? 0;
const stepsOf = (stage: number) => stages[stage]?.steps ?? 0;
const flopsPerStep = (stage: number) => 6 * parametersOf(stage) * tokensPerStep;
const noise = (...keys: readonly (number | string)[]) => 0.006 * Random.from("sample-study", ...keys).normal();

/** Tokens and FLOPs of the grown arm at the end of a size. */
function spentBy(stage: number): { steps: number; flops: number } {
  const all = stages.slice(0, stage + 1);
  const flops = all.reduce((sum, { steps }, at) => sum + steps * flopsPerStep(at), 0);
  return { steps: all.reduce((sum, { steps }) => sum + steps, 0), flops };
}

/** What the sizes end at, if trained from scratch with the FLOPs of the grown arm. */
const levels = [1.952, 1.751, 1.607, 1.512];

interface Leg {
  readonly stage: number;
  readonly steps: number;
  readonly from: number;
  readonly to: number;
  readonly flopsPerStep: number;
}

/** A run of one leg or more, each a fall from one loss towards another. */
function run(
  seed: number,
  learningRate: number,
  legs: readonly Leg[],
  growths: readonly GrowthOutcome[] = [],
): RunResult {
  const curve: Point[] = [];
  const outcomes: Outcome[] = [];
  let [step, flops] = [0, 0];
  for (const leg of legs) {
    const every = Math.max(10, Math.round(leg.steps / 30));
    for (let at = 0; at <= leg.steps; at += every) {
      const share = Math.min(1, at / leg.steps);
      const loss = leg.to + (leg.from - leg.to) * (1 - share) ** 1.3 * Math.exp(-6 * share);
      const spent = flops + at * leg.flopsPerStep;
      curve.push({ step: step + at, tokens: (step + at) * tokensPerStep, flops: spent, seconds: spent / 6e10, loss });
    }
    step += leg.steps;
    flops += leg.steps * leg.flopsPerStep;
    const end = { step, tokens: step * tokensPerStep, flops, seconds: flops / 6e10, loss: leg.to };
    curve.push(end);
    outcomes.push({ ...end, stage: leg.stage, parameters: parametersOf(leg.stage) });
  }
  return { seed, learningRate, curve, outcomes, growths };
}

function cell(id: string, stage: number, best: number, runs: (seed: number) => RunResult, edge = false): CellResult {
  const rates = [0.0005, 0.001, 0.002, 0.004];
  const optimum = edge ? 0.006 : 0.0019;
  const grid = rates.map((learningRate) => ({
    learningRate,
    loss: best + 0.03 * Math.log2(learningRate / optimum) ** 2 + noise(id, learningRate),
  }));
  const chosen = grid.reduce((a, b) => (b.loss < a.loss ? b : a));
  return { id, stage, grid, learningRate: chosen.learningRate, runs: seeds.map(runs) };
}

/** An arm that passes through all sizes; `advantage` is in nats under the levels. */
function passing(id: string, label: string, doc: string, advantage: readonly number[]): ArmResult {
  const make = (seed: number) => {
    const ends = levels.map((level, stage) => level - (advantage[stage] ?? 0) + noise(id, seed, stage));
    const legs = ends.map((to, stage) => ({
      stage,
      steps: stepsOf(stage),
      to,
      from: stage === 0 ? 4.4 : (ends[stage - 1] ?? 0) + 0.04,
      flopsPerStep: flopsPerStep(stage),
    }));
    const growths = stages.slice(1).map((_, at) => growthTo(at + 1, ends));
    const made = run(seed, 0.002, legs, growths);
    const usage = [0, 1, 2, 3].map((at) => ({
      born: at === 0 ? 0 : spentBy(at - 1).steps,
      tokenShare: [0.125, 0.125, 0.25, 0.5][at] ?? 0,
      massShare: [0.24, 0.19, 0.26, 0.31][at] ?? 0,
      gradientShare: [0.1, 0.14, 0.27, 0.49][at] ?? 0,
    }));
    return id === "grown" ? { ...made, usage } : made;
  };
  return { id, label, doc, cells: [cell(id, stages.length - 1, levels[3] ?? 0, make)] };
}

function growthTo(stage: number, ends: readonly number[]): GrowthOutcome {
  const before = ends[stage - 1] ?? 0;
  const { steps, flops } = spentBy(stage - 1);
  return {
    summary: `query ${24 * 2 ** stage} → ${48 * 2 ** stage}, …, feedForward ${96 * 2 ** stage} → ${192 * 2 ** stage} tokens`,
    step: steps,
    flops,
    tokens: steps * tokensPerStep,
    lossBefore: before,
    lossAfter: before + 1e-6,
    steps: stepsOf(stage),
    lagLoss: before + 0.03,
    recoverySteps: 90 + 30 * stage,
  };
}

/** An arm with a run for each size. `share` is that of the grown arm's cumulative FLOPs. */
function separate(id: string, label: string, doc: string, advantage: readonly number[], share = 1): ArmResult {
  const cells = stages.map((_, stage) => {
    const own = flopsPerStep(stage);
    const make = (seed: number) => {
      const to = (levels[stage] ?? 0) - (advantage[stage] ?? 0) + noise(id, seed, stage);
      const steps = Math.round((share * spentBy(stage).flops) / own);
      return run(seed, 0.002, [{ stage, steps, from: 4.4, to, flopsPerStep: own }]);
    };
    return cell(`${id}/${stage}`, stage, levels[stage] ?? 0, make, id === "transformer-flops" && stage === 1);
  });
  return { id, label, doc, cells };
}

/** An arm of one run for the last size; `size` is that of its model. */
function lastOnly(id: string, label: string, doc: string, size: number, worse: number, share = 1): ArmResult {
  const stage = stages.length - 1;
  const make = (seed: number) => {
    const to = (levels[stage] ?? 0) + worse + noise(id, seed);
    const steps = Math.round((share * spentBy(stage).flops) / flopsPerStep(size));
    return run(seed, 0.002, [{ stage, steps, from: 4.4, to, flopsPerStep: flopsPerStep(size) }]);
  };
  return { id, label, doc, cells: [cell(id, stage, (levels[stage] ?? 0) + worse, make)] };
}

const arms: readonly ArmResult[] = [
  passing("grown", "grown", "The smallest TokenFormer, grown through every size.", [0, 0.031, 0.034, 0.029]),
  separate(
    "scratch-tokens",
    "scratch, stage's tokens",
    "A new TokenFormer of each size, for the tokens of its stage.",
    [0, -0.07, -0.05, -0.04],
    0.75,
  ),
  separate(
    "scratch-flops",
    "scratch, equal FLOPs",
    "A new TokenFormer of each size, for the FLOPs of the grown one.",
    [0, 0, 0, 0],
  ),
  separate(
    "transformer-tokens",
    "Transformer, stage's tokens",
    "A GPT of each size, for the tokens of its stage.",
    [-0.15, -0.2, -0.16, -0.12],
    0.7,
  ),
  separate(
    "transformer-flops",
    "Transformer, equal FLOPs",
    "A GPT of each size, for the FLOPs of the grown one.",
    [-0.12, -0.11, -0.1, -0.08],
  ),
  separate(
    "rotary-flops",
    "rotary Transformer, equal FLOPs",
    "A GPT with rotary positions, for the FLOPs of the grown one.",
    [0.03, 0.035, 0.035, 0.033],
  ),
  passing(
    "net2net",
    "Net2Net",
    "The GPT, widened function-preservingly through the sizes.",
    [-0.11, -0.05, 0.01, 0.05],
  ),
  lastOnly("scratch-total", "scratch, all tokens", "TokenFormer of the largest size, on all tokens.", 3, -0.04, 1.9),
  lastOnly("no-growth", "never grown", "The smallest TokenFormer, trained on for the whole budget.", 0, 0.27),
];

/** A way to grow: its loss at the end above the reference's, its jump at the growth, its loss after the lag. */
type Row = readonly [id: string, label: string, end: number, jump: number, lag: number];

const reference: Row = ["reference", "reference", 0, 0, 0.04];

const rows: readonly (readonly [id: string, question: string, variants: readonly Row[]])[] = [
  [
    "init",
    "How should new tokens start?",
    [
      ["init-split", "split", -0.021, 0, 0.02],
      ["init-random", "random keys, τ = √n", -0.012, 0.42, 0.09],
      ["init-zero-abrupt", "zero keys, τ = √n", 0.001, 0.38, 0.08],
    ],
  ],
  [
    "tau",
    "What should become of τ?",
    [
      ["tau-fixed", "fixed", 0.058, 0, 0.05],
      ["tau-slow", "ramp over half the stage", 0.004, 0, 0.045],
      ["tau-learned", "learned", -0.004, 0, 0.041],
    ],
  ],
  [
    "optimizer",
    "What should become of the optimiser's state?",
    [
      ["optimizer-keep", "moments kept, one count", 0.002, 0, 0.04],
      ["optimizer-reset", "moments reset", 0.006, 0, 0.06],
    ],
  ],
  [
    "freeze",
    "Should the old tokens be frozen?",
    [
      ["freeze-part", "old frozen for 20 %", 0.012, 0, 0.07],
      ["freeze-all", "old frozen", 0.16, 0, 0.09],
    ],
  ],
  [
    "schedule",
    "Which learning-rate schedule after growing?",
    [
      ["schedule-stable", "warm-up, stable, decay", -0.015, 0, 0.045],
      ["schedule-constant", "constant", 0.071, 0, 0.05],
    ],
  ],
  [
    "when",
    "When to grow?",
    [
      ["when-10", "after 10 %", -0.018, 0, 0],
      ["when-30", "after 30 %", -0.01, 0, 0],
    ],
  ],
  [
    "where",
    "Where to grow?",
    [
      ["where-attention", "attention alone", 0.043, 0, 0.06],
      ["where-feed-forward", "feed-forward alone", 0.009, 0, 0.03],
    ],
  ],
  ["step-size", "In one step or several?", [["step-quarters", "four quarters", 0.003, 0, 0]]],
];

function variant(question: string, [id, label, end, jump, lag]: Row): QuestionResult["variants"][number] {
  const base = levels[0] ?? 0;
  const make = (seed: number) => {
    const to = (levels[1] ?? 0) - 0.03 + end + noise(id, seed);
    const legs = [
      { stage: 0, steps: stepsOf(0), from: 4.4, to: base, flopsPerStep: flopsPerStep(0) },
      { stage: 1, steps: stepsOf(1), from: base + 0.04 + jump, to, flopsPerStep: flopsPerStep(1) },
    ];
    const at = question === "when" ? 100 : 1000;
    const growth = {
      summary: "query 48 → 96, …",
      step: at,
      flops: at * flopsPerStep(0),
      tokens: at * tokensPerStep,
      lossBefore: base,
      lossAfter: base + jump,
      steps: 2000 - at,
      lagLoss: base + lag,
      recoverySteps: 80,
    };
    return run(seed, 0.002, legs, question === "step-size" ? [growth, growth, growth, growth] : [growth]);
  };
  return {
    id,
    label,
    doc: `What ${label} means, in one sentence.`,
    cell: cell(`ablation/${id}`, 1, (levels[1] ?? 0) + end, make),
  };
}

export function sampleStudy(): StudyResults {
  const questions = rows.map(([id, question, variants]) => ({
    id,
    question,
    variants: [reference, ...variants].map((row) => variant(row === reference ? "" : id, row)),
  }));
  return {
    ...{
      name: "mini",
      date: "2026-11-24",
      machine: "AMD EPYC, 2 cores, 15.6 GB",
      software: "tokenformer 0.1.0 (d504010)",
    },
    command: "npx tokenformer study progressive --preset mini --out studies/mini",
    data: {
      name: "Moby-Dick",
      trainTokens: 1_090_000,
      validationTokens: 121_000,
      evaluationTokens: 32_768,
      vocabulary: 89,
      bytesPerToken: 1.02,
    },
    model: { layers: 4, heads: 4, width: 128, context: 64, batch: 12 },
    training: { schedule: "cosine", warmup: 40 },
    stages,
    seeds,
    arms,
    ablation: { doc: "From the first size to the second.", stage: 1, reference: "reference", questions },
    spent: { runs: 212, flops: 3.1e15, seconds: 9640 },
  };
}
