/** Growing a model by a plan: tokens are appended to its sites, or a strategy makes a larger model of it. */

import { UserError } from "../errors.ts";
import { type ModelConfig, sites } from "../model/index.ts";
import { append, withTokens } from "./append.ts";
import { type GrowthPlan, isTokenPlan, isWidthPlan, type OwnPlan, type WidthPlan } from "./plan.ts";
import { type ModelState, withoutMoments } from "./state.ts";
import { modelStrategyOf } from "./strategies.ts";
import { largerConfig, type Transformation, transform } from "./transform.ts";

/**
 * The grown state: with tokens appended, or of a larger model. The old one is left as it is. What is drawn depends on `seed`, the
 * step and what there is already alone.
 * @throws UserError if the plan is not one for the model, or cannot be applied to it
 */
export function grow(state: ModelState, plan: GrowthPlan, seed: number): ModelState {
  requireFit(state.config, plan);
  const larger = isTokenPlan(plan) ? append(state, plan, seed) : transform(state, transformationOf(plan), seed);
  const grown = { ...larger, ...(plan.rewarm > 0 && { rewarm: { start: state.step, steps: plan.rewarm } }) };
  return plan.optimizer === "reset" ? withoutMoments(grown) : grown;
}

/**
 * Checks that plans can be applied to a model one after the other, before any time is spent on it.
 * @throws UserError as `grow` does
 */
export function checkPlans(config: ModelConfig, plans: readonly GrowthPlan[]): void {
  let current = config;
  for (const plan of plans) current = grownConfig(current, plan);
}

/** The configuration of a model after a plan. Throws a `UserError` as `grow` does. */
export function grownConfig(config: ModelConfig, plan: GrowthPlan): ModelConfig {
  requireFit(config, plan);
  if (isTokenPlan(plan)) return withTokens(config, plan);
  return largerConfig(config, transformationOf(plan));
}

/** What grew by a plan, in words: "query 128 → 160, feedForward 512 → 640 tokens", or "width 64 → 96, 4 → 6 heads". */
export function growthSummary(before: ModelConfig, after: ModelConfig, plan: GrowthPlan): string {
  return isTokenPlan(plan) ? tokenSummary(before, after) : transformationOf(plan).strategy.summary(before, after);
}

function transformationOf(plan: WidthPlan | OwnPlan): Transformation {
  if (isWidthPlan(plan)) {
    return { strategy: modelStrategyOf(plan.init), options: { width: plan.width }, joins: true, newWarmup: 0 };
  }
  const { init, options = {}, optimizer, newWarmup } = plan;
  return { strategy: modelStrategyOf(init), options, joins: optimizer === "keep", newWarmup };
}

function requireFit(config: ModelConfig, plan: GrowthPlan): void {
  const complaint = planMismatch(config, plan);
  if (complaint !== undefined) throw new UserError(complaint);
}

/** What is wrong with a plan for a model, if it is not one for its kind. */
export function planMismatch(config: ModelConfig, plan: GrowthPlan): string | undefined {
  if (!isTokenPlan(plan) && !isWidthPlan(plan)) return undefined; // its strategy says what it takes
  switch (config.type) {
    case "bigram":
      return "a bigram does not grow; a tokenformer takes plans with add, a transformer takes plans with width";
    case "transformer":
      if (isWidthPlan(plan)) return undefined;
      return "a transformer has no parameter tokens to append with add; it grows by width, such as width: 96";
    case "tokenformer":
      if (isTokenPlan(plan)) return siteMismatch(config, plan.add);
      return 'a tokenformer keeps its width; it grows by parameter tokens, such as add: { feedForward: "x2" }';
    default: // a model of one's own
      return isTokenPlan(plan) ? siteMismatch(config, plan.add) : undefined;
  }
}

/** What is wrong with the sites that a plan names. */
function siteMismatch(config: ModelConfig, add: Readonly<Record<string, unknown>>): string | undefined {
  const kinds = new Set(sites(config).map(({ kind }) => kind));
  if (kinds.size === 0) return `a ${config.type} has no parameter tokens to append with add`;
  const unknown = Object.keys(add).find((kind) => !kinds.has(kind));
  if (unknown === undefined) return undefined;
  return `a ${config.type} has no site "${unknown}" to append tokens to; it has ${[...kinds].join(", ")}`;
}

function tokenSummary(before: ModelConfig, after: ModelConfig): string {
  const [old, now] = [placesOf(before), placesOf(after)];
  const changes = now.flatMap((place, index) => {
    const tokens = old[index]?.tokens ?? 0;
    return tokens === place.tokens ? [] : [{ ...place, change: `${tokens} → ${place.tokens}` }];
  });
  const byChange = new Map<string, typeof changes>();
  for (const place of changes) {
    const key = `${place.kind} ${place.change}`;
    byChange.set(key, [...(byChange.get(key) ?? []), place]);
  }
  const alike = (kind: string) => old.filter((place) => place.kind === kind).length;
  const parts = [...byChange].map(([change, where]) =>
    where.length === alike(where[0]?.kind ?? "")
      ? change
      : `${change} in layer ${where.map(({ layer }) => layer).join(", ")}`,
  );
  return `${parts.join(", ")} tokens`;
}

/** The places of a model, with the tokens of all generations there. */
function placesOf(config: ModelConfig) {
  const all = sites(config);
  const tokensAt = (path: string) => all.reduce((sum, { place, tokens }) => (place === path ? sum + tokens : sum), 0);
  return all
    .filter(({ generation }) => generation === 0)
    .map(({ path, layer, kind }) => ({ layer, kind, tokens: tokensAt(path) }));
}
