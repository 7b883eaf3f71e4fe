/** Growth strategies: what becomes of weights, moments and τ. Those of the library and those of one's own are records alike. */

import type { CompleteModelConfig, ModelConfig, Site } from "../model/index.ts";
import type { Initial } from "../nn/index.ts";
import { type OptionsSchema, parsedOptions } from "../options.ts";
import { OwnDefinitions, type OwnName } from "../own-names.ts";
import type { Random } from "../random.ts";
import { type HostArray, type ModelState, withRows } from "./state.ts";

/** What every strategy says of itself. */
interface StrategyHead<Options extends object> {
  /** What growth plans call it, as `init`: with a prefix of your own, such as "mine:noisy-copy". */
  readonly name: OwnName;
  /** What it can be told, as `options` of a plan: a Standard Schema, or `optionsWithDefaults({ noise: 0.01 })`. */
  readonly options: OptionsSchema<Options>;
  /** Whether the model computes after it what it computed before. */
  readonly preserves: boolean;
}

/** A site that grows by m tokens. Shapes: n tokens so far, D channels of the input, W of the output. */
export interface SiteGrowth {
  /** The site before it grows; where new tokens have a norm of their own, with the tokens of all generations at its place. */
  readonly site: Site;
  /** m, the number of tokens to append. */
  readonly added: number;
  /** The keys so far, [n, D]. */
  readonly keys: HostArray;
  /** The values so far, [n, W]. */
  readonly values: HostArray;
  /** How the model starts keys and values when it has as many tokens from the beginning. */
  readonly initial: { readonly keys: Initial; readonly values: Initial };
  /** Draws that depend on the seed, the step, the site and its number of tokens alone. */
  readonly random: Random;
}

/** A way of appending parameter tokens, for plans with `add`. */
export interface TokenStrategy<Options extends object = object> extends StrategyHead<Options> {
  /** The keys [n + m, D] and values [n + m, W] after growing; see `withRows`. */
  tokens(growth: SiteGrowth, options: Options): { readonly keys: HostArray; readonly values: HostArray };
  /** The τ with which the site computes what it did before. Default: what it was. */
  exactTau?(site: Site, added: number): number;
  /** A moment [n + m, …] of Adam after growing, from that [n, …] of the keys or the values. Default: zeros for new tokens. */
  moment?(moment: HostArray, growth: SiteGrowth, of: "keys" | "values"): HostArray;
  /** What is wrong with so many tokens at a site, and what to do instead. Default: nothing. */
  refusal?(site: Site, added: number): string | undefined;
}

/** A whole model that grows. */
export interface ModelGrowth {
  readonly before: CompleteModelConfig;
  readonly after: CompleteModelConfig;
  /** The parameters of the model before, by name. */
  readonly parameters: ReadonlyMap<string, HostArray>;
  /** How the larger model starts each of its parameters, by name, and the shape of each. */
  readonly initial: ReadonlyMap<string, { readonly initial: Initial; readonly shape: readonly number[] }>;
  /** Draws that depend on the seed, the step and a name of one's choice alone. */
  random(name: string): Random;
}

/** A way of making another model of one, for plans without `add`. */
export interface ModelStrategy<Options extends object = object> extends StrategyHead<Options> {
  /**
   * The configuration of the larger model. Also asked for before training, to check plans that are to come.
   * @throws UserError where the model cannot grow so
   */
  config(model: ModelConfig, options: Options): ModelConfig;
  /** Its parameters, in any order; those that are missing start as `initial` says. */
  parameters(growth: ModelGrowth, options: Options): ReadonlyMap<string, HostArray>;
  /**
   * Moments of Adam after growing, by parameter. Default: as they were, with zeros behind them where a parameter has become
   * larger, and zeros for new ones.
   */
  moments?(moments: ReadonlyMap<string, HostArray>, growth: ModelGrowth): ReadonlyMap<string, HostArray>;
  /** What grew, in words: "width 64 → 96". Default: the options that changed. */
  summary?(before: ModelConfig, after: ModelConfig): string;
}

