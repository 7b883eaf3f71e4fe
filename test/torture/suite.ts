/** The torture suite: parts made trial by trial, each known by the suite's seed, its part and its number. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { CommandHost } from "../support/program.ts";
import type { Counts, Part } from "./part.ts";

/** What came of a part. */
export interface PartResult {
  readonly part: string;
  readonly title: string;
  readonly seed: number;
  /** Trials made, of those that there are. */
  readonly done: number;
  readonly count: number;
  readonly counts: Counts;
  readonly failures: readonly { readonly trial: number; readonly message: string }[];
  readonly seconds: number;
}

export interface SuiteOptions {
  readonly seed: number;
  readonly short?: boolean;
  /** Whether a command is tried where a part tries many. Default: all are. */
  readonly isTried?: (command: string) => boolean;
  /** Runs commands to which nothing happens. Default: one for this part alone. */
  readonly host?: CommandHost;
  /** The first trial to make, and what those before it came to. Default: the first there is. */
  readonly from?: PartResult | undefined;
  /** Makes this trial alone. */
  readonly trial?: number | undefined;
  /** No trial is begun after so many. Default: no limit. */
  readonly seconds?: number;
  /** Told of each trial. */
  readonly note?: (result: PartResult) => Promise<void> | void;
}

/** Makes the trials of a part. A failure is kept, and the next trial made. */
export async function torture(part: Part, options: SuiteOptions): Promise<PartResult> {
  const { seed, short = false, isTried = () => true, from, trial: only, seconds = Infinity, note } = options;
  const folder = await mkdtemp(join(tmpdir(), `tokenformer-torture-${part.name}-`));
  const host = options.host ?? new CommandHost();
  const begun = performance.now();
  let result: PartResult = from ?? {
    part: part.name,
    title: part.title,
    seed,
    done: 0,
    count: 0,
    counts: {},
    failures: [],
    seconds: 0,
  };
  const before = result.seconds;
  const elapsed = () => (performance.now() - begun) / 1000;
  try {
    const setting = { folder, host, short, isTried, random: Random.from("torture", seed, part.name) };
    const trials = await part.begin(setting);
    try {
      const last = only === undefined ? trials.count : Math.min(trials.count, only + 1);
      for (let index = only ?? result.done; index < last && elapsed() < seconds; index++) {
        const outcome = await outcomeOf(() => trials.trial(index, Random.from("torture", seed, part.name, index)));
        const failures = [...result.failures, ...outcome.failed.map((message) => ({ trial: index, message }))];
        const counts = sum(result.counts, outcome.counts);
        result = { ...result, done: result.done + 1, count: last, counts, failures, seconds: before + elapsed() };
        await note?.(result);
      }
      return { ...result, count: trials.count, seconds: before + elapsed() };
    } finally {
      await trials.close();
    }
  } finally {
    if (options.host === undefined) await host.close();
    await rm(folder, { recursive: true });
  }
}

async function outcomeOf(work: () => Promise<Counts>): Promise<{ counts: Counts; failed: string[] }> {
  try {
    return { counts: await work(), failed: [] };
  } catch (error) {
    return { counts: {}, failed: [messageOf(error)] };
  }
}

function sum(counts: Counts, more: Counts): Counts {
  const names = new Set([...Object.keys(counts), ...Object.keys(more)]);
  return Object.fromEntries([...names].map((name) => [name, (counts[name] ?? 0) + (more[name] ?? 0)]));
}
