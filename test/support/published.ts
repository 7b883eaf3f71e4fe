/** Checkpoints in the published layout, written for tests: names and keys as the published code has them. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LazyTensor, type StoredFloatType, writePyTorch, writeSafetensors } from "../../src/formats/index.ts";
import type { HostArray } from "../../src/growth/index.ts";
import type { CompleteModelConfig, TokenFormerConfig } from "../../src/model/index.ts";

export type Tensors = Map<string, HostArray>;

/** The published name of a parameter. */
export function nameOf(parameter: string, layers: number): string {
  const names: Readonly<Record<string, string>> = {
    "embedding.tokens": "sequential.0.word_embeddings.weight",
    "embedding.positions": "sequential.0.position_embeddings.weight",
    "finalNorm.scale": `sequential.${layers + 3}.norm.weight`,
    "finalNorm.bias": `sequential.${layers + 3}.norm.bias`,
    "output.weight": `sequential.${layers + 4}.final_linear.weight`,
  };
  const [, layer, rest = ""] = /^blocks\.(\d+)\.(.*)$/.exec(parameter) ?? [];
  if (layer === undefined) return names[parameter] ?? `unknown ${parameter}`;
  const published = rest
    .replace("projection", "proj")
    .replace("feedForward.", "mlp.")
    .replace(/\.(key|value)s$/, ".$1_param_tokens")
    .replace("attentionNorm", "input_layernorm")
    .replace("feedForwardNorm", "post_attention_layernorm")
    .replace("scale", "weight");
  return `sequential.${Number(layer) + 2}.${published}`;
}

/** Parameters under their published names. */
export function publishedTensors(parameters: ReadonlyMap<string, HostArray>, layers: number): Tensors {
  return new Map([...parameters].map(([name, tensor]) => [nameOf(name, layers), tensor]));
}

/** The configuration by the keys of the published code. */
export function publishedKeys(config: CompleteModelConfig<TokenFormerConfig>): Record<string, unknown> {
  return {
    num_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    qkv_slot_num: config.tokens.query,
    proj_slot_num: config.tokens.projection,
    ffn_slot_num: config.tokens.feedForward,
    seq_length: config.context,
    max_position_embeddings: config.context,
    pos_emb: config.positions,
    rotary_pct: config.rotaryFraction,
    no_weight_tying: !config.tied,
    norm: config.blockNorm === "parametric" ? "layernorm" : "layernorm_nonparam",
    final_norm: config.finalNorm === "parametric" ? "layernorm" : "layernorm_nonparam",
    norm_activation_type: config.activation,
    attention_config: [[["tokenformer"], config.layers]],
    hidden_dropout: 0,
    fp16: { enabled: true },
  };
}

export interface PublishedOptions {
  readonly format?: "pytorch" | "safetensors" | "shards";
  readonly dtype?: StoredFloatType;
}

/** Writes a folder with weights and, as JSON, the configuration. */
export async function writePublished(
  folder: string,
  tensors: Tensors,
  keys: Readonly<Record<string, unknown>>,
  { format = "safetensors", dtype = "F32" }: PublishedOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify(keys));
  if (format === "pytorch") await writePyTorch(join(folder, "pytorch_model.bin"), lazy(tensors), dtype);
  else if (format === "safetensors") await writeSafetensors(join(folder, "model.safetensors"), tensors, { dtype });
  else await writeShards(folder, [...tensors], dtype);
}

async function writeShards(folder: string, tensors: [string, HostArray][], dtype: StoredFloatType): Promise<void> {
  const middle = Math.floor(tensors.length / 2);
  const parts = [tensors.slice(0, middle), tensors.slice(middle)];
  const map: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const file = `pytorch_model-0000${index + 1}-of-00002.bin`;
    await writePyTorch(join(folder, file), lazy(new Map(part)), dtype);
    for (const [name] of part) map[name] = file;
  }
  await writeFile(join(folder, "pytorch_model.bin.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
}

function lazy(tensors: Tensors): Map<string, LazyTensor> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      {
        shape,
        pieces: async function* () {
          yield data;
        },
      },
    ]),
  );
}