/** A token strategy whose options are behind the functions that read them. */
export interface AnyTokenStrategy {
  readonly kind: "tokens";
  readonly name: string;
  readonly preserves: boolean;
  /** The norm of new tokens with which it makes sense, see `model.tokenNorm`. Default: both. */
  readonly norm?: "all" | "generation";
  /** Throws a `UserError` for options that it does not take. */
  check(options: unknown): void;
  tokens(growth: SiteGrowth, options: unknown): { readonly keys: HostArray; readonly values: HostArray };
  exactTau(site: Site, added: number): number;
  moment(moment: HostArray, growth: SiteGrowth, of: "keys" | "values"): HostArray;
  refusal(site: Site, added: number): string | undefined;
}

/** As `AnyTokenStrategy`, for a whole model. */
export interface AnyModelStrategy {
  readonly kind: "model";
  readonly name: string;
  readonly preserves: boolean;
  config(model: ModelConfig, options: unknown): ModelConfig;
  parameters(growth: ModelGrowth, options: unknown): ReadonlyMap<string, HostArray>;
  readonly moments: ModelStrategy["moments"];
  summary(before: ModelConfig, after: ModelConfig): string;
  /** The generations of the larger model. Default: what is new is a generation of its own. */
  lineage?(state: ModelState, before: ModelConfig, after: ModelConfig): ModelState["lineage"];
}

export type AnyStrategy = AnyTokenStrategy | AnyModelStrategy;

export const ownStrategies = new OwnDefinitions<AnyStrategy & { readonly name: OwnName }>(
  "growth strategy",
  "--strategy",
);

/**
 * Makes a growth strategy known by its name: from here on the growth plans of this process can have it as their `init`.
 * @returns the name
 * @throws UserError for a name without a prefix, or one that is defined already
 */
export function defineGrowthStrategy<Options extends object>(
  strategy: TokenStrategy<Options> | ModelStrategy<Options>,
): OwnName {
  const { name, preserves } = strategy;
  const options = (given: unknown): Options => parsedOptions(strategy.options, given, `growth plan: ${name}: options`);
  if ("tokens" in strategy) {
    ownStrategies.define({
      kind: "tokens",
      name,
      preserves,
      check: options,
      tokens: (growth, given) => strategy.tokens(growth, options(given)),
      exactTau: (site, added) => strategy.exactTau?.(site, added) ?? site.tau,
      moment: (moment, growth, of) => strategy.moment?.(moment, growth, of) ?? withRows(moment, growth.added),
      refusal: (site, added) => strategy.refusal?.(site, added),
    });
  } else {
    ownStrategies.define({
      kind: "model",
      name,
      preserves,
      config: (model, given) => strategy.config(structuredClone(model), options(given)),
      parameters: (growth, given) => strategy.parameters(withOwnConfigs(growth), options(given)),
      moments:
        strategy.moments && ((moments, growth) => strategy.moments?.(moments, withOwnConfigs(growth)) ?? moments),
      summary: (before, after) =>
        strategy.summary?.(structuredClone(before), structuredClone(after)) ?? changesBetween(before, after),
    });
  }
  return name;
}

/** A growth with copies of its configurations: a strategy that changes what it is given changes no run. */
function withOwnConfigs(growth: ModelGrowth): ModelGrowth {
  return { ...growth, before: structuredClone(growth.before), after: structuredClone(growth.after) };
}

/** What differs between two configurations, for example "layers 2 → 3, heads 4 → 6". */
function changesBetween(before: ModelConfig, after: ModelConfig): string {
  const old = new Map<string, unknown>(Object.entries(before));
  const print = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const changes = Object.entries(after).flatMap(([key, value]) =>
    JSON.stringify(value) === JSON.stringify(old.get(key)) ? [] : [`${key} ${print(old.get(key))} → ${print(value)}`],
  );
  return changes.join(", ") || "the weights alone";
}
