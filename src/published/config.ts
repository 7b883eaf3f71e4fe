/** The configuration of a published model: the keys of GPT-NeoX with TokenFormer's own, or the like in a config.json. */

import { parse } from "yaml";
import { z } from "zod";
import { messageOf, UserError } from "../errors.ts";
import { readFileText, sameJson } from "../formats/index.ts";
import { pattentionActivations } from "../nn/index.ts";
import { checkPlainly } from "../plain-words.ts";
import { suggestion } from "../suggestion.ts";
import { isWithoutEffect, nested, synonyms } from "./config-keys.ts";

const count = z.int().positive();

/** A value that the model here has no other for; `reason` says what it is. */
const only = <Value extends string | number | boolean>(value: Value, reason: string) =>
  z
    .literal(value, {
      error: ({ input }) => `is ${JSON.stringify(input)}, expected ${JSON.stringify(value)}: ${reason}`,
    })
    .optional();

const norm = z
  .enum(["layernorm", "layernorm_nonparam"], {
    error: ({ input }) => `is ${JSON.stringify(input)}, expected "layernorm" or "layernorm_nonparam"`,
  })
  .optional();

/**
 * What is read of a configuration. Keys that change nothing in what a model computes are passed over before, and what is left
 * is unknown; values that change it in a way that is not known here are refused.
 */
const publishedSchema = z.strictObject({
  num_layers: count.optional(),
  hidden_size: count.optional(),
  num_attention_heads: z.int("expected the number of attention heads").positive(),
  /** Parameter tokens of query, key and value, of the projection and of the feed-forward layer. */
  qkv_slot_num: count.optional(),
  proj_slot_num: count.optional(),
  ffn_slot_num: count.optional(),
  seq_length: count.optional(),
  max_position_embeddings: count.optional(),
  /** Rows of the embedding. */
  padded_vocab_size: count.optional(),
  norm_activation_type: z.enum(pattentionActivations).default("l2_norm_gelu"),
  hidden_act: only("gelu", "other activations are not supported"),
  pos_emb: z
    .enum(["rotary", "learned"], {
      error: ({ input }) => `is ${JSON.stringify(input)}, expected "rotary" or "learned"`,
    })
    .optional(),
  rotary_pct: z.number().gt(0).max(1).default(1),
  rotary_emb_base: only(10_000, "other bases of rotary positions are not supported"),
  rope_type: only("default", "scaled rotations are not supported"),
  norm,
  final_norm: norm,
  layernorm_epsilon: only(1e-5, "other epsilons are not supported"),
  no_weight_tying: z.boolean().optional(),
  num_kv_heads: count.optional(),
  head_dim: count.optional(),
  attention_config: z.unknown().optional(),
  sliding_window_width: z.never("attention within a window is not supported").optional(),
  use_qk_layernorm: only(false, "norms of queries and keys are not supported"),
  gpt_j_residual: only(false, "attention and feed-forward layer side by side are not supported"),
  gpt_j_tied: only(false, "attention and feed-forward layer side by side are not supported"),
  mlp_type: only("regular", "gated feed-forward layers are not supported"),
  num_experts: only(1, "experts are not supported"),
  soft_prompt_tuning: z.looseObject({ enabled: z.literal(false) }, "soft prompts are not supported").optional(),
  use_mup: only(false, "the multipliers of μP are not supported"),
  opt_pos_emb_offset: only(0, "shifted positions are not supported"),
  transformer_increase_dim: only(0, "models that grew in width are not supported"),
  is_encoder_decoder: only(false, "encoders are not supported"),
  add_cross_attention: only(false, "encoders are not supported"),
  scale_attn_weights: only(true, "other scales of attention are not supported"),
  scale_attn_by_inverse_layer_idx: only(false, "other scales of attention are not supported"),
});

export type PublishedConfig = z.infer<typeof publishedSchema>;

/**
 * Reads the configuration of a published model from a YAML or JSON file. Keys may have dashes or underscores, and the names
 * that Hugging Face has for them.
 * @throws UserError where it cannot be read, contradicts itself, or says what is not known or not supported
 */
