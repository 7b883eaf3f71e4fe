/** The recipes: ways to go on from the same base, at the same cost in all. */

import { ANTITHETIC, GRADIENT_VALUES } from "./strategies.ts";

/** A growth plan without its number of tokens, which the rung gives. */
type Plan = Readonly<Record<string, unknown>>;

export interface Recipe {
  readonly name: string;
  /** What is different from the reference, for the table. */
  readonly what: string;
  /** Growths, each with its share of the tokens that are added and when: as a share of the updates between the base and the cooldown. */
  readonly growths: readonly { readonly share: number; readonly at: number; readonly plan: Plan }[];
  /** Keys of the model that differ. */
  readonly model?: Readonly<Record<string, unknown>>;
  /** Whether there is no base: it is the large model from the first update on, where it has growths by these. */
  readonly scratch?: boolean;
}

const atOnce = (name: string, what: string, plan: Plan, model?: Plan): Recipe => ({
  name,
  what,
  growths: [{ share: 1, at: 0, plan }],
  ...(model && { model }),
});

const inPieces = (count: number): Recipe => ({
  name: `pieces-${count}`,
  what: `in ${count} equal pieces over the first half of the updates that are left`,
  growths: Array.from({ length: count }, (_, piece) => ({ share: 1 / count, at: piece / count / 2, plan: {} })),
});

export const REFERENCE = "reference";

export const recipesOf = (learningRate: number): readonly Recipe[] => [
  atOnce(REFERENCE, "zero keys, τ ramps over 100 updates, rate of new tokens rises over 50", {}),
  { name: "never-grown", what: "the small model, trained on", growths: [] },
  { name: "scratch", what: "the large model from scratch", growths: [], scratch: true },
  {
    ...atOnce(
      "scratch-two-norms",
      "the large model from scratch, half of its tokens with a norm of their own",
      { init: "random", newWarmup: 0 },
      { tokenNorm: "generation" },
    ),
    scratch: true,
  },
  ...[Math.SQRT1_2, Math.SQRT2].map((factor) =>
    atOnce(`rate-${factor.toFixed(2)}`, `1. the rate × ${factor.toFixed(2)} from the growth on`, {
      restart: true,
      learningRate: Number((learningRate * factor).toPrecision(3)),
      warmup: 0,
    }),
  ),
  ...[4, 12].map((count) => ({ ...inPieces(count), what: `2. ${inPieces(count).what}` })),
  ...["zero-value", "random"].map((init) =>
    atOnce(
      `generation-norm-${init}`,
      `3. a norm for each generation, init ${init}`,
      { init },
      { tokenNorm: "generation" },
    ),
  ),
  ...[2, 4, 8].map((rate) =>
    atOnce(`new-rate-${rate}`, `4. new tokens learn ${rate} × as fast, falling to 1 × over 500 updates`, {
      newRate: rate,
    }),
  ),
  ...[4, 8].map((rate) =>
    atOnce(
      `new-rate-${rate}-warm-up-200`,
      `4. and 7. together: new tokens learn ${rate} × as fast, falling to 1 × over 500 updates, after their rate has risen over 200`,
      { newRate: rate, newWarmup: 200 },
    ),
  ),
  atOnce(
    "generation-norm-new-rate-4",
    "3. and 4. together: a norm for each generation, init zero-value, new tokens learn 4 × as fast at first",
    { init: "zero-value", newRate: 4 },
    { tokenNorm: "generation" },
  ),
  atOnce("gradient-values", "5. new values where the keys' gradients are largest (GradMax)", { init: GRADIENT_VALUES }),
  atOnce("antithetic", "6. old tokens doubled as k ± ε, v / 2, τ √2", { init: ANTITHETIC, tau: "fixed" }),
  atOnce("no-warm-up", "7. new tokens at the full rate at once", { newWarmup: 0 }),
  atOnce("warm-up-200", "7. rate of new tokens rises over 200 updates", { newWarmup: 200 }),
  atOnce("rewarm-20", "7. the rate of all tokens rises again over 20 updates", { newWarmup: 0, rewarm: 20 }),
  atOnce("rewarm-100", "7. the rate of all tokens rises again over 100 updates", { newWarmup: 0, rewarm: 100 }),
  atOnce("random", "all new tokens drawn (the published code)", { init: "random" }),
  atOnce("split", "copies of old keys, values in uneven shares", { init: "split" }),
];
