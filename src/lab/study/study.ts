/** Running a study: every cell with each learning rate of its grid, then with every seed at the best one. */

import { join } from "node:path";
import type { TrainingEvent } from "../../configuration/index.ts";
import { required } from "../../required.ts";
import type { Device } from "../../runtime/index.ts";
import type { Corpus } from "../../text/index.ts";
import type { Cell } from "./cells.ts";
import { baseOf, cellsOf, type StudyPlan } from "./plan.ts";
import { Pool } from "./pool.ts";
import type { CellResult, RunResult } from "./results.ts";
import { forgetWeights, makeRun, resultOf, type StudyRun } from "./run.ts";
import { onceFree } from "./taken.ts";

/** The seed with which learning rates are chosen, and nothing else. */
export const TUNING_SEED = 1000;

export interface StudyOptions {
  readonly plan: StudyPlan;
  readonly corpus: Corpus;
  /**
   * Where all runs are kept. A study that was stopped goes on from what is there. Several processes may share it: each run is made
   * by the first that takes it.
   */
  readonly directory: string;
  /** One run goes on at a time on each. */
  readonly devices: readonly Device[];
  /** Ends the runs under way with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: StudyEvent) => void;
}

export type StudyEvent =
  | { readonly type: "training"; readonly run: StudyRun; readonly event: TrainingEvent }
  /** A run that is done; `made`, if it was made now and not read from an earlier time. */
  | { readonly type: "run"; readonly run: StudyRun; readonly result: RunResult; readonly made: boolean }
  /** A run that another process makes, which is waited for: `words` name it. */
  | { readonly type: "waiting"; readonly run: StudyRun; readonly words: string };

/** What a study has done, by the ids of cells; some are missing if it was stopped. */
export interface StudyOutcome {
  readonly cells: ReadonlyMap<string, CellResult>;
  readonly runs: number;
  readonly flops: number;
  readonly seconds: number;
  readonly interrupted: boolean;
}

/** Makes all runs of a plan that are not made yet. At an error the runs under way end with a checkpoint, and then it is thrown. */
export async function runStudy(options: StudyOptions): Promise<StudyOutcome> {
  return new Study(options).run();
}

/** The runs of a plan that are done in a folder. */
export async function runsDone(options: Omit<StudyOptions, "signal" | "onEvent">): Promise<StudyRun[]> {
  const done: StudyRun[] = [];
  const onEvent = ({ type, run }: StudyEvent) => void (type === "run" && done.push(run));
  await runStudy({ ...options, signal: AbortSignal.abort(), onEvent });
  return done;
}

class Study {
  readonly #options: StudyOptions;
  readonly #devices: Pool<Device>;
  readonly #cells: ReadonlyMap<string, Cell>;
  readonly #base: Cell | undefined;
  readonly #results = new Map<string, Promise<CellResult | undefined>>();
  #spent = { runs: 0, flops: 0, seconds: 0 };

  constructor(options: StudyOptions) {
    this.#options = options;
    this.#devices = new Pool(options.devices, options.signal);
    this.#cells = new Map(cellsOf(options.plan).map((cell) => [cell.id, cell]));
    this.#base = baseOf(options.plan);
  }

  async run(): Promise<StudyOutcome> {
    const all = [...this.#cells.keys()];
    const results = await this.#devices.whole(() => Promise.all(all.map((id) => this.#cell(id))));
    const done = results.filter((result) => result !== undefined);
    return {
      cells: new Map(done.map((result) => [result.id, result])),
      ...this.#spent,
      interrupted: done.length < results.length,
    };
  }

  /** The result of a cell; undefined if the study was stopped before it was done. */
  #cell(id: string): Promise<CellResult | undefined> {
    const existing = this.#results.get(id);
    if (existing !== undefined) return existing;
    const result = this.#measure(required(this.#cells, id));
    this.#results.set(id, result);
    return result;
  }

