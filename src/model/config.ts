/** The configuration of a model: one schema gives the types, the checks and their messages. */

import { z } from "zod";
import { NORM_EPSILON, pattentionActivations } from "../nn/index.ts";
import { isOwnName } from "../own-names.ts";
import { checkPlainly } from "../plain-words.ts";
import { type OwnModelConfig, ownModelSchema } from "./own.ts";

const count = z.int().positive();
const natural = z.int().nonnegative();
const rate = z.number().min(0).lt(1);

/** Layers, at most: as many as the deepest published models have, as a fault of a file must not make a program of any length. */
const MOST_LAYERS = 1000;

/** Generations with norms of their own, at most: each is as much of the program as the first tokens of all sites. */
const MOST_GENERATIONS = 256;

/** Channels of one head that rotary positions rotate in all layers together, at most: each is a part of the program. */
const MOST_ROTATED = 2 ** 18;

/** The places of a block that hold parameter tokens, in the order in which a block uses them. */
export const siteKinds = ["query", "key", "value", "projection", "feedForward"] as const;

export type SiteKind = (typeof siteKinds)[number];

/** One value for all layers, or one for each. */
const perLayer = (item: z.ZodNumber, what: string) =>
  z.union([item, z.array(item).nonempty()], {
    error: `expected a ${what}, or an array with one for each layer`,
  });

const perSite = (item: z.ZodNumber, what: string) =>
  z.strictObject({
    query: perLayer(item, what),
    key: perLayer(item, what),
    value: perLayer(item, what),
    projection: perLayer(item, what),
    feedForward: perLayer(item, what),
  });

/** Tokens that were appended together, with a norm of their own. */
export const generationSchema = z.strictObject({
  /** Tokens of each site; 0 where none were appended. */
  tokens: perSite(natural, "whole number of 0 or more"),
  /** The τ of each site. Default: the square root of its number of tokens. */
  tau: perSite(z.number().nonnegative(), "number of 0 or more").optional(),
});

/** The lecture's `bigram.py`: the logits of the next token are a row of a table. */
const bigram = z.strictObject({
  type: z.literal("bigram"),
  /** Number of token ids. Default: the tokenizer's. */
  vocabulary: count.optional(),
  /** Tokens of a training window. */
  context: count,
});

/** How a model knows where a token stands. */
const positions = z.enum(["rotary", "learned"]);

/**
 * The names of parametrisations: how tensors start and how fast they learn, see `parametrisation.ts`. The numbers of a name never
 * change, so that a stored configuration says how fast its run learns: better ones get another name.
 */
export const parametrisations = ["published", "balanced"] as const;

export type Parametrisation = (typeof parametrisations)[number];

/** A number of blocks, which what lists all sites of a model takes its time for. */
export const layerCount = count.max(MOST_LAYERS, `expected at most ${MOST_LAYERS} layers`);

const blocks = {
  /** Number of token ids. Default: the tokenizer's. */
  vocabulary: count.optional(),
  /** The longest sequence, in tokens. */
  context: count,
  /** Blocks of attention and feed-forward layer, one after the other. */
  layers: layerCount,
  /** Attention heads; they divide the width. */
  heads: count,
  /** Channels of the residual stream. */
  width: count,
  /** Probability of dropping an attention weight, or a channel of what a layer adds, while training. */
  dropout: rate.default(0),
  /** Whether the output uses the token embeddings as its weights. */
  tied: z.boolean(),
  /**
   * How tensors start, and what the learning rate is multiplied by for each kind of them. `published`: as in the published
   * TokenFormer, and in the lecture. `balanced`: so that branches are as large beside the residual stream, and one learning rate
   * is good, whatever the numbers of tokens and channels. Default: `published`.
   */
  parametrisation: z.enum(parametrisations).optional(),
  /** Share of a head's channels that rotary positions rotate. */
  rotaryFraction: z.number().gt(0).max(1).default(0.25),
};

/** The lecture's `gpt.py`. */
const transformer = z.strictObject({
  type: z.literal("transformer"),
  ...blocks,
  /** The function of the feed-forward layer, which is 4 × width wide. */
  activation: z.enum(["relu", "gelu"]),
  /** Whether there are biases, as in the lecture: on the attention projection, the feed-forward layer and the output. */
  biases: z.boolean(),
  /** `learned`: an embedding of each position. `rotary`: queries and keys are rotated by position (arXiv 2104.09864). */
  positions: positions.default("learned"),
  /** ε of the norms. Widening makes it smaller by as much as it does the variance, so that the function stays what it was. */
  normEpsilon: z.number().positive().default(NORM_EPSILON),
});

/** TokenFormer (arXiv 2410.23168): token–parameter attention in place of every projection. */
const tokenformer = z.strictObject({
  type: z.literal("tokenformer"),
  ...blocks,
  /** Parameter tokens of each site: one number for all layers, or a list with one for each. */
  tokens: perSite(count, "positive whole number"),
  /**
   * The scale τ of each site's weights. Default: the square root of its number of tokens. Where τ is learned, what it starts
   * from, or was when the model last grew.
   */
  tau: perSite(z.number().positive(), "positive number").optional(),
  /** Whether each site's τ is a parameter, `<site>.tau`, that is trained with the others, without weight decay. */
  learnedTau: z.boolean().default(false),
  /** The function Θ from scores to weights. */
  activation: z.enum(pattentionActivations).default("l2_norm_gelu"),
  /**
   * The tokens over which Θ takes its norm where a site has grown. `all`: all of the site. `generation`: those that were appended together,
   * so that what generations give adds up, and new tokens change nothing while their values are zero. Default: `all`.
   */
  tokenNorm: z.enum(["all", "generation"]).optional(),
  /** Tokens with norms of their own, beside those of `tokens` and `tau`, in the order in which they were appended. Default: none. */
  generations: z.array(generationSchema).max(MOST_GENERATIONS, `expected at most ${MOST_GENERATIONS}`).optional(),
  /** `learned`: an embedding of each position. `rotary`: queries and keys are rotated by position (arXiv 2104.09864). */
  positions: positions.default("rotary"),
  /** Whether a block's norms have a scale and a bias. */
  blockNorm: z.enum(["nonparametric", "parametric"]).default("nonparametric"),
  /** Whether the norm before the output has a scale and a bias. */
  finalNorm: z.enum(["nonparametric", "parametric"]).default("parametric"),
});

