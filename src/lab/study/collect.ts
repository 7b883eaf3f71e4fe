/** From a run's metrics to its result. */

import { z } from "zod";
import type { MetricRecord } from "../../checkpoint/portable.ts";
import { type Cell, LAG, partOf } from "./cells.ts";
import type { GrowthOutcome, Outcome, Point } from "./results.ts";

const spent = { tokens: z.number(), flops: z.number(), seconds: z.number() };

const validationSchema = z.object({ step: z.number(), validationLoss: z.number(), ...spent });

const growthSchema = z.object({
  step: z.number(),
  growth: z.object({ summary: z.string(), lossBefore: z.number(), lossAfter: z.number(), ...spent }),
});

type GrowthRecord = z.infer<typeof growthSchema>;

export interface Collected {
  readonly curve: readonly Point[];
  readonly outcomes: readonly Outcome[];
  readonly growths: readonly GrowthOutcome[];
}

/** Reads what a study reports of one run from the records of its `metrics.jsonl`, and of the run that it started from. */
export function collect(cell: Cell, records: readonly MetricRecord[]): Collected {
  const growths = parsed(records, growthSchema);
  const curve = curveOf(parsed(records, validationSchema), growths);
  const steps = cell.config.training.steps;
  return {
    curve,
    outcomes: cell.milestones.flatMap((milestone): Outcome[] => {
      const point = curve.find(({ step }) => step === milestone.step);
      return point === undefined ? [] : [{ ...milestone, ...point }];
    }),
    growths: growths.map((record, index): GrowthOutcome => {
      const end = growths[index + 1]?.step ?? steps;
      return growthOutcome(record, curve, end);
    }),
  };
}

/** Validations, and the loss just before each growth, by step. What growing does to the loss is told apart. */
function curveOf(validations: readonly z.infer<typeof validationSchema>[], growths: readonly GrowthRecord[]): Point[] {
  const points = new Map<number, Point>();
  for (const { step, growth } of growths) {
    const { tokens, flops, seconds, lossBefore } = growth;
    points.set(step, { step, tokens, flops, seconds, loss: lossBefore });
  }
  for (const { step, tokens, flops, seconds, validationLoss } of validations) {
    if (!points.has(step)) points.set(step, { step, tokens, flops, seconds, loss: validationLoss });
  }
  return [...points.values()].toSorted((a, b) => a.step - b.step);
}

function growthOutcome({ step, growth }: GrowthRecord, curve: readonly Point[], end: number): GrowthOutcome {
  const { summary, lossBefore, lossAfter, flops, tokens } = growth;
  const after = curve.filter((point) => point.step > step && point.step <= end);
  const lag = after.find((point) => point.step - step >= partOf(LAG, end - step));
  const recovered = after.find(({ loss }) => loss <= lossBefore);
  return {
    summary,
    step,
    flops,
    tokens,
    lossBefore,
    lossAfter,
    steps: end - step,
    ...(lag !== undefined && { lagLoss: lag.loss }),
    ...(recovered !== undefined && { recoverySteps: recovered.step - step }),
  };
}

function parsed<Record>(records: readonly MetricRecord[], schema: z.ZodType<Record>): Record[] {
  return records.flatMap((record) => {
    const result = schema.safeParse(record);
    return result.success ? [result.data] : [];
  });
}