  async #measure(cell: Cell): Promise<CellResult | undefined> {
    // Without it the study was stopped, and nothing is made from it; but what is there is told.
    const base = cell.from === undefined ? undefined : await this.#cell(cell.from);
    const grid = await this.#grid(cell, base);
    const learningRate = grid?.[0]?.learningRate;
    if (grid === undefined || learningRate === undefined) return undefined;
    const seeds = Array.from({ length: this.#options.plan.study.seeds }, (_, index) => index + 1);
    const runs = await Promise.all(seeds.map((seed) => this.#run(cell, learningRate, seed, base)));
    const done = runs.filter((run) => run !== undefined);
    if (done.length < runs.length) return undefined;
    const stage = cell.milestones.at(-1)?.stage ?? 0;
    const sorted = grid.flatMap(({ learningRate, loss }) => (loss === undefined ? [] : [{ learningRate, loss }]));
    return {
      id: cell.id,
      stage,
      grid: sorted.toSorted((a, b) => a.learningRate - b.learningRate),
      learningRate,
      runs: done,
    };
  }

  /** The learning rates tried, the best first. A grid of one needs no runs. */
  async #grid(cell: Cell, base: CellResult | undefined) {
    const { learningRates, extensions } = this.#options.plan.study;
    const [only] = learningRates;
    if (learningRates.length === 1) return [{ learningRate: only, loss: undefined }];
    const tried = new Map<number, number>();
    let wanted: readonly number[] = learningRates;
    for (let round = 0; wanted.length > 0; round++) {
      const runs = await Promise.all(wanted.map((rate) => this.#run(cell, rate, TUNING_SEED, base)));
      if (runs.some((run) => run === undefined)) return undefined;
      for (const run of runs) if (run !== undefined) tried.set(run.learningRate, finalLoss(run));
      wanted = round < extensions ? beyond(tried) : [];
    }
    return [...tried].map(([learningRate, loss]) => ({ learningRate, loss })).toSorted((a, b) => a.loss - b.loss);
  }

  async #run(cell: Cell, rate: number, seed: number, base: CellResult | undefined): Promise<RunResult | undefined> {
    const run: StudyRun = {
      cell,
      learningRate: rate,
      seed,
      directory: this.#directory(cell.id, rate, seed),
      ...(base !== undefined && { from: this.#directory(base.id, base.learningRate, seed) }),
      keep: cell.id === this.#base?.id,
    };
    return onceFree(
      async () => {
        const existing = await resultOf(run);
        if (existing === undefined) return this.#devices.use((device) => this.#made(run, device));
        // A process may have ended between the result and this; one that only looks changes nothing.
        if (!run.keep && !this.#devices.signal.aborted) await forgetWeights(run.directory);
        return this.#done(run, existing, false);
      },
      (words) => this.#options.onEvent?.({ type: "waiting", run, words }),
    );
  }

  async #made(run: StudyRun, device: Device): Promise<RunResult | undefined> {
    const { corpus, onEvent } = this.#options;
    const outcome = await makeRun(run, {
      corpus,
      device,
      onEvent: (event) => onEvent?.({ type: "training", run, event }),
      signal: this.#devices.signal,
    });
    return outcome && this.#done(run, outcome.result, outcome.made);
  }

  #done(run: StudyRun, result: RunResult, made: boolean): RunResult {
    const last = result.curve.at(-1);
    const first = result.curve.find(({ step }) => step === run.cell.begins);
    this.#spent = {
      runs: this.#spent.runs + 1,
      flops: this.#spent.flops + (last?.flops ?? 0) - (first?.flops ?? 0),
      seconds: this.#spent.seconds + (last?.seconds ?? 0) - (first?.seconds ?? 0),
    };
    this.#options.onEvent?.({ type: "run", run, result, made });
    return result;
  }

  #directory(id: string, learningRate: number, seed: number): string {
    return join(this.#options.directory, "runs", id.replaceAll("/", "-"), `rate-${learningRate}-seed-${seed}`);
  }
}

/** The last validation loss; infinite if it diverged. */
export function finalLoss({ curve, diverged }: RunResult): number {
  return diverged === undefined ? (curve.at(-1)?.loss ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}

/** The learning rate to try next, where the best is the lowest or the highest that was tried. */
function beyond(tried: ReadonlyMap<number, number>): number[] {
  const rates = [...tried.keys()].toSorted((a, b) => a - b);
  const best = [...tried].toSorted(([, a], [, b]) => a - b)[0]?.[0];
  if (best === undefined) return [];
  if (best === rates[0]) return [best / 2];
  return best === rates.at(-1) ? [best * 2] : [];
}
