/** Logarithmic axes of FLOPs, tokens, seconds and learning rates. */

import type { Range } from "../../report/curve.ts";
import type { Axis } from "../../report/figure.ts";
import { formatCount, formatDuration, formatFlops } from "../../report/format.ts";
import type { Budget } from "../crossings.ts";

export const log10 = (values: Range): Range => [Math.log10(values[0]), Math.log10(values[1])];

/** The axis of a budget, in the logarithm to base 10 of FLOPs, tokens or seconds. */
export function budgetAxis(budget: Budget, range: Range, pixels: number): Axis {
  const { label, format } = budgets[budget];
  const ticks = budget === "seconds" ? timeTicks(range, pixels / 75) : decimalTicks(range, pixels / 75);
  return { label, ticks: ticks.map(Math.log10), format: (value) => format(10 ** value) };
}

const budgets: Readonly<Record<Budget, { readonly label: string; readonly format: (value: number) => string }>> = {
  flops: { label: "cumulative FLOPs of training", format: formatFlops },
  tokens: { label: "training tokens", format: formatCount },
  seconds: { label: "time of training", format: formatDuration },
};

/** 1, 2, 5, 10, … within a range of positive numbers, or fewer if there would be more than `most`. */
export function decimalTicks([low, high]: Range, most: number): number[] {
  const first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, at) => first + at);
  const within = (digits: readonly number[]) =>
    powers
      .flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)))
      .filter((tick) => tick >= low && tick <= high);
  const [many, some, few] = [within([1, 2, 5]), within([1, 3]), within([1])];
  return many.length <= most ? many : some.length <= most || few.length < 2 ? some : few;
}

const times = [1, 10, 60, 600, 3600, 36_000, 360_000, 3_600_000];
const moreTimes = [1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10_800, 36_000, 108_000, 360_000, 1_080_000, 3_600_000];

function timeTicks([low, high]: Range, most: number): number[] {
  const within = (all: readonly number[]) => all.filter((tick) => tick >= low && tick <= high);
  const many = within(moreTimes);
  return many.length <= most ? many : within(times);
}
