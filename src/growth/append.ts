/**
 * Growing a TokenFormer: appending parameter tokens to its sites (TokenFormer, arXiv 2410.23168, section 3.3).
 *
 * With keys K [n, D] and values V [n, D], a site computes Θ(X Kᵀ) V. Appending m tokens makes them [n + m, D].
 */

import { UserError } from "../errors.ts";
import { type Complete, type Site, siteSetup, sitesOf, type TokenFormerConfig, withSites } from "../model/index.ts";
import { Random } from "../random.ts";
import { required } from "../required.ts";
import type { TokenPlan } from "./plan.ts";
import { type Generation, type HostArray, type ModelState, padded } from "./state.ts";
import { checkTau, grownRamps, learningTau, type TauChange, tauOf, withLearnedTau } from "./tau.ts";

/** A site that grows, and by how much. */
interface Change {
  readonly site: Site;
  /** Tokens to append. */
  readonly added: number;
  readonly tau: TauChange;
}

/**
 * The state with tokens appended. Draws depend on `seed`, the step, the site and its number of tokens alone; on the last, so
 * that growing twice after one step does not append the same tokens twice.
 * @param config that of the state
 * @throws UserError if a layer does not exist, `split` is no whole multiple, or τ cannot become what the plan says
 */
export function append(
  state: ModelState,
  config: Complete<TokenFormerConfig>,
  plan: TokenPlan,
  seed: number,
): ModelState {
  const current = withLearnedTau(config, state.parameters);
  const changes = changesOf(current, plan);
  const parameters = new Map(state.parameters);
  const first = new Map(state.moments?.first);
  const second = new Map(state.moments?.second);
  for (const change of changes) {
    const random = Random.from("growth", seed, state.step, change.site.path, change.site.tokens);
    const keys = required(parameters, `${change.site.path}.keys`);
    const values = required(parameters, `${change.site.path}.values`);
    const [newKeys, newValues] = appended(keys, values, change, plan, config, random);
    parameters.set(`${change.site.path}.keys`, newKeys);
    parameters.set(`${change.site.path}.values`, newValues);
    for (const moment of [first, second]) {
      for (const name of [`${change.site.path}.keys`, `${change.site.path}.values`]) {
        const old = moment.get(name);
        if (old !== undefined) moment.set(name, withRows(old, change.added));
      }
    }
  }
  const grown = resized(current, plan, changes);
  const taus = changes.map(({ tau }) => tau);
  const appendedState: ModelState = {
    ...state,
    config: grown,
    ramps: grownRamps(state, current, plan, taus),
    parameters,
    lineage: grownLineage(state, plan, changes),
    moments: state.moments === undefined ? undefined : { first, second },
  };
  return grown.learnedTau ? learningTau(appendedState, grown) : appendedState;
}

/** The configuration with the tokens of a plan. Throws a `UserError` as `append` does. */
export function withTokens<Config extends TokenFormerConfig>(config: Config, plan: TokenPlan): Config {
  return resized(config, plan, changesOf(config, plan));
}

function changesOf(config: TokenFormerConfig, plan: TokenPlan): Change[] {
  checkTau(plan, config);
  const layers = plan.layers ?? Array.from({ length: config.layers }, (_, layer) => layer);
  for (const layer of layers) {
    if (layer >= config.layers) {
      throw new UserError(`growth plan: there is no layer ${layer}; the model has layers 0 to ${config.layers - 1}`);
    }
  }
  return sitesOf(config).flatMap((site) => {
    const amount = layers.includes(site.layer) ? plan.add[site.kind] : undefined;
    if (amount === undefined) return [];
    const added = typeof amount === "number" ? amount : (Number(amount.slice(1)) - 1) * site.tokens;
    if (added < 1) {
      throw new UserError(
        `growth plan: ${amount} at ${site.path} appends no tokens; growing cannot shrink, use x2 or more`,
      );
    }
    if (plan.init === "split" && added % site.tokens !== 0) {
      const near = Math.max(1, Math.round(added / site.tokens)) * site.tokens;
      throw new UserError(
        `growth plan: split copies all ${site.tokens} tokens of ${site.path} a whole number of times, ${added} is no multiple; use ${near}`,
      );
    }
    const total = site.tokens + added;
    // Copies of all keys multiply the norm of the scores by √(total / n), so τ has to follow.
    const scaled = site.tau * Math.sqrt(total / site.tokens);
    const exact = plan.init === "split" ? scaled : site.tau;
    return [{ site, added, tau: { path: site.path, exact, grown: config.learnedTau ? scaled : Math.sqrt(total) } }];
  });
}

