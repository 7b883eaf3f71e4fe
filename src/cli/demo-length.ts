/** How many updates `demo` makes: fewer where a machine is slow, so that it ends in about two minutes. */

import type { Config } from "../configuration/index.ts";
import { EMBEDDED } from "../data/index.ts";
import { median } from "../median.ts";
import type { DeviceName } from "../runtime/index.ts";
import { openRun } from "../training/index.ts";

/** Seconds for the updates: the rest of two minutes are installation, evaluations and samples. */
const SECONDS = 75;

/** An update takes so many times as long on average as the first, as the model grows to half as large again, and to twice. */
const AVERAGE = 1.5;

/** Updates, at least: fewer learn too little to be shown. */
const LEAST = 240;

/** Updates that are not timed, as the first are slower; then those that are. */
const WARM = 4;
const TIMED = 12;

/** Milliseconds of an update of the model as it begins, on a run that is thrown away. */
export async function millisecondsOfUpdate(config: Config, device: DeviceName): Promise<number> {
  const training = { ...config.training, steps: WARM + TIMED, evaluateEvery: 0, checkpointEvery: 0 };
  const short = { ...config, growth: [], training: { ...training, evaluationTokens: config.model.context } };
  const run = await openRun({ config: short, data: EMBEDDED, device });
  const times: number[] = [];
  try {
    let before = performance.now();
    for await (const { type } of run.events()) {
      const now = performance.now();
      if (type === "step") times.push(now - before);
      before = now;
    }
  } finally {
    await run.close();
  }
  return median(times.slice(WARM));
}

/** The updates that end in time, a multiple of six: growths come after thirds of them, evaluations after sixths. */
export function updatesInTime(milliseconds: number, most: number): number {
  const fitting = Math.floor((1000 * SECONDS) / (AVERAGE * milliseconds));
  const steps = Math.min(most, Math.max(Math.min(LEAST, most), fitting));
  return Math.max(6, steps - (steps % 6));
}
