/** Models of one's own: what defines one, and what is kept of it in a configuration. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import type { Model } from "../nn/index.ts";
import { checkedOptions, type OptionsSchema, parsedOptions } from "../options.ts";
import { isOwnName, OwnDefinitions, type OwnName } from "../own-names.ts";
import type { Site } from "./site.ts";

/** What every model is told beside its options. */
export interface ModelSizes {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** The longest sequence, in tokens. */
  readonly context: number;
}

/** A site as a model declares it: a path at which it calls `pattention`, and how many parameter tokens are there at first. */
export interface SiteDeclaration {
  /** Path of the scope, for example `blocks.0.mixer`: its parameters are `<path>.keys` and `<path>.values`. */
  readonly path: string;
  readonly tokens: number;
  /** What growth plans call it: `add: { mixer: 32 }`. Default: the last part of the path. */
  readonly kind?: string;
  /** The block it belongs to, from 0. Default: the first number in the path, else 0. */
  readonly layer?: number;
}

/** A model of one's own: the library trains, grows, keeps, writes with and exports it by this alone. */
export interface ModelDefinition<Options extends object> {
  /** What configurations call it: with a prefix of your own, such as "mine:mixer". */
  readonly name: OwnName;
  /** What it can be told: a Standard Schema, or `optionsWithDefaults({ width: 64 })`. */
  readonly options: OptionsSchema<Options>;
  /**
   * Its forward pass, a function of named parameters and tokens: int32 [B, T] → logits float32 [B, T, vocabulary]. It is traced
   * once for each program; the number of parameter tokens of a site must stay a symbol in it.
   */
  forward(config: Options & ModelSizes): Model;
  /** The places that hold parameter tokens, which growth can append. Default: none. */
  sites?(config: Options & Pick<ModelSizes, "context">): readonly SiteDeclaration[];
  /**
   * Floating-point operations of a forward pass over one sequence of so many tokens, a multiplication and an addition counted as
   * two. Default: those of the matrix products in its graph.
   */
  flops?(config: Options & ModelSizes, time: number): number;
  /** Numbers that a training pass keeps for each token, at least. Default: the results of the products in its graph. */
  activations?(config: Options & ModelSizes): number;
  /**
   * Whether a token reaches later ones by `causalAttention` alone, whose keys and values can be cached while writing. Otherwise the
   * whole window goes through the model for each token that is written. Default false.
   */
  readonly cached?: boolean;
}

/** The configuration of a model of one's own. Its options stand beside these keys. */
export interface OwnModelConfig {
  readonly type: OwnName;
  /** Number of token ids. Default: the tokenizer's. */
  readonly vocabulary?: number | undefined;
  readonly context: number;
  /** Numbers of tokens and τ of its sites, by their paths, once they are known. */
  readonly sites?: Readonly<Record<string, { readonly tokens: number; readonly tau: number }>> | undefined;
  readonly [option: string]: unknown;
}

/** A definition whose options are behind the functions that read them. */
interface OwnModel {
  readonly name: OwnName;
  readonly cached: boolean;
  check(options: unknown): ReturnType<typeof checkedOptions<object>>;
  forward(config: OwnModelConfig & ModelSizes): Model;
  sites(config: OwnModelConfig): readonly SiteDeclaration[];
  readonly flops: ((config: OwnModelConfig & ModelSizes, time: number) => number) | undefined;
  readonly activations: ((config: OwnModelConfig & ModelSizes) => number) | undefined;
}

export const ownModels = new OwnDefinitions<OwnModel>("model", "--model");

/**
 * Makes a model known by its name: from here on configurations and checkpoints of this process can have `model.type` with it.
 * @returns the name
 * @throws UserError for a name without a prefix, or one that is defined already, and for an option with a name that every
 * configuration has
 */