/** The keys and values with their new rows. */
function appended(
  keys: HostArray,
  values: HostArray,
  { site, added }: Change,
  plan: TokenPlan,
  config: TokenFormerConfig,
  random: Random,
): readonly [HostArray, HostArray] {
  if (plan.init === "split") return split(keys, values, added / site.tokens + 1, random);
  const newKeys = withRows(keys, added);
  const newValues = withRows(values, added);
  const setup = siteSetup(config, site.kind, site.tokens + added);
  const spread = { keys: setup.keys.initial.deviation, values: setup.values.initial.deviation };
  if (plan.init === "random") fillNormal(newKeys.data.subarray(keys.data.length), spread.keys, random);
  fillNormal(newValues.data.subarray(values.data.length), spread.values, random);
  return [newKeys, newValues];
}

/** `copies` copies of the keys; each old value is shared among its copies unevenly, so that they can part ways. */
function split(keys: HostArray, values: HostArray, copies: number, random: Random): readonly [HostArray, HostArray] {
  const [tokens = 0, width = 0] = values.shape;
  const newKeys = withRows(keys, (copies - 1) * tokens);
  const newValues = withRows(values, (copies - 1) * tokens);
  for (let copy = 1; copy < copies; copy++) newKeys.data.set(keys.data, copy * keys.data.length);
  for (let token = 0; token < tokens; token++) {
    const draws = Array.from({ length: copies }, () => 0.5 + random.uniform());
    const total = draws.reduce((sum, draw) => sum + draw);
    draws.forEach((draw, copy) => {
      for (let channel = 0; channel < width; channel++) {
        const old = values.data[token * width + channel] ?? 0;
        newValues.data[(copy * tokens + token) * width + channel] = (old * draw) / total;
      }
    });
  }
  return [newKeys, newValues];
}

/** The configuration with the new numbers of tokens, and each τ as it is just after growing. */
function resized<Config extends TokenFormerConfig>(
  config: Config,
  plan: TokenPlan,
  changes: readonly Change[],
): Config {
  const changed = new Map(changes.map((change) => [change.site.path, change]));
  const sites = sitesOf(config).map((site): Site => {
    const change = changed.get(site.path);
    if (change === undefined) return site;
    const tau = tauOf(plan, config) === "sqrt-n" ? change.tau.grown : change.tau.exact;
    return { ...site, tokens: site.tokens + change.added, tau };
  });
  return withSites({ ...config, learnedTau: config.learnedTau || plan.tau === "learned" }, sites);
}

function grownLineage(state: ModelState, plan: TokenPlan, changes: readonly Change[]) {
  const lineage = new Map(state.lineage);
  for (const { site, added } of changes) {
    const old = lineage.get(site.path) ?? [];
    const frozen = old.map(
      (generation): Generation => ({
        ...generation,
        frozenUntil: Math.max(generation.frozenUntil, state.step + plan.freeze),
      }),
    );
    const updates = plan.optimizer === "keep" ? (old[0]?.updates ?? 0) : 0;
    const born: Generation = {
      tokens: added,
      born: state.step,
      init: plan.init,
      updates,
      frozenUntil: 0,
      ...(plan.newWarmup > 0 && { warmup: plan.newWarmup }),
    };
    lineage.set(site.path, [...(plan.freeze > 0 ? frozen : old), born]);
  }
  return lineage;
}

/** The array with rows of zeros appended. */
function withRows(array: HostArray, rows: number): HostArray {
  const [old = 0, ...rest] = array.shape;
  return padded(array, [old + rows, ...rest]);
}

function fillNormal(data: Float32Array, deviation: number, random: Random): void {
  for (let index = 0; index < data.length; index++) data[index] = deviation * random.normal();
}
