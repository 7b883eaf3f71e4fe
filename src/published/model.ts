/** From a published configuration and the tensors of a checkpoint to a model's configuration, with every shape checked. */

import { UserError } from "../errors.ts";
import { isFloat, type WeightEntry, type WeightFile } from "../formats/index.ts";
import {
  type CompleteModelConfig,
  modelSchema,
  parametersOf,
  type SiteKind,
  type SizedParameter,
  siteKinds,
  sitePath,
  type TokenFormerConfig,
} from "../model/index.ts";
import { checkPlainly } from "../plain-words.ts";
import type { PublishedConfig } from "./config.ts";
import { publishedName, tensorsByName } from "./names.ts";

/** A parameter of the model, and the tensors of the file that hold it: more than one where weights are tied. */
export interface Source {
  readonly parameter: SizedParameter;
  readonly names: readonly [string, ...string[]];
}

export interface PublishedModel {
  readonly config: CompleteModelConfig<TokenFormerConfig>;
  readonly sources: readonly Source[];
}

/** Where the parts come from, for messages. */
export interface Origin {
  readonly weights: string;
  readonly config: string;
}

/**
 * The model of a published checkpoint. Sizes are those of the tensors, which the configuration must not contradict.
 * @throws UserError naming the tensor, and the shape found and expected, where one is missing, unknown or of another shape
 */
export function publishedModel(file: WeightFile, published: PublishedConfig, origin: Origin): PublishedModel {
  const found = new Found(file, origin);
  const config = modelConfig(published, found, origin);
  const parameters = parametersOf(config);
  const sources = parameters.map((parameter): Source => {
    const names = found.tensors(publishedName(parameter.name, config.layers), parameter.size);
    for (const name of names) found.check(name, parameter.size, origin.config);
    return { parameter, names };
  });
  const tied = config.tied ? tiedOutput(sources, found, origin) : sources;
  found.checkAllKnown(new Set(tied.flatMap(({ names }) => [...names])));
  return { config, sources: tied };
}

/** The tensors of a file by the names that they stand for. */
class Found {
  readonly #entries: ReadonlyMap<string, WeightEntry>;
  readonly #names: ReadonlyMap<string, readonly [string, ...string[]]>;
  readonly #file: string;

  constructor({ entries }: WeightFile, { weights }: Origin) {
    this.#entries = entries;
    this.#names = tensorsByName(entries.keys());
    this.#file = weights;
  }

  has(published: string): boolean {
    return this.#names.has(canonical(published));
  }

  /** The names in the file of a tensor with a published name, which must be there. */
  tensors(published: string, expected?: readonly number[]): readonly [string, ...string[]] {
    const names = this.#names.get(canonical(published));
    if (names !== undefined) return names;
    const size = expected === undefined ? "" : `, expected [${expected.join(", ")}]`;
    throw new UserError(
      `${this.#file}: the tensor "${published}" is missing${size}; the file is no whole checkpoint of a TokenFormer`,
    );
  }

  shape(published: string): readonly number[] {
    return this.#entries.get(this.tensors(published)[0])?.shape ?? [];
  }

  /** The blocks that the tensors have: one more than the highest number. */
  get layers(): number {
    const numbers = [...this.#names.keys()].flatMap(
      (name) => /^sequential\.(\d+)\.(?:attention|mlp)\./.exec(name)?.[1] ?? [],
    );
    return Math.max(0, ...numbers.map((number) => Number(number) - 1));
  }

  /** @param config the file whose numbers the expected shape follows from */
  check(name: string, expected: readonly number[], config: string): void {
    const { shape = [], dtype } = this.#entries.get(name) ?? {};
    if (shape.length !== expected.length || shape.some((size, axis) => size !== expected[axis])) {
      throw new UserError(
        `${this.#file}: the tensor "${name}" is [${shape.join(", ")}], expected [${expected.join(", ")}] by ${config} and the other tensors; the two are of different models`,
      );
    }
    if (dtype === undefined || !isFloat(dtype)) {
      throw new UserError(
        `${this.#file}: the tensor "${name}" is ${dtype}, expected F32, F16, BF16 or F64; convert it first`,
      );
    }
  }

