/** The way to grow that all others are compared with: the study's own. */

import { tauOf } from "../../growth/index.ts";
import { type CompleteStudy, sizeOf, tokenFormerOf } from "./models.ts";
import type { Variant } from "./variants.ts";

/** The id of the reference among the variants. */
export const REFERENCE = "reference";

/** The reference of the growth to a size, with a sentence on what the study's configuration makes of it. */
export function referenceOf(study: CompleteStudy, stage: number): Variant {
  const parts = [...startOf(study, stage), ...ratesOf(study), stepOf(study, stage)];
  return { id: REFERENCE, label: "reference", doc: `${parts.join(", ")}.` };
}

const inits: Readonly<Record<string, string>> = {
  "zero-key": "Zero keys",
  "zero-value": "Zero values",
  split: "Copies of the old tokens whose values share the old ones",
  random: "Keys and values drawn",
};

const moments: Readonly<Record<CompleteStudy["growth"]["optimizer"], string>> = {
  "new-only": "moments kept and new tokens counting their own updates",
  keep: "moments kept and new tokens sharing the old ones' count of updates",
  reset: "all moments from zero",
};

function startOf(study: CompleteStudy, stage: number): string[] {
  const { init, rampSteps, optimizer, freeze } = study.growth;
  const tau = tauOf(study.growth, tokenFormerOf(study, sizeOf(study, stage - 1)));
  const taus = {
    fixed: "τ as it was",
    "sqrt-n": "τ = √n at once",
    ramp: `τ from its old value to √n over ${rampSteps} updates`,
    learned: "τ learned, from its old value on",
  };
  const trained = freeze === 0 ? "everything trained" : `the old tokens frozen for ${freeze} updates`;
  return [inits[init] ?? `New tokens by ${init}`, taus[tau], moments[optimizer], trained];
}

function ratesOf({ growth, training }: CompleteStudy): string[] {
  const { newWarmup, newRate, newRateSteps, rewarm } = growth;
  const { schedule, warmup } = training;
  const shapes = {
    cosine: "a cosine",
    constant: "a constant rate",
    "warmup-stable-decay": "a constant rate that falls at the end",
  };
  return [
    ...(newWarmup > 0 ? [`the learning rate of new tokens rising over ${newWarmup} updates`] : []),
    ...(newRate === 1
      ? []
      : [`new tokens at ${newRate} times the rate at first, falling over ${newRateSteps} updates`]),
    ...(rewarm > 0 ? [`the learning rate of all rising again over ${rewarm} updates`] : []),
    `the schedule from its start (${warmup > 0 ? `a warm-up of ${warmup} updates, then ` : ""}${shapes[schedule]})`,
  ];
}

function stepOf(study: CompleteStudy, stage: number): string {
  const [old, now] = [sizeOf(study, stage - 1), sizeOf(study, stage)];
  const isDoubled = now.attention === 2 * old.attention && now.feedForward === 2 * old.feedForward;
  return isDoubled
    ? "all sites doubled at once"
    : `from ${old.attention} to ${now.attention} tokens at each attention projection and from ${old.feedForward} to ${now.feedForward} at the feed-forward layer at once`;
}
