/**
 * Growing by tokens: appending parameter tokens to the sites of a model (TokenFormer, arXiv 2410.23168, section 3.3).
 *
 * With keys K [n, D] and values V [n, D], a site computes Θ(X Kᵀ) V. Appending m tokens makes them [n + m, D].
 */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import {
  initialsOf,
  learningTauConfig,
  type ModelConfig,
  type Site,
  sites,
  tauRule,
  withSites,
} from "../model/index.ts";
import { Random } from "../random.ts";
import { required } from "../required.ts";
import type { TokenPlan } from "./plan.ts";
import type { Generation, HostArray, ModelState } from "./state.ts";
import { tokenStrategyOf } from "./strategies.ts";
import type { SiteGrowth } from "./strategy.ts";
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
  for (const { site, added } of changes) {
    const name = (part: "keys" | "values") => `${site.path}.${part}`;
    const growth: SiteGrowth = {
      site,
      added,
      keys: required(parameters, name("keys")),
      values: required(parameters, name("values")),
      initial: { keys: required(initials, name("keys")), values: required(initials, name("values")) },
      random: Random.from("growth", seed, state.step, site.path, site.tokens),
    };
    const tokens = strategy.tokens(growth, plan.options ?? {});
    for (const part of ["keys", "values"] as const) {
      checkRows(tokens[part], growth[part], added, `${plan.init}: ${name(part)}`);
      parameters.set(name(part), tokens[part]);
      for (const moment of [first, second]) {
        const old = moment.get(name(part));
        if (old === undefined) continue;
        const larger = strategy.moment(old, growth, part);
        checkRows(larger, old, added, `${plan.init}: a moment of ${name(part)}`);
        moment.set(name(part), larger);
      }
    }
  }
  const appendedState: ModelState = {
    ...state,
    config: grown,
    ramps: grownRamps(
      state,
      current,
      plan,
      changes.map(({ tau }) => tau),
    ),
    parameters,
    lineage: grownLineage(state, plan, changes),
    moments: state.moments === undefined ? undefined : { first, second },
  };
  return tauRule(grown) === "learned" ? learningTau(appendedState, grown) : appendedState;
}

/** A strategy of one's own may have forgotten rows. */
function checkRows({ shape, data }: HostArray, old: HostArray, added: number, what: string): void {
  const [rows = 0, ...rest] = old.shape;
  const expected = [rows + added, ...rest];
  if (String(shape) === String(expected) && data.length === elementCount(expected)) return;
  throw new UserError(`growth plan: ${what} has the shape [${shape}], expected [${expected}]`);
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
  return all.flatMap((site) => {
    const amount = plan.layers?.includes(site.layer) === false ? undefined : plan.add[site.kind];
    if (amount === undefined) return [];
    const added = typeof amount === "number" ? amount : (Number(amount.slice(1)) - 1) * site.tokens;
    if (added < 1) {
      throw new UserError(
        `growth plan: ${amount} at ${site.path} appends no tokens; growing cannot shrink, use x2 or more`,
      );
    }
    const refusal = strategy.refusal(site, added);
    if (refusal !== undefined) throw new UserError(`growth plan: ${refusal}`);
    const total = site.tokens + added;
    const grown = tauRule(config) === "learned" ? site.tau * Math.sqrt(total / site.tokens) : Math.sqrt(total);
    return [{ site, added, tau: { path: site.path, exact: strategy.exactTau(site, added), grown } }];
  });
}

/** The configuration with the new numbers of tokens, and each τ as it is just after growing. */
function resized<Config extends ModelConfig>(config: Config, plan: TokenPlan, changes: readonly Change[]): Config {
  const changed = new Map(changes.map((change) => [change.site.path, change]));
  const policy = tauOf(plan, config);
  const all = sites(config).map((site): Site => {
    const change = changed.get(site.path);
    if (change === undefined) return site;
    const tau = policy === "sqrt-n" ? change.tau.grown : change.tau.exact;
    return { ...site, tokens: site.tokens + change.added, tau };
  });
  const learning = plan.tau === "learned" ? learningTauConfig(config) : undefined;
  return withSites(learning ?? config, all);
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
      ...(plan.newRate !== 1 && { boost: { rate: plan.newRate, steps: plan.newRateSteps } }),
    };
    lineage.set(site.path, [...(plan.freeze > 0 ? frozen : old), born]);
  }
  return lineage;
}
