/** How new parameter tokens start: zero keys, copies, or draws. */

import type { Initial } from "../nn/index.ts";
import type { Random } from "../random.ts";
import { fillInitial, type HostArray, withRows } from "./state.ts";
import type { AnyTokenStrategy } from "./strategy.ts";

/** What the strategies of the library have in common. */
const common = {
  kind: "tokens",
  check: () => {},
  exactTau: ({ tau }) => tau,
  moment: (moment, { added }) => withRows(moment, added),
  refusal: () => undefined,
} satisfies Partial<AnyTokenStrategy>;

/**
 * The strategy of the paper (arXiv 2410.23168, section 3.3): keys zero, values as the model starts them. A new score is 0, adds nothing to the
 * norm, and GELU(0) is 0: exact for the two Θ that normalise by the L2 norm.
 */
export const zeroKey: AnyTokenStrategy = {
  ...common,
  name: "zero-key",
  preserves: true,
  // Zero keys alone have no direction that a norm could give them, and would never move.
  norm: "all",
  tokens: ({ keys, values, added, initial, random }) => ({
    keys: withRows(keys, added),
    values: drawn(values, added, initial.values, random),
  }),
};

/**
 * The strategy for tokens with a norm of their own: keys as the model starts them, values zero. What they give is zero, and adds nothing to the norm
 * of others: exact for every Θ.
 */
export const zeroValue: AnyTokenStrategy = {
  ...common,
  name: "zero-value",
  preserves: true,
  norm: "generation",
  tokens: ({ keys, values, added, initial, random }) => ({
    keys: drawn(keys, added, initial.keys, random),
    values: withRows(values, added),
  }),
};

/** The strategy of the published code: all new numbers are drawn as the model starts them. */
export const random: AnyTokenStrategy = {
  ...common,
  name: "random",
  preserves: false,
  tokens: ({ keys, values, added, initial, random }) => ({
    keys: drawn(keys, added, initial.keys, random),
    values: drawn(values, added, initial.values, random),
  }),
};

/** Whole copies of the keys, whose values are uneven shares of the old ones, so that copies can part ways. Exact for every Θ. */
export const split: AnyTokenStrategy = {
  ...common,
  name: "split",
  preserves: true,
  norm: "all",
  tokens: ({ keys, values, added, site, random }) => copies(keys, values, added / site.tokens + 1, random),
  // Copies of all keys multiply the norm of the scores by √(total / n), so τ has to follow.
  exactTau: ({ tau, tokens }, added) => tau * Math.sqrt((tokens + added) / tokens),
  refusal: ({ path, tokens }, added) => {
    if (added % tokens === 0) return undefined;
    const near = Math.max(1, Math.round(added / tokens)) * tokens;
    return `split copies all ${tokens} tokens of ${path} a whole number of times, ${added} is no multiple; use ${near}`;
  },
};

/** The array with rows appended that start as the model's own. */
function drawn(array: HostArray, rows: number, initial: Initial, random: Random): HostArray {
  const larger = withRows(array, rows);
  fillInitial(larger.data.subarray(array.data.length), initial, random);
  return larger;
}

function copies(keys: HostArray, values: HostArray, count: number, random: Random) {
  const [tokens = 0, width = 0] = values.shape;
  const newKeys = withRows(keys, (count - 1) * tokens);
  const newValues = withRows(values, (count - 1) * tokens);
  for (let copy = 1; copy < count; copy++) newKeys.data.set(keys.data, copy * keys.data.length);
  for (let token = 0; token < tokens; token++) {
    const draws = Array.from({ length: count }, () => 0.5 + random.uniform());
    const total = draws.reduce((sum, draw) => sum + draw);
    draws.forEach((draw, copy) => {
      for (let channel = 0; channel < width; channel++) {
        const old = values.data[token * width + channel] ?? 0;
        newValues.data[(copy * tokens + token) * width + channel] = (old * draw) / total;
      }
    });
  }
  return { keys: newKeys, values: newValues };
}
