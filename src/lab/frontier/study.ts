/**
 * Running the study `frontier`: budget by budget from the smallest, for each track first every learning rate of the grid with a
 * seed of its own, then every seed at the best one.
 */

import { hasCheckpoint } from "../../checkpoint/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { Corpus } from "../../text/index.ts";
import { onceFree, Pool, TUNING_SEED } from "../study/index.ts";
import { seedsAt } from "./config.ts";
import { documentsOf } from "./documents.ts";
import { costOfPart, type FrontierCost, type MadePart, sumOf } from "./estimate.ts";
import { type FrontierPlan, isTuned, type Track } from "./plan.ts";
import { lossOf, type Point, type Tuning } from "./results.ts";
import {
  branchOf,
  folderOf,
  forgetWeights,
  type MadeWork,
  type Maker,
  makeBranch,
  makeSegment,
  type Part,
  type Place,
  resultIn,
  segmentIn,
  type Work,
  type Workplace,
} from "./run.ts";

/** A point is tried at this times the rate, or one over it, where the best is at the edge of the grid. */
const RATE_STEP = Math.SQRT2;

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
  /** A function that is told what a segment or a branch cost that this process has made, and how long it took. */
  readonly onPart?: (made: MadePart) => void;
  /** A function that is told once of each segment or branch that is waited for, as another process makes it: the words name that. */
  readonly onWaiting?: (words: string) => void;
  /** Who makes what is made, which its results keep. Default: they do not say. */
  readonly maker?: Maker;
}

/** What a frontier has done; some is missing if it was stopped. */
export interface FrontierOutcome {
  readonly points: readonly Point[];
  readonly tunings: readonly Tuning[];
  readonly interrupted: boolean;
}

/** Makes all that a plan lacks yet. At an error what is under way ends with a checkpoint, and then it is thrown. */
export async function runFrontier(options: FrontierOptions): Promise<FrontierOutcome> {
  const makers = new DeviceMakers(options);
  return makers.whole(() => new Frontier(options.plan, makers, options.onBranch).run());
}

/** What a folder has of a frontier, and what is still to be made. */
export interface FrontierSurvey {
  readonly done: FrontierCost;
  readonly left: FrontierCost;
}

/**
 * Looks up what a folder has of a plan. Where learning rates are still to be tried, the one that was best before, or the one in the
 * middle, is foreseen to be the best; a segment or branch that was stopped in its midst is still to be made as a whole.
 * @param directory default: none, which has nothing
 */
export async function surveyFrontier(plan: FrontierPlan, directory?: string): Promise<FrontierSurvey> {
  const done = new Map<string, FrontierCost>();
  const left = new Map<string, FrontierCost>();
  const note = (parts: Map<string, FrontierCost>, kind: Part, place: Place) =>
    parts.set(folderOf({ directory: "" }, kind, place), costOfPart(kind, place));
  const foreseen = async (kind: Part, place: Place): Promise<MadeWork> => {
    note(left, kind, place);
    return { work: { ...costOfPart(kind, place), tokens: 0, seconds: 0, documents: [] }, made: true };
  };
  const found = async (kind: Part, place: Place) => {
    const work = directory === undefined ? undefined : await foundIn(directory, kind, place);
    if (work === undefined) return undefined;
    note(done, kind, place);
    // What a branch started from was there, whether it still is or not.
    if (kind === "branch") note(done, "trunk", place);
    return work;
  };
  const makers: Makers = {
    foresees: true,
    found,
    segment: (place) => foreseen("trunk", place),
    branch: (place) => foreseen("branch", place),
  };
  await new Frontier(plan, makers, undefined).run();
  for (const folder of left.keys()) done.delete(folder);
  return { done: sumOf(done.values()), left: sumOf(left.values()) };
}

/** How segments and branches come about. Undefined where one did not. */
interface Makers {
  /** Whether they make nothing, and only say what it would cost. */
  readonly foresees: boolean;
  /** One that is there already. */
  found(kind: Part, place: Place): Promise<Work | undefined>;
  segment(place: Place): Promise<MadeWork | undefined>;
  branch(place: Place): Promise<MadeWork | undefined>;
}

function foundIn(directory: string, kind: Part, place: Place): Promise<Work | undefined> {
  const folder = folderOf({ directory }, kind, place);
  return kind === "trunk" ? segmentIn(folder) : resultIn(folder);
}

/** The order of the work, whatever makes it. */
class Frontier {
  readonly #plan: FrontierPlan;
  readonly #makers: Makers;
  readonly #onBranch: FrontierOptions["onBranch"];
  readonly #segments = new Map<string, Promise<MadeWork | undefined>>();
  readonly #points: Point[] = [];
  readonly #tunings: Tuning[] = [];
  /** The rates chosen so far for the segments of each track. */
  readonly #chosen = new Map<string, readonly number[]>();

  constructor(plan: FrontierPlan, makers: Makers, onBranch: FrontierOptions["onBranch"]) {
    this.#plan = plan;
    this.#makers = makers;
    this.#onBranch = onBranch;
  }

  async run(): Promise<FrontierOutcome> {
    const { tracks, budgets } = this.#plan;
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
    const tunings = this.#tunings.toSorted((a, b) => a.budget - b.budget || order(a.track) - order(b.track));
    return { points: sorted, tunings, interrupted };
  }

