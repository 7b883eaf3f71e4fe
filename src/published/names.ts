/** The names of tensors in published checkpoints (TokenFormer's code on GPT-NeoX), and ours for the same. */

import type { SiteKind } from "../model/index.ts";

const siteNames: Readonly<Record<SiteKind, string>> = {
  query: "attention.query",
  key: "attention.key",
  value: "attention.value",
  projection: "attention.proj",
  feedForward: "mlp",
};

/** The modules of a published model are numbered: embedding, a step without weights, the blocks, a step, norm, output. */
const FIRST_BLOCK = 2;
const finalNormOf = (layers: number) => FIRST_BLOCK + layers + 1;

/**
 * The published name of a parameter, for example `sequential.2.attention.query.key_param_tokens` of
 * `blocks.0.attention.query.keys`.
 */
export function publishedName(parameter: string, layers: number): string {
  const block = /^blocks\.(\d+)\.(.+)$/.exec(parameter);
  if (block !== null) return `sequential.${Number(block[1]) + FIRST_BLOCK}.${blockName(block[2] ?? "")}`;
  switch (parameter) {
    case "embedding.tokens":
      return "sequential.0.word_embeddings.weight";
    case "embedding.positions":
      return "sequential.0.position_embeddings.weight";
    case "finalNorm.scale":
      return `sequential.${finalNormOf(layers)}.norm.weight`;
    case "finalNorm.bias":
      return `sequential.${finalNormOf(layers)}.norm.bias`;
    case "output.weight":
      return `sequential.${finalNormOf(layers) + 1}.final_linear.weight`;
    default:
      throw new Error(`internal: the published layout has no name for ${parameter}`);
  }
}

/** The published name of a block's parameter, without the block's own. */
function blockName(parameter: string): string {
  for (const [kind, name] of Object.entries(siteNames)) {
    const path = kind === "feedForward" ? kind : `attention.${kind}`;
    if (parameter === `${path}.keys`) return `${name}.key_param_tokens`;
    if (parameter === `${path}.values`) return `${name}.value_param_tokens`;
  }
  const norm = /^(attention|feedForward)Norm\.(scale|bias)$/.exec(parameter);
  if (norm === null) throw new Error(`internal: the published layout has no name for a block's ${parameter}`);
  const place = norm[1] === "attention" ? "input_layernorm" : "post_attention_layernorm";
  return `${place}.${norm[2] === "scale" ? "weight" : "bias"}`;
}

/** Prefixes that training frameworks put before the names of a model: data parallelism, compilation, pipelines. */
const PREFIX = /^(?:module\.|_orig_mod\.|_forward_module\.)+/;

/** Other names of the same tensors: in a pipeline (without `sequential.`), of a tied embedding, of the output. */
const ALIASES: readonly (readonly [name: RegExp, canonical: string])[] = [
  [/^(?:sequential\.)?tied_modules\.embed\.(word|position)_embeddings\.weight$/, "sequential.0.$1_embeddings.weight"],
  [/^(?:(?:sequential\.)?\d+\.)?(word|position)_embeddings\.weight$/, "sequential.0.$1_embeddings.weight"],
  [/^(?:(?:sequential\.)?\d+\.)?(?:final_linear|embed_out|lm_head)\.weight$/, "output.weight"],
  [/^(\d+)\.(.+)$/, "sequential.$1.$2"],
];

/** A name that does not depend on who stored the tensor. The output's is `output.weight`, whatever its number. */
export function canonicalName(name: string): string {
  const bare = name.replace(PREFIX, "");
  const alias = ALIASES.find(([pattern]) => pattern.test(bare));
  return alias === undefined ? bare : bare.replace(alias[0], alias[1]);
}

/** Buffers, which a model computes anew: frequencies of rotary positions, causal masks, slopes. */
const BUFFERS = [
  /\.attention\.rotary_emb\.(?:inv_freq|cos_cached|sin_cached)$/,
  /\.attention\.(?:masked_bias|bias)$/,
  /\.attention\.alibi_embed\.slopes$/,
  /^attention_mask$/,
];

export function isBuffer(name: string): boolean {
  return BUFFERS.some((pattern) => pattern.test(name));
}

/** The tensors of a file by their canonical names, without buffers: those that stand for the same come together. */
export function tensorsByName(stored: Iterable<string>): Map<string, [string, ...string[]]> {
  const names = new Map<string, [string, ...string[]]>();
  for (const name of stored) {
    const canonical = canonicalName(name);
    if (isBuffer(canonical)) continue;
    const others = names.get(canonical);
    if (others === undefined) names.set(canonical, [name]);
    else others.push(name);
  }
  return names;
}