  checkAllKnown(used: ReadonlySet<string>): void {
    for (const name of [...this.#names.values()].flat()) {
      if (used.has(name)) continue;
      throw new UserError(
        `${this.#file}: the tensor "${name}" has no place in the model, so that leaving it out could change what it computes; remove it if it is of no use`,
      );
    }
  }
}

/** The output of an untied model has a number that depends on the layers; its canonical name has none. */
function canonical(published: string): string {
  return published.endsWith(".final_linear.weight") ? "output.weight" : published;
}

function modelConfig(published: PublishedConfig, found: Found, origin: Origin): CompleteModelConfig<TokenFormerConfig> {
  const [vocabulary = 0, embedded = 0] = found.shape(publishedName("embedding.tokens", 0));
  const layers = published.num_layers ?? found.layers;
  const width = published.hidden_size ?? embedded;
  checkRows(published.padded_vocab_size, publishedName("embedding.tokens", 0), "vocab_size", found, origin);
  checkRotation(published, width, origin);
  const parametric = (norm: string | null | undefined, scale: string) =>
    (norm === undefined || norm === null ? found.has(publishedName(scale, layers)) : norm === "layernorm")
      ? "parametric"
      : "nonparametric";
  const result = checkPlainly(modelSchema, {
    type: "tokenformer",
    vocabulary,
    context: contextOf(published, found, origin),
    layers,
    heads: published.num_attention_heads,
    width,
    tied: !(published.no_weight_tying ?? found.has("output.weight")),
    tokens: Object.fromEntries(siteKinds.map((kind) => [kind, tokensOf(kind, layers, published, found, origin)])),
    activation: published.norm_activation_type,
    positions: positionsOf(published, found, origin),
    rotaryFraction: published.rotary_pct,
    blockNorm: parametric(published.norm, "blocks.0.attentionNorm.scale"),
    finalNorm: parametric(published.final_norm ?? published.norm, "finalNorm.scale"),
  });
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new UserError(`${origin.config}: makes no model: ${issue?.path.join(".")}: ${issue?.message}; correct it`);
  }
  if (result.data.type !== "tokenformer") throw new Error("internal: the type was given");
  return { ...result.data, vocabulary };
}

/** Refuses a table whose rows are not as many as a key of the configuration says, if it says so. */
function checkRows(
  expected: number | undefined,
  name: string,
  key: string,
  found: Found,
  { weights, config }: Origin,
): void {
  const [rows, ...columns] = found.shape(name);
  if (expected === undefined || expected === rows) return;
  throw new UserError(
    `${weights}: the tensor "${name}" is [${[rows, ...columns].join(", ")}], expected [${[expected, ...columns].join(", ")}] by ${key} in ${config}; the two are of different models`,
  );
}

/** The parameter tokens of the sites of a kind, layer by layer, by the shapes of their keys. */
function tokensOf(kind: SiteKind, layers: number, published: PublishedConfig, found: Found, origin: Origin) {
  const key = kind === "feedForward" ? "ffn_slot_num" : kind === "projection" ? "proj_slot_num" : "qkv_slot_num";
  const given = published[key];
  const tokens = Array.from({ length: layers }, (_, layer) => {
    const name = publishedName(`${sitePath(layer, kind)}.keys`, layers);
    checkRows(given, name, key, found, origin);
    return found.shape(name)[0] ?? 0;
  });
  return new Set(tokens).size === 1 ? tokens[0] : tokens;
}

/** The longest sequence: of learned positions their number, else what the model was trained with. */
function contextOf({ seq_length, max_position_embeddings }: PublishedConfig, found: Found, origin: Origin): number {
  const learned = publishedName("embedding.positions", 0);
  if (found.has(learned)) checkRows(max_position_embeddings, learned, "max_position_embeddings", found, origin);
  const context = found.has(learned) ? found.shape(learned)[0] : (seq_length ?? max_position_embeddings);
  if (context !== undefined) return context;
  throw new UserError(`${origin.config}: says no seq_length, expected the longest sequence in tokens; add it`);
}

function positionsOf({ pos_emb }: PublishedConfig, found: Found, { config }: Origin): "rotary" | "learned" {
  if (pos_emb !== undefined) return pos_emb;
  if (found.has(publishedName("embedding.positions", 0))) return "learned";
  throw new UserError(`${config}: says no pos_emb, and the weights have no learned positions; add pos_emb: rotary`);
}

/** The published code rotates the whole part of that share, and can only rotate pairs. */
function checkRotation(
  { pos_emb, rotary_pct, num_attention_heads }: PublishedConfig,
  width: number,
  { config }: Origin,
) {
  const channels = Math.floor((width / num_attention_heads) * rotary_pct);
  if (pos_emb === "learned" || channels % 2 === 0) return;
  throw new UserError(
    `${config}: rotary_pct: ${rotary_pct} of ${width / num_attention_heads} channels a head are ${channels}, expected an even number; correct it`,
  );
}

/** In a tied model, an output that is stored as well is one more name of the embedding. */
function tiedOutput(sources: readonly Source[], found: Found, { config }: Origin): Source[] {
  return sources.map(({ parameter, names }) => {
    if (parameter.name !== "embedding.tokens" || !found.has("output.weight")) return { parameter, names };
    const outputs = found.tensors("output.weight");
    for (const name of outputs) found.check(name, parameter.size, config);
    return { parameter, names: [...names, ...outputs] };
  });
}
