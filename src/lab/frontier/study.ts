/**
 * Running the study `frontier`: budget by budget from the smallest, for each track first every learning rate of the grid with a
 * seed of its own, then every seed at the best one.
 */

import { setTimeout } from "node:timers/promises";
import { FolderTakenError } from "../../formats/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { Corpus } from "../../text/index.ts";
import { Pool, TUNING_SEED } from "../study/index.ts";
import { seedsAt } from "./config.ts";
import { documentsOf } from "./documents.ts";
import { costOfPart, type FrontierCost } from "./estimate.ts";
import { type FrontierPlan, isTuned, type Track } from "./plan.ts";
import { lossOf, type Point, type Tuning } from "./results.ts";
import {
  branchOf,
  folderOf,
  forgetWeights,
  makeBranch,
  makeSegment,
  type Place,
  resultIn,
  type Work,
  type Workplace,
} from "./run.ts";

/** Milliseconds after which work that another process does is looked for again. */
const LOOK_AGAIN_AFTER = 1000;

/** A point is tried at this times the rate, or one over it, where the best is at the edge of the grid. */
const RATE_STEP = Math.SQRT2;

/** A loss that no point has: what is there is preferred to what is not. */
const WORSE_THAN_ANY = 1e6;

export interface FrontierOptions {
  readonly plan: FrontierPlan;
  readonly corpus: Corpus;
  /**
   * Where all runs are kept. A study that was stopped goes on from what is there. Several processes may share it: each segment and
   * branch is made by the first that takes it.
   */
  readonly directory: string;
  /** One run goes on at a time on each. */
  readonly devices: readonly Device[];
  /** Ends the runs under way with a checkpoint. */
  readonly signal?: AbortSignal;
  /** A function that is told of each branch that is done: `made` where it was done now. */
  readonly onBranch?: (place: Place, work: Work, made: boolean) => void;
  /** A function that is told of the folder of each segment and branch that is done, also where it was done before. */
  readonly onPart?: (folder: string) => void;
}

/** What a frontier has done; some is missing if it was stopped. */
export interface FrontierOutcome {
  readonly points: readonly Point[];
  readonly tunings: readonly Tuning[];
  readonly interrupted: boolean;
}

/** Makes all that a plan lacks yet. */
export async function runFrontier(options: FrontierOptions): Promise<FrontierOutcome> {
  return new Frontier(options, new DeviceMakers(options)).run();
}

/**
 * What a plan lacks: the cost of each segment and branch that is still to be made, by its folder. Where learning rates have not been
 * tried yet, as if the one in the middle of the grid were going to be the best.
 */
export async function partsLeft(options: FrontierFolder): Promise<ReadonlyMap<string, FrontierCost>> {
  const parts = new Map<string, FrontierCost>();
  const { learningRates } = options.plan.study;
  const middle = learningRates[Math.floor((learningRates.length - 1) / 2)] ?? Number.NaN;
  const foreseen = async (kind: "trunk" | "branch", place: Place): Promise<Work> => {
    const folder = folderOf(options, kind, place);
    const existing = await resultIn(folder);
    if (existing !== undefined) return existing;
    const [cost, loss] = [
      costOfPart(kind, place),
      WORSE_THAN_ANY + Math.abs(Math.log((place.rates.at(-1) ?? 0) / middle)),
    ];
    parts.set(folder, cost);
    return { ...cost, tokens: 0, seconds: 0, documents: [1, 1].map((tokens) => ({ loss, tokens })) };
  };
  const makers: Makers = {
    segment: (place) => foreseen("trunk", place),
    branch: (place) => foreseen("branch", place),
  };
  await new Frontier(options, makers).run();
  return parts;
}

/** How a segment or a branch comes about, where there is none that is known of; undefined where it did not. */
interface Makers {
  segment(place: Place): Promise<Work | undefined>;
  branch(place: Place): Promise<Work | undefined>;
}

type FrontierFolder = Pick<FrontierOptions, "plan" | "directory">;

/** The order of the work, whatever makes it. */
class Frontier {
  readonly #options: FrontierFolder & Pick<FrontierOptions, "onBranch">;
  readonly #makers: Makers;
  readonly #segments = new Map<string, Promise<Work | undefined>>();
  readonly #points: Point[] = [];
  readonly #tunings: Tuning[] = [];
  /** The rates chosen so far for the segments of climbing tracks. */
  readonly #chosen = new Map<string, readonly number[]>();

  constructor(options: FrontierFolder & Pick<FrontierOptions, "onBranch">, makers: Makers) {
    this.#options = options;
    this.#makers = makers;
  }

  async run(): Promise<FrontierOutcome> {
    const { tracks, budgets } = this.#options.plan;
    let interrupted = false;
    for (const budget of budgets.keys()) {
      const done = await Promise.all(
        tracks.map(async (track) => {
          const index = track.branches.findIndex((branch) => branch.budget === budget);
          return index < 0 || (await this.#measure(track, index));
        }),
      );
      // What later budgets have already is told all the same.
      interrupted ||= done.includes(false);
    }
    const order = (id: string) => tracks.findIndex((track) => track.id === id);
    const sorted = this.#points.toSorted(
      (a, b) => a.budget - b.budget || order(a.track) - order(b.track) || a.seed - b.seed,
    );
    return { points: sorted, tunings: this.#tunings, interrupted };
  }

  /** Whether all runs of a track at a budget are done. */
  async #measure(track: Track, index: number): Promise<boolean> {
    const { study } = this.#options.plan;
    const { budget } = branchOf({ track, index });
    const rates = await this.#tuned(track, index);
    if (rates === undefined) return false;
    const seeds = Array.from({ length: seedsAt(study, budget) }, (_, number) => number + 1);
    const works = await Promise.all(
      seeds.map(async (seed) => {
        const place = { track, index, rates, seed };
        const work = await this.#branch(place);
        if (work !== undefined) this.#points.push({ track: track.id, arm: track.arm, budget, rates, seed, ...work });
        return work;
      }),
    );
    return !works.includes(undefined);
  }