export async function readPublishedConfig(file: string): Promise<PublishedConfig> {
  const given = parseYaml((await readFileText(file)).replace(/^\uFEFF/, ""), file);
  if (!isRecord(given)) {
    throw new UserError(`${file}: holds no keys and values, expected the configuration of a model; name another file`);
  }
  if ("formatVersion" in given) {
    throw new UserError(
      `${file}: is the configuration of a run of this program, which needs no import; use the folder`,
    );
  }
  const settings = settingsOf(given, file);
  const result = checkPlainly(
    publishedSchema,
    Object.fromEntries([...settings].map(([key, { value }]) => [key, value])),
  );
  if (!result.success) throw refusal(result.error.issues[0], settings, file);
  checkLayers(result.data, file);
  return result.data;
}

/** A value, and the key as the file writes it. */
interface Setting {
  readonly written: string;
  readonly value: unknown;
}

/** What a file says of the model, by the published names of its keys. */
function settingsOf(given: Readonly<Record<string, unknown>>, file: string): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  for (const [written, said] of flattened(given)) {
    const name = written.replace(/^.*\./, "").replaceAll("-", "_").toLowerCase();
    // What is null is left to the default, whatever it is.
    if (said === null || said === undefined || (isWithoutEffect(name) && !synonyms.has(name))) continue;
    const isTied = name === "tie_word_embeddings" && typeof said === "boolean";
    const key = isTied ? "no_weight_tying" : (synonyms.get(name) ?? name);
    const value = isTied ? !said : said;
    const before = settings.get(key);
    if (before !== undefined && !sameJson(before.value, value)) {
      throw new UserError(
        `${file}: ${before.written} and ${written}: contradict each other, expected one that is right; remove the other`,
      );
    }
    settings.set(key, { written, value });
  }
  return settings;
}

/** The keys and values of a file, with those of objects that belong to the whole in their place. */
function flattened(given: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(given).flatMap(([key, value]): [string, unknown][] => {
    if (!nested.includes(key) || !isRecord(value)) return [[key, value]];
    // Older files say `type` for `rope_type`.
    return Object.entries(value).map(([inner, part]) => [`${key}.${inner === "type" ? "rope_type" : inner}`, part]);
  });
}

function refusal(issue: z.core.$ZodIssue | undefined, settings: ReadonlyMap<string, Setting>, file: string): UserError {
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const near = suggestion(key, [...Object.keys(publishedSchema.shape), ...synonyms.keys()]);
    return new UserError(
      `${file}: unknown key "${settings.get(key)?.written ?? key}", so that passing it over could change what the model computes${near} Remove it if it does not`,
    );
  }
  const [key = "", ...inner] = issue?.path.map(String) ?? [];
  const place = [settings.get(key)?.written ?? key, ...inner].join(".");
  return new UserError(`${file}: ${place}: ${issue?.message}; correct the file if it is wrong`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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

/** Refuses layers and heads of other kinds. */
function checkLayers(published: PublishedConfig, file: string): void {
  const { attention_config, num_kv_heads, num_attention_heads, hidden_size, head_dim } = published;
  const kinds = JSON.stringify(attention_config ?? []).match(/[a-z_]+/gi) ?? [];
  const other = kinds.find((kind) => kind !== "tokenformer");
  if (other !== undefined && other !== "null") {
    throw new UserError(`${file}: attention_config: has layers of type "${other}", expected "tokenformer" alone`);
  }
  if (num_kv_heads !== undefined && num_kv_heads !== num_attention_heads) {
    throw new UserError(
      `${file}: num_kv_heads: is ${num_kv_heads}, expected ${num_attention_heads} as num_attention_heads: shared heads are not supported`,
    );
  }
  if (head_dim !== undefined && hidden_size !== undefined && head_dim * num_attention_heads !== hidden_size) {
    throw new UserError(
      `${file}: head_dim: is ${head_dim}, expected ${hidden_size / num_attention_heads}, hidden_size by num_attention_heads: other widths of heads are not supported`,
    );
  }
}
