/**
 * Growing by tokens: appending parameter tokens to the sites of a model (TokenFormer, arXiv 2410.23168, section 3.3).
 *
 * With keys K [n, D] and values V [n, D], a site computes Θ(X Kᵀ) V. Appending m tokens makes them [n + m, D].
 */

import { UserError } from "../errors.ts";
import {
  generationPath,
  hasGenerationNorm,
  initialsOf,
  learningTauConfig,
  type ModelConfig,
  parametersOf,
  type Site,
  sites,
  tauRule,
  withSites,
} from "../model/index.ts";
import { Random } from "../random.ts";
import { required } from "../required.ts";
import type { TokenPlan } from "./plan.ts";
import { type Generation, type HostArray, lostTokens, type ModelState, requireArray } from "./state.ts";
import { tokenStrategyOf } from "./strategies.ts";
import type { AnyTokenStrategy, SiteGrowth } from "./strategy.ts";
import { checkTau, grownRamps, learningTau, type TauChange, tauOf, withLearnedTau } from "./tau.ts";

/** A place that grows, and by how much. */
interface Change {
  /** The site that its strategy is told of. */
  readonly site: Site;
  /** Tokens to append. */
  readonly added: number;
  readonly tau: TauChange;
  /** The site as it is after growing, but for its τ: larger, or a new generation. */
  readonly grown: Site;
  /** The sites whose rows a strategy is given, in their order. */
  readonly sources: readonly Site[];
}

/**
 * The state with tokens appended. Draws depend on `seed`, the step, the site and the number of tokens it has had alone; on
 * the last, so that growing twice after one step does not append the same tokens twice, nor growing again what was pruned.
 * @throws UserError if a layer does not exist, the strategy refuses the amount, or τ cannot become what the plan says
 */
export function append(state: ModelState, plan: TokenPlan, seed: number): ModelState {
  const current = withLearnedTau(state.config, state.parameters);
  const changes = changesOf(current, plan);
  const grown = resized(current, plan, changes);
  const strategy = tokenStrategyOf(plan.init);
  const initials = initialsOf(grown);
  const parameters = new Map(state.parameters);
  const first = new Map(state.moments?.first);
  const second = new Map(state.moments?.second);
  for (const change of changes) {
    const { site, added, sources } = change;
    const name = (part: "keys" | "values") => `${site.path}.${part}`;
    const initial = (part: "keys" | "values") => required(initials, `${change.grown.path}.${part}`);
    const growth: SiteGrowth = {
      site,
      added,
      keys: joined(parameters, sources, "keys"),
      values: joined(parameters, sources, "values"),
      initial: { keys: initial("keys"), values: initial("values") },
      random: Random.from("growth", seed, state.step, site.path, everHad(state, site, sources)),
    };
    const tokens = strategy.tokens(growth, plan.options ?? {});
    for (const part of ["keys", "values"] as const) {
      checkRows(tokens[part], growth[part], added, `${plan.init}: ${name(part)}`);
      setRows(parameters, tokens[part], change, part);
      for (const moments of [first, second]) {
        if (!moments.has(name(part))) continue;
        const old = joined(moments, sources, part);
        const larger = strategy.moment(old, growth, part);
        checkRows(larger, old, added, `${plan.init}: a moment of ${name(part)}`);
        setRows(moments, larger, change, part);
      }
    }
  }
  // In the order of a model's parameters, in which they are saved: as before, unless there are new ones.
  const names = parameters.size > state.parameters.size ? parametersOf(grown).map(({ name }) => name) : undefined;
  const ordered = (arrays: ReadonlyMap<string, HostArray>) =>
    names === undefined
      ? arrays
      : new Map(names.flatMap((name) => (arrays.has(name) ? [[name, required(arrays, name)] as const] : [])));
  const appendedState: ModelState = {
    ...state,
    config: grown,
    ramps: grownRamps(
      state,
      current,
      plan,
      changes.map(({ tau }) => tau),
    ),
    parameters: ordered(parameters),
    lineage: grownLineage(state, plan, changes),
    moments: state.moments === undefined ? undefined : { first: ordered(first), second: ordered(second) },
  };
  return tauRule(grown) === "learned" ? learningTau(appendedState, grown) : appendedState;
}

/** How many tokens a site has had, with those that pruning has dropped: what no growth leaves as it was. */
function everHad({ lineage }: ModelState, { tokens }: Site, sources: readonly Site[]): number {
  return sources.reduce((sum, { path }) => sum + lostTokens(lineage.get(path)), tokens);
}

/** The rows of some sites one after the other. */
function joined(arrays: ReadonlyMap<string, HostArray>, sites: readonly Site[], part: "keys" | "values"): HostArray {
  const all = sites.map(({ path }) => required(arrays, `${path}.${part}`));
  const [only] = all;
  if (all.length === 1 && only !== undefined) return only;
  const data = new Float32Array(all.reduce((sum, array) => sum + array.data.length, 0));
  let end = 0;
  for (const array of all) {
    data.set(array.data, end);
    end += array.data.length;
  }
  const rows = all.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return { shape: [rows, ...(only?.shape.slice(1) ?? [])], data };
}

/** Gives each site its rows of what a strategy made: those that there were, and the new ones to the site that has grown. */
function setRows(arrays: Map<string, HostArray>, made: HostArray, change: Change, part: "keys" | "values"): void {
  const { sources, grown, added } = change;
  if (sources.some(({ path }) => path === grown.path)) {
    arrays.set(`${grown.path}.${part}`, made);
    return;
  }
  const [rows = 0, ...rest] = made.shape;
  const columns = made.data.length / rows;
  let end = 0;
  for (const { path, tokens } of [...sources, { path: grown.path, tokens: added }]) {
    const start = end;
    end += tokens * columns;
    arrays.set(`${path}.${part}`, { shape: [tokens, ...rest], data: made.data.slice(start, end) });
  }
}

