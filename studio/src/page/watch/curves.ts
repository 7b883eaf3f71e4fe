/** The points of a run as a chart draws them. */

import type { Position, RunView } from "../../engine/api.ts";
import type { ChartOptions } from "../store/state.ts";

export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface RunCurves {
  readonly raw: Curve;
  readonly smooth: Curve;
  readonly validation: Curve;
}

/** Points of a curve that are drawn, at most: more than that, and lines lie on each other. */
const MOST_DRAWN = 700;

/** Nats per token as the unit of the chart. A text's bytes per token are known from its validation. */
export function unitScale({ validation }: Pick<RunView, "validation">, unit: ChartOptions["unit"]): number {
  if (unit === "nats") return 1;
  const last = validation.at(-1);
  return last === undefined || last.loss === 0 ? 1 / Math.LN2 : last.bitsPerByte / last.loss;
}

export function curvesOf(run: Pick<RunView, "training" | "validation">, options: ChartOptions): RunCurves {
  const scale = unitScale(run, options.unit);
  const curve = (points: readonly (Position & { readonly loss: number })[]) => {
    const shown = points.filter((point) => !options.logAcross || point[options.across] > 0);
    return { x: shown.map((point) => point[options.across]), y: shown.map((point) => point.loss * scale) };
  };
  const raw = curve(run.training);
  const smooth = { x: raw.x, y: smoothed(raw.y, options.smoothing) };
  return { raw: thinned(raw), smooth: thinned(smooth), validation: thinned(curve(run.validation)) };
}

/** The losses on the text that was learned before a skill. */
export function curveOfOld({ validation }: Pick<RunView, "validation">, options: ChartOptions): Curve {
  const points = validation.flatMap(({ oldLoss, oldBitsPerByte, ...point }) => {
    // Its tokens have as many bytes as they have, whatever those of the text have that is learned now.
    const y = options.unit === "nats" ? oldLoss : oldBitsPerByte;
    return y === undefined || (options.logAcross && point[options.across] <= 0)
      ? []
      : [{ x: point[options.across], y }];
  });
  return thinned({ x: points.map(({ x }) => x), y: points.map(({ y }) => y) });
}

/** Exponential moving average; over the first points, where the loss falls fast, over fewer of them. */
export function smoothed(values: readonly number[], most: number): number[] {
  let average = values[0] ?? 0;
  return values.map((value, index) => {
    const weight = Math.min(most, index / (index + 8));
    average = weight * average + (1 - weight) * value;
    return average;
  });
}

/** The mean of neighbours, where there are more points than are drawn; the last point stays where it is. */
function thinned({ x, y }: Curve): Curve {
  const size = Math.ceil(x.length / MOST_DRAWN);
  if (size <= 1) return { x, y };
  const starts = Array.from({ length: Math.ceil(x.length / size) }, (_, index) => index * size);
  return {
    x: starts.map((start) => x[Math.min(start + size, x.length) - 1] ?? 0),
    y: starts.map((start) => mean(y.slice(start, start + size))),
  };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
