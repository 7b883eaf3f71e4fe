/** Growing a model by a plan, each kind of model in its own way. */

import { UserError } from "../errors.ts";
import type { ModelConfig } from "../model/index.ts";
import { append, withTokens } from "./append.ts";
import { type GrowthPlan, isWidthPlan } from "./plan.ts";
import { type ModelState, withoutMoments } from "./state.ts";
import { widen, withWidth } from "./widen.ts";

/**
 * The grown state: a TokenFormer with tokens appended, a Transformer that is wider. The old one is left as it is. What is
 * drawn depends on `seed`, the step and what there is already alone.
 * @throws UserError if the plan is not one for the model, or cannot be applied to it
 */
export function grow(state: ModelState, plan: GrowthPlan, seed: number): ModelState {
  const { config } = state;
  const grown = { ...grownByKind(), ...(plan.rewarm > 0 && { rewarm: { start: state.step, steps: plan.rewarm } }) };
  return plan.optimizer === "reset" ? withoutMoments(grown) : grown;

  function grownByKind(): ModelState {
    if (isWidthPlan(plan)) {
      if (config.type === "transformer") return widen(state, config, plan, seed);
    } else if (config.type === "tokenformer") return append(state, config, plan, seed);
    throw refused(config, plan);
  }
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
  if (isWidthPlan(plan)) {
    if (config.type === "transformer") return withWidth(config, plan);
  } else if (config.type === "tokenformer") return withTokens(config, plan);
  throw refused(config, plan);
}

const refused = (config: ModelConfig, plan: GrowthPlan) =>
  new UserError(mismatch(config.type, plan) ?? "internal: no mismatch");

/** What is wrong with a plan for a type of model, if it is not one for it. */
export function mismatch(type: ModelConfig["type"], plan: GrowthPlan): string | undefined {
  switch (type) {
    case "bigram":
      return "a bigram does not grow; a tokenformer takes plans with add, a transformer takes plans with width";
    case "transformer":
      if (isWidthPlan(plan)) return undefined;
      return "a transformer has no parameter tokens to append with add; it grows by width, such as width: 96";
    case "tokenformer":
      if (!isWidthPlan(plan)) return undefined;
      return 'a tokenformer keeps its width; it grows by parameter tokens, such as add: { feedForward: "x2" }';
  }
}