/** A strategy of one's own may have forgotten rows. */
function checkRows(array: HostArray, old: HostArray, added: number, what: string): void {
  const [rows = 0, ...rest] = old.shape;
  requireArray(array, [rows + added, ...rest], what);
}

/** The configuration with the tokens of a plan. Throws a `UserError` as `append` does. */
export function withTokens<Config extends ModelConfig>(config: Config, plan: TokenPlan): Config {
  return resized(config, plan, changesOf(config, plan));
}

function changesOf(config: ModelConfig, plan: TokenPlan): Change[] {
  checkTau(plan, config);
  const all = sites(config);
  const last = Math.max(...all.map(({ layer }) => layer));
  for (const layer of plan.layers ?? []) {
    if (layer > last) {
      throw new UserError(`growth plan: there is no layer ${layer}; the model has layers 0 to ${last}`);
    }
  }
  const strategy = tokenStrategyOf(plan.init);
  strategy.check(plan.options ?? {});
  if (strategy.norm !== undefined && strategy.norm !== (hasGenerationNorm(config) ? "generation" : "all")) {
    throw new UserError(
      strategy.norm === "all"
        ? `growth plan: ${plan.init} is for tokens that share the norm of the old ones, and model.tokenNorm is generation; use zero-value or random`
        : `growth plan: ${plan.init} is for tokens with a norm of their own, and model.tokenNorm is all; use zero-key, split or random`,
    );
  }
  return all.flatMap((site) => {
    if (site.generation > 0) return [];
    const amount = plan.layers?.includes(site.layer) === false ? undefined : plan.add[site.kind];
    return amount === undefined ? [] : [changeOf(config, site, amount, strategy)];
  });
}

function changeOf(config: ModelConfig, first: Site, amount: number | string, strategy: AnyTokenStrategy): Change {
  const separate = hasGenerationNorm(config);
  const sources = separate ? sites(config).filter(({ place }) => place === first.path) : [first];
  const site = { ...first, tokens: sources.reduce((sum, { tokens }) => sum + tokens, 0) };
  const added = typeof amount === "number" ? amount : (Number(amount.slice(1)) - 1) * site.tokens;
  if (added < 1) {
    throw new UserError(
      `growth plan: ${amount} at ${site.path} appends no tokens; growing cannot shrink, use x2 or more`,
    );
  }
  const refusal = strategy.refusal(site, added);
  if (refusal !== undefined) throw new UserError(`growth plan: ${refusal}`);
  const total = site.tokens + added;
  if (separate) {
    const generation = 1 + Math.max(...sites(config).map((other) => other.generation));
    const path = generationPath(site.path, generation);
    const tau = Math.sqrt(added);
    return {
      site,
      added,
      sources,
      tau: { path, exact: tau, grown: tau },
      grown: { ...site, path, generation, tokens: added },
    };
  }
  const grown = tauRule(config) === "learned" ? site.tau * Math.sqrt(total / site.tokens) : Math.sqrt(total);
  const exact = strategy.exactTau(site, added);
  if (!(exact > 0 && Number.isFinite(exact))) {
    throw new UserError(`growth plan: ${strategy.name}: τ of ${site.path} becomes ${exact}, expected a number above 0`);
  }
  const tau = { path: site.path, exact, grown };
  return { site, added, sources, tau, grown: { ...site, tokens: total } };
}

/** The configuration with the new numbers of tokens, and each τ as it is just after growing. */
function resized<Config extends ModelConfig>(config: Config, plan: TokenPlan, changes: readonly Change[]): Config {
  const policy = tauOf(plan, config);
  const changed = new Map(
    changes.map(({ grown, tau }) => [grown.path, { ...grown, tau: policy === "sqrt-n" ? tau.grown : tau.exact }]),
  );
  const all = sites(config);
  const larger = all.map((site) => changed.get(site.path) ?? site);
  for (const { path } of all) changed.delete(path);
  const learning = plan.tau === "learned" ? learningTauConfig(config) : undefined;
  return withSites(learning ?? config, [...larger, ...changed.values()]);
}

function grownLineage(state: ModelState, plan: TokenPlan, changes: readonly Change[]) {
  const lineage = new Map(state.lineage);
  for (const { added, sources, grown } of changes) {
    const frozen = (generation: Generation): Generation => ({
      ...generation,
      frozenUntil: Math.max(generation.frozenUntil, state.step + plan.freeze),
    });
    for (const { path } of plan.freeze > 0 ? sources : []) lineage.set(path, (lineage.get(path) ?? []).map(frozen));
    const [oldest] = sources.map(({ path }) => lineage.get(path)?.[0]);
    const born: Generation = {
      tokens: added,
      born: state.step,
      init: plan.init,
      updates: plan.optimizer === "keep" ? (oldest?.updates ?? 0) : 0,
      frozenUntil: 0,
      ...(plan.newWarmup > 0 && { warmup: plan.newWarmup }),
      ...(plan.newRate !== 1 && { boost: { rate: plan.newRate, steps: plan.newRateSteps } }),
    };
    lineage.set(grown.path, [...(lineage.get(grown.path) ?? []), born]);
  }
  return lineage;
}
