/** The configuration of a published model: the keys of GPT-NeoX with TokenFormer's own, or the like in a config.json. */

import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf, UserError } from "../errors.ts";
import { explainFileError } from "../formats/index.ts";
import { pattentionActivations } from "../nn/index.ts";

const count = z.int().positive();

/** A value that the model here has no other for; `reason` says what it is. */
const only = <Value extends string | number | boolean | null>(values: readonly Value[], reason: string) =>
  z
    .literal(values, {
      error: ({ input }) => `is ${JSON.stringify(input)}, expected ${values.join(" or ")}: ${reason}`,
    })
    .optional();

const norm = z
  .enum(["layernorm", "layernorm_nonparam"], {
    error: ({ input }) => `is ${JSON.stringify(input)}, expected "layernorm" or "layernorm_nonparam"`,
  })
  .nullish();

/**
 * What is read of a configuration. Other keys say how a model was trained, and are passed over. Those that change what a
 * model computes in a way that is not known here are refused.
 */
const publishedSchema = z.object({
  num_layers: count.optional(),
  hidden_size: count.optional(),
  num_attention_heads: z.int("expected the number of attention heads").positive(),
  /** Parameter tokens of query, key and value, of the projection and of the feed-forward layer. */
  qkv_slot_num: count.optional(),
  proj_slot_num: count.optional(),
  ffn_slot_num: count.optional(),
  seq_length: count.optional(),
  max_position_embeddings: count.optional(),
  norm_activation_type: z.enum(pattentionActivations).default("l2_norm_gelu"),
  pos_emb: z
    .enum(["rotary", "learned"], {
      error: ({ input }) => `is ${JSON.stringify(input)}, expected "rotary" or "learned"`,
    })
    .optional(),
  rotary_pct: z.number().gt(0).max(1).default(1),
  norm,
  final_norm: norm,
  no_weight_tying: z.boolean().optional(),
  layernorm_epsilon: only([1e-5], "other epsilons are not supported"),
  rotary_emb_base: only([10_000], "other bases of rotary positions are not supported"),
  use_mup: only([false], "the multipliers of μP are not supported"),
  opt_pos_emb_offset: only([0], "shifted positions are not supported"),
  transformer_increase_dim: only([0], "models that grew in width are not supported"),
  sliding_window_width: only([null], "attention within a window is not supported"),
  num_kv_heads: count.nullish(),
  attention_config: z.unknown().optional(),
});

export type PublishedConfig = z.infer<typeof publishedSchema>;

/** Names that Hugging Face's configurations have for the same. */
const SYNONYMS: Readonly<Record<string, string>> = {
  num_hidden_layers: "num_layers",
  layer_norm_eps: "layernorm_epsilon",
  rotary_embedding_base: "rotary_emb_base",
};

/**
 * Reads the configuration of a published model from a YAML or JSON file. Keys may have dashes or underscores.
 * @throws UserError where it cannot be read, or says what is not supported
 */
export async function readPublishedConfig(file: string): Promise<PublishedConfig> {
  const given = parseYaml(await readText(file), file);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new UserError(`${file}: holds no keys and values, expected the configuration of a model; name another file`);
  }
  const keys = new Map(Object.entries(given).map(([key, value]) => [keyName(key), value]));
  if (keys.has("formatversion")) {
    throw new UserError(
      `${file}: is the configuration of a run of this program, which needs no import; use the folder`,
    );
  }
  if (typeof keys.get("tie_word_embeddings") === "boolean" && !keys.has("no_weight_tying")) {
    keys.set("no_weight_tying", keys.get("tie_word_embeddings") === false);
  }
  const result = publishedSchema.safeParse(Object.fromEntries(keys));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new UserError(`${file}: ${issue?.path.join(".")}: ${issue?.message}; correct the file`);
  }
  checkLayers(result.data, file);
  return result.data;
}

function keyName(key: string): string {
  const name = key.replaceAll("-", "_").toLowerCase();
  return SYNONYMS[name] ?? name;
}

/** JSON is YAML, but for tabs. */
function parseYaml(text: string, file: string): unknown {
  try {
    return file.endsWith(".json") ? JSON.parse(text) : parse(text, { maxAliasCount: 100, prettyErrors: true });
  } catch (error) {
    const [reason = ""] = messageOf(error).split("\n");
    throw new UserError(`${file}: is not the YAML or JSON that it should be (${reason.replace(/:$/, "")}); correct it`);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}

/** Refuses layers and heads of other kinds. */
function checkLayers({ attention_config, num_kv_heads, num_attention_heads }: PublishedConfig, file: string): void {
  const kinds = JSON.stringify(attention_config ?? []).match(/[a-z_]+/gi) ?? [];
  const other = kinds.find((kind) => kind !== "tokenformer");
  if (other !== undefined && other !== "null") {
    throw new UserError(`${file}: attention_config: has layers of type "${other}", expected "tokenformer" alone`);
  }
  if (typeof num_kv_heads === "number" && num_kv_heads !== num_attention_heads) {
    throw new UserError(
      `${file}: num_kv_heads: is ${num_kv_heads}, expected ${num_attention_heads} as num_attention_heads: shared heads are not supported`,
    );
  }
}
