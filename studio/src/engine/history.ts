/** What is drawn of a run: its losses, growths, samples and the use of its tokens; and as records of `metrics.jsonl`. */

import type { GrowthEvent, StepEvent, ValidationEvent } from "tokenformer/browser";
import { z } from "zod";
import type { Growth, Sample, TrainingPoint, UsagePoint, ValidationPoint } from "./api.ts";

export interface History {
  readonly training: readonly TrainingPoint[];
  readonly validation: readonly ValidationPoint[];
  readonly growths: readonly Growth[];
  readonly samples: readonly Sample[];
  readonly usage: readonly UsagePoint[];
}

export const EMPTY: History = { training: [], validation: [], growths: [], samples: [], usage: [] };

/** Points of a curve that are kept: where there are more, neighbours become one. */
const MOST_POINTS = 4000;
/** Samples that are kept: the first, and those that came after. */
const MOST_SAMPLES = 200;

export function withTraining(history: History, points: readonly TrainingPoint[]): History {
  const training = [...history.training, ...points];
  return { ...history, training: training.length > MOST_POINTS ? halved(training) : training };
}

/** Neighbours by twos as one point at the place of the later, with their mean loss by updates. */
function halved(points: readonly TrainingPoint[]): TrainingPoint[] {
  const merged: TrainingPoint[] = [];
  for (let index = 0; index < points.length; index += 2) {
    const pair = points.slice(index, index + 2);
    const last = pair.at(-1);
    if (last !== undefined) merged.push({ ...last, loss: weightedLoss(pair, points[index - 1]?.step ?? 0) });
  }
  return merged;
}

function weightedLoss(points: readonly TrainingPoint[], before: number): number {
  let [sum, updates, from] = [0, 0, before];
  for (const { step, loss } of points) {
    sum += loss * (step - from);
    updates += step - from;
    from = step;
  }
  return sum / Math.max(1, updates);
}

export function withSample(history: History, sample: Sample): History {
  // One a step: the last.
  const samples = [...history.samples.filter(({ step }) => step !== sample.step), sample];
  // Every other one, so that those that stay are spread over the whole time.
  const kept =
    samples.length > MOST_SAMPLES ? samples.filter((_, index) => index % 2 === 0 || index > MOST_SAMPLES / 2) : samples;
  return { ...history, samples: kept };
}

/** One a step: the last, as that is of the tokens that there are since. */
export function withUsage(history: History, point: UsagePoint): History {
  return { ...history, usage: [...history.usage.filter(({ step }) => step !== point.step), point] };
}

/** Updates gathered to one point: the mean loss, and the last of everything else. */
export function pointOf(events: readonly StepEvent[]): TrainingPoint | undefined {
  const last = events.at(-1);
  if (last === undefined) return undefined;
  const { step, tokens, flops, seconds, learningRate, gradientNorm } = last;
  const loss = events.reduce((sum, event) => sum + event.loss, 0) / events.length;
  const spent = events.reduce((sum, event) => sum + 1 / event.tokensPerSecond, 0);
  return { step, tokens, flops, seconds, loss, learningRate, gradientNorm, tokensPerSecond: events.length / spent };
}

export function validationPointOf(event: ValidationEvent): ValidationPoint {
  const { step, tokens, flops, seconds, validationLoss: loss, bitsPerByte } = event;
  return { step, tokens, flops, seconds, loss, bitsPerByte };
}

export function growthOf({ type: _, init, ...event }: GrowthEvent): Growth {
  const { step, tokens, flops, seconds, summary, lossBefore, lossAfter } = event;
  const { parametersBefore, parametersAfter, maxLogitDifference, logitScale } = event;
  return {
    step,
    tokens,
    flops,
    seconds,
    summary,
    // Others are as silent at first as those with keys of zeros.
    init: init === "split" || init === "random" ? init : "zero-key",
    parametersBefore,
    parametersAfter,
    maxLogitDifference,
    logitScale,
    lossBefore,
    lossAfter,
  };
}

// ---- metrics.jsonl ------------------------------------------------------------------------------------------------------

/**
 * The lines of `metrics.jsonl`: a record for each point of the curves, as the command line writes one for each update; and, which the
 * command line does not have, of what the model wrote and of the use of its tokens.
 */