  /** Whether all runs of a track at a budget are done. */
  async #measure(track: Track, index: number): Promise<boolean> {
    const { study } = this.#plan;
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
    const { learningRates, extensions } = this.#plan.study;
    const before = track.climbs ? (this.#chosen.get(track.id) ?? []) : [];
    const ratesOf = (rate: number) => [...before, ...Array.from({ length: index + 1 - before.length }, () => rate)];
    const tried = new Map<number, number>();
    let wanted: readonly number[] = isTuned(this.#plan.study, track, index) ? learningRates : [];
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
    const known = bestOf(grid) ?? this.#chosen.get(track.id)?.at(-1);
    // None is known where the budget that it is kept from has not been tuned.
    if (known === undefined && learningRates.length > 1 && !this.#makers.foresees) return undefined;
    const learningRate = known ?? middleOf(learningRates);
    const { budget } = branchOf({ track, index });
    const sorted = grid.toSorted((a, b) => a.learningRate - b.learningRate);
    this.#tunings.push({ track: track.id, budget, grid: sorted, learningRate });
    const rates = ratesOf(learningRate);
    this.#chosen.set(track.id, rates);
    return rates;
  }

  async #branch(place: Place): Promise<Work | undefined> {
    const existing = await this.#makers.found("branch", place);
    const outcome = existing === undefined ? await this.#newBranch(place) : { work: existing, made: false };
    if (outcome !== undefined) this.#onBranch?.(place, outcome.work, outcome.made);
    return outcome?.work;
  }

  async #newBranch(place: Place): Promise<MadeWork | undefined> {
    const segment = await this.#segment(place);
    if (segment === undefined || segment.work.diverged !== undefined) return segment;
    return this.#makers.branch(place);
  }

  /** A segment, and those before it. Asked for twice, it is made once. */
  #segment(place: Place): Promise<MadeWork | undefined> {
    const name = folderOf({ directory: "" }, "trunk", place);
    const segment = this.#segments.get(name) ?? this.#newSegment(place);
    this.#segments.set(name, segment);
    return segment;
  }

  async #newSegment(place: Place): Promise<MadeWork | undefined> {
    const existing = await this.#makers.found("trunk", place);
    if (existing !== undefined) return { work: existing, made: false };
    if (place.index > 0) {
      const before = await this.#segment({ ...place, index: place.index - 1 });
      if (before === undefined || before.work.diverged !== undefined) return before;
    }
    return this.#makers.segment(place);
  }
}

/** Makes segments and branches on devices, one at a time on each. */
class DeviceMakers implements Makers {
  readonly foresees = false;
  readonly #site: Workplace;
  readonly #devices: Pool<Device>;
  readonly #count: number;
  readonly #onPart: FrontierOptions["onPart"];
  readonly #onWaiting: FrontierOptions["onWaiting"];

  constructor({ plan, corpus, directory, signal, maker, devices, onPart, onWaiting }: FrontierOptions) {
    this.#devices = new Pool(devices, signal);
    const documents = documentsOf(corpus, plan.study.model.context);
    this.#site = { plan, corpus, directory, signal: this.#devices.signal, maker, documents };
    this.#count = devices.length;
    this.#onPart = onPart;
    this.#onWaiting = onWaiting;
  }

  /** Work that needs what is made here. Where it fails, the error is thrown once nothing is made any more. */
  whole<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#devices.whole(work);
  }

  async found(kind: Part, place: Place): Promise<Work | undefined> {
    const work = await foundIn(this.#site.directory, kind, place);
    // A process may have ended between the result and this.
    if (work !== undefined && !this.#devices.signal.aborted) await forgetWeights(this.#site, place, kind, work);
    return work;
  }

  segment(place: Place): Promise<MadeWork | undefined> {
    return this.#once("trunk", place, (device) => makeSegment(place, this.#site, device));
  }

  branch(place: Place): Promise<MadeWork | undefined> {
    return this.#once("branch", place, (device) => makeBranch(place, this.#site, device));
  }

  /** Work that another process may be doing, or have done. */
  async #once(
    kind: Part,
    place: Place,
    make: (device: Device) => Promise<MadeWork | undefined>,
  ): Promise<MadeWork | undefined> {
    return onceFree(
      async () => {
        const existing = await this.found(kind, place);
        if (existing !== undefined) return { work: existing, made: false };
        return this.#devices.use(async (device) => {
          const isWhole = !(await hasCheckpoint(folderOf(this.#site, kind, place)));
          const startedAt = performance.now();
          const outcome = await make(device);
          const seconds = (performance.now() - startedAt) / 1000 / this.#count;
          if (outcome?.made) this.#onPart?.({ ...costOfPart(kind, place), ...(isWhole && { seconds }) });
          return outcome;
        });
      },
      (words) => this.#onWaiting?.(words),
    );
  }
}

/** The learning rate with the lowest loss, of those whose loss is known. */
function bestOf(grid: Tuning["grid"]): number | undefined {
  const known = grid.filter(({ loss }) => !Number.isNaN(loss));
  return known.toSorted((a, b) => a.loss - b.loss)[0]?.learningRate;
}

/** The one in the middle, or below it. */
function middleOf(learningRates: readonly number[]): number {
  const sorted = learningRates.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The learning rate to try next, where the best is the lowest or the highest that was tried. */
function beyond(tried: ReadonlyMap<number, number>): number[] {
  // Of what is only foreseen no loss is known.
  if ([...tried.values()].some(Number.isNaN)) return [];
  const rates = [...tried.keys()].toSorted((a, b) => a - b);
  const best = [...tried].toSorted(([, a], [, b]) => a - b)[0]?.[0];
  if (best === undefined) return [];
  if (best === rates[0]) return [rounded(best / RATE_STEP)];
  return best === rates.at(-1) ? [rounded(best * RATE_STEP)] : [];
}

/** A rate to three digits, by which folders are named. */
const rounded = (rate: number) => Number(rate.toPrecision(3));
