/** A forecast of the memory that training takes, before any is allocated. */

import { type Config, growthPlansOf } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { type GrowthPlan, grownConfig } from "../growth/index.ts";
import { leastActivations, leastParameters, type ModelConfig } from "../model/index.ts";
import { leastOfPass } from "./ranks.ts";

/** The memory that training may take. */
export interface MemoryBudget {
  /** Bytes of memory that there are. */
  readonly limit: number;
  /** Whether the products are computed in this memory too, not in that of a GPU. */
  readonly computes: boolean;
  /** How many ranks train together, of which one has this memory. Default 1. */
  readonly ranks?: number | undefined;
}

export interface MemoryForecast {
  readonly parameters: number;
  /** Bytes of the parameters, their gradients and Adam's two moments. */
  readonly state: number;
  /** Tokens of one pass. */
  readonly tokens: number;
  /** Bytes of what one pass computes and keeps for its gradients. */
  readonly pass: number;
  /** Bytes of all of these together. */
  readonly total: number;
}

const FLOAT = 4;

/**
 * The least memory that training takes: what is temporary, or copied on the way, comes on top (of eight models on the CPU,
 * whole processes took 1.7 to 7 times as much, the smallest ones most).
 * @param model the model; a vocabulary that is not known yet counts as one token
 * @param learning how many of its parameters learn. Default: all
 * @param ranks how many ranks train it together; it is what each of them takes then. Default 1
 */
export function forecastMemory(
  config: Config,
  model: ModelConfig,
  computes: boolean,
  learning: number = leastParameters(model),
  ranks = 1,
): MemoryForecast {
  const parameters = leastParameters(model);
  const tokens = leastOfPass({ ...config, model }, ranks) * model.context;
  const { localSteps } = config.training;
  // Ranks that make each update together divide the moments, and gradients that are added up: see `ShardedOptimizer`.
  const onCpu = ranks > 1 && localSteps === 1 ? 1 + 3 / ranks : 3;
  // Gradients are in the memory of a GPU; moments that are saved are in this one for a moment.
  // The outer optimiser has a momentum, and the weights of the last exchange.
  const outer = localSteps > 1 ? 2 : 0;
  const state = Math.floor(FLOAT * (parameters + ((computes ? onCpu : 2) + outer) * learning));
  const pass = computes ? FLOAT * tokens * leastActivations(model) : 0;
  return { parameters, state, tokens, pass, total: state + pass };
}

/**
 * Refuses what cannot be trained for want of memory: a model, and what its plans for growth make of it.
 * @throws UserError with the numbers
 */
export function checkMemory(
  config: Config,
  model: ModelConfig,
  budget: MemoryBudget,
  plans: readonly (GrowthPlan & { readonly step: number })[] = [],
): void {
  const { computes, ranks } = budget;
  refuse(forecastMemory(config, model, computes, undefined, ranks), budget, "");
  let grown = model;
  for (const plan of plans) {
    grown = grownConfig(grown, plan);
    refuse(forecastMemory(config, grown, computes, undefined, ranks), budget, `growth at step ${plan.step}: `);
  }
}

function refuse(forecast: MemoryForecast, { limit, ranks = 1 }: MemoryBudget, when: string): void {
  if (forecast.total <= limit) return;
  const takes = `takes at least ${describeMemory(forecast)}, and there are ${scaled(limit)}B of memory`;
  const smaller = "take a smaller model, context or training.microBatch, or grow less";
  throw new UserError(
    ranks > 1
      ? `${when}each of ${ranks} ranks ${takes} for it here; start fewer ranks on a machine, or ${smaller}`
      : `${when}training ${takes} here; ${smaller}`,
  );
}

/** Refuses to train a part of a model for want of memory. Throws a `UserError` as `checkMemory` does. */
export function checkMemoryOfPart(config: Config, learning: number, budget: MemoryBudget): void {
  refuse(forecastMemory(config, config.model, budget.computes, learning), budget, "");
}

/** For example "18.2 GB (1.1 G parameters with gradients and Adam's moments 17.6 GB, a pass of 4096 tokens 0.6 GB)". */
export function describeMemory({ parameters, state, tokens, pass, total }: MemoryForecast): string {
  const kept = `${scaled(parameters).trimEnd()} parameters with gradients and Adam's moments ${scaled(state)}B`;
  return `${scaled(total)}B (${kept}${pass > 0 ? `, a pass of ${tokens} tokens ${scaled(pass)}B` : ""})`;
}

/** The forecast of the stage of growth that takes most, after a step. */
export function largestForecast(
  config: Config,
  step: number,
  computes: boolean,
  learning?: number | undefined,
  ranks = 1,
): MemoryForecast {
  const plans = growthPlansOf(config).filter((plan) => plan.step > step);
  let model: ModelConfig = config.model;
  let largest = forecastMemory(config, model, computes, learning, ranks);
  for (const plan of plans) {
    model = grownConfig(model, plan);
    const next = forecastMemory(config, model, computes, undefined, ranks);
    if (next.total > largest.total) largest = next;
  }
  return largest;
}

/** A number with the prefix of its unit, such as "1.5 G". */
function scaled(number: number): string {
  const prefixes = ["", "k", "M", "G", "T"];
  const power = Math.min(prefixes.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, number)) / 3)));
  return `${Number((number / 1000 ** power).toPrecision(3))} ${prefixes[power]}`;
}