const error = ({ code }: z.core.$ZodRawIssue) =>
  code === "invalid_union"
    ? 'expected one of bigram, transformer and tokenformer, or a name of your own such as "mine:mixer"'
    : undefined;

/** The models of this library. */
const builtInSchema = z.discriminatedUnion("type", [bigram, transformer, tokenformer], { error }).check((context) => {
  for (const { path, message } of inconsistencies(context.value)) {
    context.issues.push({ code: "custom", path, message, input: context.value });
  }
});

type BuiltInConfig = z.infer<typeof builtInSchema>;

/** A model of this library, or one of one's own, whose definition checks its options. */
export const modelSchema = z
  .custom<z.input<typeof builtInSchema> | OwnModelConfig>()
  .transform((given, { issues }): ModelConfig => {
    const schema: z.ZodType<ModelConfig> = isOwn(given) ? ownModelSchema : builtInSchema;
    const { data, error } = checkPlainly(schema, given);
    if (data !== undefined) return data;
    issues.push(...error.issues.map((issue) => ({ ...issue, input: undefined })));
    return z.NEVER;
  })
  .meta({
    /** What is known of the schema beforehand, for descriptions of it. */
    get oneOf() {
      return z.toJSONSchema(builtInSchema, { io: "input", unrepresentable: "any" }).oneOf;
    },
  });

export type ModelConfig = BuiltInConfig | OwnModelConfig;
export type BigramConfig = Extract<ModelConfig, { type: "bigram" }>;
export type TransformerConfig = Extract<ModelConfig, { type: "transformer" }>;
export type TokenFormerConfig = Extract<ModelConfig, { type: "tokenformer" }>;

/** A configuration whose vocabulary is known. */
export type CompleteModelConfig<Config extends ModelConfig = ModelConfig> = Config & { readonly vocabulary: number };

/** Whether something is meant as the configuration of a model of one's own. */
export function isOwn(config: unknown): config is OwnModelConfig {
  return typeof config === "object" && config !== null && "type" in config && isOwnName(config.type);
}

/** Whether a model is one of this library's that have blocks. */
export function hasBlocks<Config extends ModelConfig>(
  config: Config,
): config is Config & (TransformerConfig | TokenFormerConfig) {
  return config.type === "transformer" || config.type === "tokenformer";
}

/** Channels of each head that rotary positions rotate: the fraction, rounded down to an even number. */
export function rotaryChannels(config: TransformerConfig | TokenFormerConfig): number {
  const { width, heads, rotaryFraction, positions } = config;
  return positions === "rotary" ? 2 * Math.floor(((width / heads) * rotaryFraction) / 2) : 0;
}

/** What a schema of single fields cannot see. */
function inconsistencies(model: BuiltInConfig): { path: string[]; message: string }[] {
  if (model.type === "bigram") return [];
  const found: { path: string[]; message: string }[] = [];
  const { width, heads, layers } = model;
  if (width % heads !== 0) {
    const near = [heads - 1, heads + 1, 2].find((n) => n > 1 && width % n === 0);
    const other = near === undefined ? "1 head" : `${near} heads`;
    const message = `width ${width} is not divisible by ${heads} heads; use a multiple of ${heads} as width, or ${other}`;
    found.push({ path: ["heads"], message });
  }
  if (model.positions === "rotary" && width % heads === 0 && rotaryChannels(model) < 2) {
    const message = `${model.rotaryFraction} of ${width / heads} channels a head leaves none to rotate; raise it or use positions "learned"`;
    found.push({ path: ["rotaryFraction"], message });
  }
  if (layers * rotaryChannels(model) > MOST_ROTATED) {
    const message = `${layers} layers with ${rotaryChannels(model)} rotated channels a head are more than ${MOST_ROTATED} in all; use more heads, a smaller rotaryFraction or positions "learned"`;
    found.push({ path: ["rotaryFraction"], message });
  }
  if (model.type === "transformer") return found;
  if (model.learnedTau && model.activation === "softmax") {
    const message = "there is no τ to learn with activation softmax; leave it out, or use another activation";
    found.push({ path: ["learnedTau"], message });
  }
  const generations = (model.generations ?? []).flatMap(({ tokens, tau }, index) => [
    { path: ["generations", `${index}`, "tokens"], sites: tokens },
    { path: ["generations", `${index}`, "tau"], sites: tau },
  ]);
  const first = [
    { path: ["tokens"], sites: model.tokens },
    { path: ["tau"], sites: model.tau },
  ];
  for (const { path, sites } of [...first, ...generations]) {
    for (const [site, value] of Object.entries(sites ?? {})) {
      if (!Array.isArray(value) || value.length === layers) continue;
      found.push({
        path: [...path, site],
        message: `has ${value.length} numbers for ${layers} layers; give one for each, or one number for all`,
      });
    }
  }
  return found;
}