export function defineModel<Options extends object>(definition: ModelDefinition<Options>): OwnName {
  const { name, options: schema, cached = false, flops, activations } = definition;
  const told = <Sizes extends object>(config: OwnModelConfig, sizes: Sizes): Options & Sizes => ({
    ...parsedOptions(schema, optionsOf(config), "model"),
    ...sizes,
  });
  const whole = (config: OwnModelConfig & ModelSizes) =>
    told(config, { vocabulary: config.vocabulary, context: config.context });
  const check = (options: unknown) => requireFree(name, checkedOptions(schema, options, name));
  // What its options are named, where all have defaults.
  check({});
  ownModels.define({
    name,
    cached,
    check,
    forward: (config) => definition.forward(whole(config)),
    sites: (config) => checkedSites(name, definition.sites?.(told(config, { context: config.context })) ?? []),
    flops: flops && ((config, time) => definition.flops?.(whole(config), time) ?? 0),
    activations: activations && ((config) => definition.activations?.(whole(config)) ?? 0),
  });
  return name;
}

/** The keys that every configuration of a model of one's own has beside its options. */
const COMMON = ["type", "vocabulary", "context", "sites"];

/** Checked options, of which none takes the place of what every configuration has. */
function requireFree(name: OwnName, checked: ReturnType<typeof checkedOptions<object>>): typeof checked {
  const taken = "value" in checked ? COMMON.find((key) => Object.hasOwn(checked.value, key)) : undefined;
  if (taken === undefined) return checked;
  throw new UserError(
    `the model "${name}": has an option named ${taken}, which is a key of every configuration; choose another name`,
  );
}

/** Sites as a model declares them, each of its own path, and with tokens to begin with. */
function checkedSites(name: OwnName, declared: readonly SiteDeclaration[]): readonly SiteDeclaration[] {
  const paths = new Set<string>();
  for (const { path, tokens } of declared) {
    if (paths.has(path)) throw new UserError(`the model "${name}": declares the site ${path} twice; leave one out`);
    paths.add(path);
    if (Number.isSafeInteger(tokens) && tokens > 0) continue;
    throw new UserError(`the model "${name}": the site ${path} has ${tokens} tokens, expected a whole number from 1`);
  }
  return declared;
}

/** The options of a configuration, without what every model is told. */
function optionsOf({ type: _, vocabulary: __, context: ___, sites: ____, ...options }: OwnModelConfig) {
  return options;
}

const count = z.int().positive();

/** What every configuration of a model of one's own has; its options are checked by its definition. */
export const ownModelSchema = z
  .looseObject({
    type: z.custom<OwnName>(isOwnName),
    vocabulary: count.optional(),
    context: count,
    sites: z.record(z.string(), z.strictObject({ tokens: count, tau: z.number().positive() })).optional(),
  })
  .transform((given, { issues }): OwnModelConfig => {
    const { type, vocabulary, context, sites } = given;
    const kept = { type, ...(vocabulary !== undefined && { vocabulary }), context };
    const found = ownModels.find(type);
    if (found === undefined) {
      issues.push({ code: "custom", path: ["type"], message: ownModels.missing(type), input: type });
      return z.NEVER;
    }
    const result = found.check(optionsOf(given));
    if ("faults" in result) {
      for (const { path, message } of result.faults) {
        issues.push({ code: "custom", path: [...path], message, input: given });
      }
      return z.NEVER;
    }
    return { ...kept, ...result.value, ...(sites !== undefined && { sites }) };
  });

/** The sites of a model as they are now, in the order in which it declares them. */
export function ownSites(config: OwnModelConfig): Site[] {
  return ownModels
    .of(config.type)
    .sites(config)
    .map(
      ({ path, tokens: first, kind = path.split(".").at(-1) ?? path, layer = Number(/\d+/.exec(path)?.[0] ?? 0) }) => {
        const { tokens, tau } = config.sites?.[path] ?? { tokens: first, tau: Math.sqrt(first) };
        return { path, place: path, generation: 0, kind, layer, tokens, tau };
      },
    );
}

export function withOwnSites(config: OwnModelConfig, sites: readonly Site[]): OwnModelConfig {
  if (sites.length === 0) return config;
  return { ...config, sites: Object.fromEntries(sites.map(({ path, tokens, tau }) => [path, { tokens, tau }])) };
}