  /** The rates of the segments up to a branch: the last one, or all alike, by the loss on the half of the documents for that. */
  async #tuned(track: Track, index: number): Promise<readonly number[] | undefined> {
    const { learningRates, extensions } = this.#options.plan.study;
    const before = track.climbs ? (this.#chosen.get(track.id) ?? []) : [];
    const ratesOf = (rate: number) => [...before, ...Array.from({ length: index + 1 - before.length }, () => rate)];
    const tried = new Map<number, number>();
    let wanted: readonly number[] = isTuned(this.#options.plan.study, track, index) ? learningRates : [];
    for (let round = 0; wanted.length > 0; round++) {
      const works = await Promise.all(
        wanted.map((rate) => this.#branch({ track, index, rates: ratesOf(rate), seed: TUNING_SEED })),
      );
      for (const [at, work] of works.entries()) {
        if (work === undefined) return undefined;
        tried.set(wanted[at] ?? Number.NaN, lossOf(work, "tuning"));
      }
      wanted = round < extensions ? beyond(tried) : [];
    }
    const grid = [...tried].map(([learningRate, loss]) => ({ learningRate, loss }));
    const [first = Number.NaN] = this.#chosen.get(track.id)?.slice(-1) ?? learningRates;
    const best = grid.toSorted((a, b) => a.loss - b.loss)[0]?.learningRate ?? first;
    const { budget } = branchOf({ track, index });
    this.#tunings.push({
      track: track.id,
      budget,
      grid: grid.toSorted((a, b) => a.learningRate - b.learningRate),
      learningRate: best,
    });
    const rates = ratesOf(best);
    this.#chosen.set(track.id, rates);
    return rates;
  }

  async #branch(place: Place): Promise<Work | undefined> {
    const existing = await resultIn(folderOf(this.#options, "branch", place));
    const work = existing ?? (await this.#newBranch(place));
    if (work !== undefined) this.#options.onBranch?.(place, work, existing === undefined);
    return work;
  }

  async #newBranch(place: Place): Promise<Work | undefined> {
    const segment = await this.#segment(place);
    if (segment === undefined || segment.diverged !== undefined) return segment;
    return this.#makers.branch(place);
  }

  /** A segment, and those before it. Asked for twice, it is made once. */
  #segment(place: Place): Promise<Work | undefined> {
    const folder = folderOf(this.#options, "trunk", place);
    const segment = this.#segments.get(folder) ?? this.#newSegment(place);
    this.#segments.set(folder, segment);
    return segment;
  }

  async #newSegment(place: Place): Promise<Work | undefined> {
    if (place.index > 0) {
      const before = await this.#segment({ ...place, index: place.index - 1 });
      if (before === undefined || before.diverged !== undefined) return before;
    }
    return this.#makers.segment(place);
  }
}

/** Makes segments and branches on devices, one at a time on each. */
class DeviceMakers implements Makers {
  readonly #site: Workplace;
  readonly #devices: Pool<Device>;
  readonly #onPart: FrontierOptions["onPart"];

  constructor({ plan, corpus, directory, signal, devices, onPart }: FrontierOptions) {
    this.#site = { plan, corpus, directory, signal, documents: documentsOf(corpus, plan.study.model.context) };
    this.#devices = new Pool(devices);
    this.#onPart = onPart;
  }

  segment(place: Place): Promise<Work | undefined> {
    return this.#once("trunk", place, (device) => makeSegment(place, this.#site, device));
  }

  async branch(place: Place): Promise<Work | undefined> {
    const work = await this.#once("branch", place, (device) => makeBranch(place, this.#site, device));
    if (work !== undefined) await forgetWeights(this.#site, place);
    return work;
  }

  /** Work that another process may be doing, or have done. */
  async #once(
    kind: "trunk" | "branch",
    place: Place,
    make: (device: Device) => Promise<Work | undefined>,
  ): Promise<Work | undefined> {
    const folder = folderOf(this.#site, kind, place);
    for (;;) {
      try {
        const work =
          (await resultIn(folder)) ??
          (await this.#devices.use(async (device) => (this.#site.signal?.aborted ? undefined : make(device))));
        if (work !== undefined) this.#onPart?.(folder);
        return work;
      } catch (error) {
        if (!(error instanceof FolderTakenError)) throw error;
        await setTimeout(LOOK_AGAIN_AFTER);
      }
    }
  }
}

/** The learning rate to try next, where the best is the lowest or the highest that was tried. */
function beyond(tried: ReadonlyMap<number, number>): number[] {
  const rates = [...tried.keys()].toSorted((a, b) => a - b);
  const best = [...tried].toSorted(([, a], [, b]) => a - b)[0]?.[0];
  if (best === undefined) return [];
  if (best === rates[0]) return [rounded(best / RATE_STEP)];
  return best === rates.at(-1) ? [rounded(best * RATE_STEP)] : [];
}

/** A rate to three digits, by which folders are named. */
const rounded = (rate: number) => Number(rate.toPrecision(3));
