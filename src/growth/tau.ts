/** What becomes of τ when parameter tokens are appended. */

import { UserError } from "../errors.ts";
import {
  type CompleteModelConfig,
  hasGenerationNorm,
  learningTauConfig,
  type ModelConfig,
  parametersOf,
  sites,
  tauRule,
  withSites,
} from "../model/index.ts";
import { required } from "../required.ts";
import type { TokenPlan } from "./plan.ts";
import { type Generation, type HostArray, type ModelState, rampedTau, type TauRamp } from "./state.ts";
import { tokenStrategyOf } from "./strategies.ts";

/** A site's τ just before and just after growing. */
export interface TauChange {
  readonly path: string;
  /** The τ that preserves the function. */
  readonly exact: number;
  /** √(n + m) for n + m tokens; where τ is learned, √((n + m) / n) times what it was. */
  readonly grown: number;
}

/** What becomes of τ by a plan for a model. A ramp over no steps is at its end at once. */
export function tauOf(
  { tau, init, rampSteps }: Pick<TokenPlan, "tau" | "init" | "rampSteps">,
  config: ModelConfig,
): "fixed" | "sqrt-n" | "ramp" | "learned" {
  if (hasGenerationNorm(config)) return tau === "learned" ? tau : "fixed";
  const unless = tauRule(config) === "learned" ? "fixed" : "ramp";
  const policy = tau ?? (tokenStrategyOf(init).preserves ? unless : "sqrt-n");
  return policy === "ramp" && rampSteps === 0 ? "sqrt-n" : policy;
}

/** Throws a `UserError` where a model's τ cannot become what the plan says. */
export function checkTau({ tau }: TokenPlan, config: ModelConfig): void {
  const rule = tauRule(config);
  if (tau === "ramp" && rule === "learned") {
    throw new UserError("growth plan: the model learns τ, which no ramp can lead; use tau fixed or sqrt-n");
  }
  if (tau === "ramp" && hasGenerationNorm(config)) {
    throw new UserError(
      "growth plan: with tokenNorm generation the τ of old tokens stays, and there is nothing to ramp; leave tau out",
    );
  }
  if (tau === "learned" && rule === "none") {
    throw new UserError("growth plan: with activation softmax there is no τ to learn; leave tau out");
  }
  if (tau === "learned" && rule !== "learned" && learningTauConfig(config) === undefined) {
    throw new UserError(`growth plan: a ${config.type} cannot learn τ; use tau fixed, sqrt-n or ramp`);
  }
}

/** The ramps after growing at the state's step: those that go on at other sites, and new ones. None where τ is learned. */
export function grownRamps(
  { ramps, step }: Pick<ModelState, "ramps" | "step">,
  config: ModelConfig,
  plan: TokenPlan,
  changes: readonly TauChange[],
): TauRamp[] {
  const policy = tauOf(plan, config);
  if (policy === "learned") return [];
  const started = changes.flatMap(({ path, exact, grown }): TauRamp[] =>
    policy === "ramp" && Math.abs(grown - exact) > 1e-9 * grown
      ? [{ site: path, from: exact, to: grown, start: step, steps: plan.rampSteps }]
      : [],
  );
  // A site that grows again leaves its old ramp where it was.
  const changed = new Set(changes.map(({ path }) => path));
  return [...ramps.filter((ramp) => !changed.has(ramp.site) && rampedTau(ramp, step) !== ramp.to), ...started];
}

/** The configuration with each τ as the model has learned it by now. */
export function withLearnedTau<Config extends ModelConfig>(
  config: Config,
  parameters: ModelState["parameters"],
): Config {
  if (tauRule(config) !== "learned") return config;
  const learned = (path: string) => parameters.get(`${path}.tau`)?.data[0]; // none at a site of Θ softmax
  return withSites(
    config,
    sites(config).map((site) => ({ ...site, tau: learned(site.path) ?? site.tau })),
  );
}

/**
 * The state with each τ of its configuration as a parameter. One that was none before has moments of zero, and a count of
 * updates of its own, by which Adam corrects them.
 */
export function learningTau(state: ModelState, config: CompleteModelConfig): ModelState {
  // In the order of a model's parameters, in which they are saved.
  const names = parametersOf(config).map(({ name }) => name);
  const known = new Map(sites(config).map(({ path, tau }) => [`${path}.tau`, scalar(tau)]));
  const taus = new Map([...known].filter(([name]) => names.includes(name)));
  const zeros = new Map([...taus.keys()].map((name) => [name, scalar(0)]));
  const merged = (...maps: ReadonlyMap<string, HostArray>[]) => {
    const all = new Map(maps.flatMap((map) => [...map]));
    return new Map(names.map((name) => [name, required(all, name)]));
  };
  const { parameters, moments, step } = state;
  const born: Generation = { tokens: 1, born: step, init: "learned", updates: 0, frozenUntil: 0 };
  const added = [...taus.keys()].filter((name) => !parameters.has(name));
  const lineage = new Map(state.lineage);
  for (const name of added) lineage.set(name, [born]);
  return {
    ...state,
    parameters: merged(parameters, taus),
    lineage,
    moments: moments && { first: merged(zeros, moments.first), second: merged(zeros, moments.second) },
  };
}

const scalar = (value: number): HostArray => ({ shape: [], data: Float32Array.of(value) });
