/** What a frontier has measured, as plain data, and what it says. */

import type { FrontierArm } from "./config.ts";
import { type DocumentLoss, type Half, halfOf } from "./documents.ts";
import type { Maker } from "./run.ts";

/** A branch at its end. */
export interface Point {
  readonly track: string;
  readonly arm: FrontierArm;
  /** Index of the budget. */
  readonly budget: number;
  readonly seed: number;
  /** Learning rates of the trunk's segments. */
  readonly rates: readonly number[];
  readonly steps: number;
  readonly tokens: number;
  /** Floating-point operations, earlier cooldowns of the same trunk included. */
  readonly flops: number;
  readonly seconds: number;
  /** The losses in nats per token of each held-out document. */
  readonly documents: readonly DocumentLoss[];
  /** Why it ended before its time. */
  readonly diverged?: string;
  /** Who made the branch; missing in what earlier versions made. */
  readonly maker?: Maker;
}

/**
 * The learning rates that were tried for a track at a budget, each with its loss on the half of the documents for that: infinite where
 * it diverged, which a file of JSON has as null.
 */
export interface Tuning {
  readonly track: string;
  readonly budget: number;
  readonly grid: readonly { readonly learningRate: number; readonly loss: number }[];
  readonly learningRate: number;
}

/** A size of the ladder. */
export interface Rung {
  readonly attention: number;
  readonly feedForward: number;
  /** Parameters of the TokenFormer; the Transformer has nearly as many. */
  readonly parameters: number;
  readonly transformerParameters: number;
}

export interface FrontierResults {
  readonly name: string;
  /** The day it was measured, such as "2026-11-24". */
  readonly date: string;
  readonly machine: string;
  readonly software: string;
  /** How to run it again. */
  readonly command: string;
  readonly data: { readonly name: string; readonly documents: number; readonly heldOutTokens: number };
  readonly rungs: readonly Rung[];
  /** Floating-point operations. */
  readonly budgets: readonly number[];
  /** Ids of the tracks that the plan has, by arm. */
  readonly tracks: readonly { readonly id: string; readonly arm: FrontierArm; readonly budgets: readonly number[] }[];
  /** Runs planned at each budget. */
  readonly seeds: readonly number[];
  readonly points: readonly Point[];
  readonly tunings: readonly Tuning[];
}

/** The mean loss over the tokens of a half of the documents; infinite if it diverged. */
export function lossOf({ documents, diverged }: Pick<Point, "documents" | "diverged">, half: Half): number {
  return diverged === undefined ? meanLoss(halfOf(documents, half)) : Number.POSITIVE_INFINITY;
}

/** The mean over the tokens of some documents. */
export function meanLoss(documents: readonly DocumentLoss[]): number {
  const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
  return documents.reduce((sum, document) => sum + document.loss * document.tokens, 0) / tokens;
}

/** The runs of a track at a budget. */
export function pointsOf({ points }: FrontierResults, track: string, budget: number): Point[] {
  return points.filter((point) => point.track === track && point.budget === budget);
}

export interface Best {
  readonly track: string;
  readonly points: readonly Point[];
  /** The mean loss on the half of the documents that was not chosen by. */
  readonly loss: number;
}

/** The best of the models from scratch of a family: the one that is best at a budget by the half of the documents for choosing. */
export function bestOf(results: FrontierResults, arm: "scratch" | "rotary", budget: number): Best | undefined {
  const tracks = results.tracks.filter((track) => track.arm === arm);
  const found = tracks.flatMap(({ id }) => {
    const points = pointsOf(results, id, budget);
    return points.length === 0 ? [] : [{ track: id, points, chosenBy: meanOver(points, "tuning") }];
  });
  const best = found.toSorted((a, b) => a.chosenBy - b.chosenBy)[0];
  return best && { track: best.track, points: best.points, loss: meanOver(best.points, "report") };
}

/** The mean of the losses of some runs. */
export function meanOver(points: readonly Point[], half: Half): number {
  return points.reduce((sum, point) => sum + lossOf(point, half), 0) / points.length;
}