export function metricsText({ training, validation, growths, samples, usage }: History): string {
  const records: { step: number; order: number; record: object }[] = [
    ...training.map(({ ...point }) => ({
      step: point.step,
      order: 0,
      record: { ...point, flopsPerSecond: flopsRate(point) },
    })),
    ...validation.map(({ loss, ...point }) => ({
      step: point.step,
      order: 1,
      record: { ...point, validationLoss: loss, perplexity: Math.exp(loss) },
    })),
    ...growths.map(({ step, ...growth }) => ({ step, order: 2, record: { step, growth } })),
    ...samples.map(({ step, text }) => ({ step, order: 3, record: { step, sample: text } })),
    ...usage.map(({ step, generations }) => ({ step, order: 4, record: { step, usage: generations } })),
  ];
  records.sort((a, b) => a.step - b.step || a.order - b.order);
  return records.map(({ record }) => `${JSON.stringify(record)}\n`).join("");
}

function flopsRate({ flops, tokens, tokensPerSecond }: TrainingPoint): number {
  return tokens === 0 ? 0 : (flops / tokens) * tokensPerSecond;
}

const position = { step: z.number(), tokens: z.number(), flops: z.number(), seconds: z.number() };

const trainingRecord = z.object({
  ...position,
  loss: z.number(),
  learningRate: z.number(),
  gradientNorm: z.number(),
  tokensPerSecond: z.number(),
});

const validationRecord = z.object({
  ...position,
  validationLoss: z.number(),
  bitsPerByte: z.number(),
  oldLoss: z.number().optional(),
  oldBitsPerByte: z.number().optional(),
});

const growthRecord = z.object({
  step: z.number(),
  growth: z.object({
    tokens: z.number(),
    flops: z.number(),
    seconds: z.number(),
    summary: z.string(),
    init: z.enum(["zero-key", "split", "random"]).catch("zero-key"),
    parametersBefore: z.number(),
    parametersAfter: z.number(),
    maxLogitDifference: z.number(),
    logitScale: z.number(),
    lossBefore: z.number().optional(),
    lossAfter: z.number().optional(),
  }),
});

const sampleRecord = z.object({ step: z.number(), sample: z.string() });

const usageRecord = z.object({
  step: z.number(),
  usage: z.array(
    z.object({
      born: z.number(),
      init: z.string(),
      tokens: z.number(),
      tokenShare: z.number(),
      massShare: z.number(),
      contributionShare: z.number(),
    }),
  ),
});

/** The history that the lines of `metrics.jsonl` tell; what is not known is left out. */
export function historyOf(metrics: string): History {
  let history = EMPTY;
  const training: TrainingPoint[] = [];
  for (const line of metrics.split("\n")) {
    const record = parsed(line);
    const point = trainingRecord.safeParse(record);
    if (point.success) training.push(point.data);
    else history = withRecord(history, record);
  }
  return withTraining({ ...history, training: thinned(training) }, []);
}

function thinned(points: readonly TrainingPoint[]): TrainingPoint[] {
  return points.length > MOST_POINTS ? thinned(halved(points)) : [...points];
}

function withRecord(history: History, record: unknown): History {
  const validation = validationRecord.safeParse(record);
  if (validation.success) {
    const { validationLoss: loss, oldLoss, oldBitsPerByte, ...point } = validation.data;
    const old = { ...(oldLoss !== undefined && { oldLoss }), ...(oldBitsPerByte !== undefined && { oldBitsPerByte }) };
    const measured = { ...point, loss, ...old };
    return { ...history, validation: [...history.validation, measured] };
  }
  const written = sampleRecord.safeParse(record);
  if (written.success) return withSample(history, { step: written.data.step, text: written.data.sample });
  const used = usageRecord.safeParse(record);
  if (used.success) return withUsage(history, { step: used.data.step, generations: used.data.usage });
  const grown = growthRecord.safeParse(record);
  if (!grown.success) return history;
  const { step, growth } = grown.data;
  const last = history.validation.at(-1)?.loss ?? Number.NaN;
  const { lossBefore = last, lossAfter = last, ...others } = growth;
  return { ...history, growths: [...history.growths, { step, ...others, lossBefore, lossAfter }] };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
