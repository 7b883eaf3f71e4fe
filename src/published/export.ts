/** A run in the published layout: PyTorch's file with a .yml as the published code reads it, or safetensors. */

import { stat } from "node:fs/promises";
import { stringify } from "yaml";
import type { OpenedTensors } from "../checkpoint/portable.ts";
import { UserError } from "../errors.ts";
import {
  inEffect,
  type LazyTensor,
  type StoredFloatType,
  writeFileAtomic,
  writeJson,
  writeNewFiles,
  writePyTorch,
  writeSafetensors,
} from "../formats/index.ts";
import {
  type CompleteModelConfig,
  parametersOf,
  rotaryChannels,
  type SiteKind,
  sites,
  type TokenFormerConfig,
  withSites,
} from "../model/index.ts";
import { openAttached } from "../skills/index.ts";
import { SETTINGS, type Tokenizer } from "../text/index.ts";
import { convertedSite, publishable } from "./convert.ts";
import { publishedName } from "./names.ts";

export interface ExportOptions {
  /** The folder of a run or checkpoint. */
  readonly from: string;
  /** The folders of skills to attach. Default: none. */
  readonly skills?: readonly string[] | undefined;
  /** The folder to write. */
  readonly to: string;
  /** `neox`: pytorch_model.bin and config.yml; `safetensors`: model.safetensors and config.json. */
  readonly layout: "neox" | "safetensors";
  /** How to store floats. Default F32, exactly. */
  readonly dtype?: StoredFloatType;
  /** Appends tokens that change nothing where τ is not √n or the numbers of tokens differ. Default false. */
  readonly convert?: boolean;
}

const layouts: readonly ExportOptions["layout"][] = ["neox", "safetensors"];

export interface Exported {
  readonly files: readonly string[];
  readonly model: CompleteModelConfig<TokenFormerConfig>;
}

/**
 * Writes the model of a checkpoint in the published layout, one tensor in memory at a time, with its tokenizer where that is
 * one that others can read.
 * @throws UserError where there is no such layout, it cannot hold the model, or `to` is the folder of a run or has one of the files
 */
export async function exportCheckpoint({
  from,
  skills = [],
  to,
  layout,
  ...options
}: ExportOptions): Promise<Exported> {
  const { dtype = "F32", convert = false } = options;
  if (!layouts.includes(layout)) {
    throw new UserError(`layout is ${JSON.stringify(layout)}, expected ${layouts.join(" or ")}`);
  }
  const checkpoint = await openAttached(from, skills);
  try {
    const { state, tokenizer } = checkpoint.summary;
    const stored = await checkpoint.openParameters();
    const own = await withGivenTau(state.config, stored);
    const config = published(own, convert, from);
    const tensors = new Map(publishedTensors(own, config, stored, dtype));
    const files = { ...filesOf(layout, config, tokenizer, tensors, dtype), ...tokenizerFile(tokenizer) };
    return { files: await writeExport(to, files), model: config };
  } finally {
    await checkpoint.close();
  }
}

/** The configuration of the same model with a τ that is learned as one that is given, as in the published layout. */
async function withGivenTau(config: CompleteModelConfig, stored: OpenedTensors): Promise<CompleteModelConfig> {
  if (config.type !== "tokenformer" || !config.learnedTau) return config;
  const learned = sites(config).map(async (site) => {
    const [tau = site.tau] = (await stored.read(`${site.path}.tau`)).data;
    return { ...site, tau };
  });
  return withSites({ ...config, learnedTau: false }, await Promise.all(learned));
}

function published(
  config: CompleteModelConfig,
  convert: boolean,
  where: string,
): CompleteModelConfig<TokenFormerConfig> {
  if (config.type === "tokenformer") return publishable(config, convert, where);
  throw new UserError(
    `${where}: is a ${config.type}, which the published layout has no place for; export it as onnx, or export a tokenformer`,
  );
}

function filesOf(
  layout: ExportOptions["layout"],
  config: CompleteModelConfig<TokenFormerConfig>,
  tokenizer: Tokenizer | undefined,
  tensors: ReadonlyMap<string, LazyTensor>,
  dtype: StoredFloatType,
): Record<string, (path: string) => Promise<void>> {
  const keys = publishedKeys(config, tokenizer);
  switch (layout) {
    case "neox":
      return {
        "pytorch_model.bin": (path) => writePyTorch(path, tensors, dtype),
        "config.yml": (path) => writeFileAtomic(path, stringify(keys)),
      };
    case "safetensors":
      return {
        "model.safetensors": (path) => writeSafetensors(path, tensors, { dtype, metadata: { format: "pt" } }),
        "config.json": (path) => writeJson(path, keys),
      };
  }
}

/**
 * Writes the files of a model for other programs to a folder of their own, and gives their paths.
 * @throws UserError for the folder of a run, which is no longer one when half of its files are of another format, and where a
 * file is already there
 */
export async function writeExport(to: string, files: Parameters<typeof writeNewFiles>[1]): Promise<string[]> {
  // A model's config.json alone may be that of an earlier export.
  const isRun = (await inEffect(to, "training.json", stat)) !== undefined;
  if (isRun) throw new UserError(`${to}: is the folder of a run; choose another folder`);
  return writeNewFiles(to, files);
}

/** The tokenizer of characters is this program's own. */
export function tokenizerFile(tokenizer: Tokenizer | undefined) {
  if (tokenizer === undefined || tokenizer.kind !== "json") return {};
  const { settings } = tokenizer;
  return {
    "tokenizer.json": (path: string) => writeJson(path, tokenizer.toJSON()),
    ...(settings !== undefined && { [SETTINGS]: (path: string) => writeJson(path, settings.json) }),
  };
}

/** The configuration by the keys of the published code. */
function publishedKeys(config: CompleteModelConfig<TokenFormerConfig>, tokenizer: Tokenizer | undefined) {
  const tokens = (kind: SiteKind) => sites(config).find((site) => site.kind === kind)?.tokens;
  const norm = (parametric: TokenFormerConfig["blockNorm"]) =>
    parametric === "parametric" ? "layernorm" : "layernorm_nonparam";
  return {
    num_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    qkv_slot_num: tokens("query"),
    proj_slot_num: tokens("projection"),
    ffn_slot_num: tokens("feedForward"),
    seq_length: config.context,
    max_position_embeddings: config.context,
    pos_emb: config.positions,
    rotary_pct: rotaryShare(config),
    no_weight_tying: !config.tied,
    norm: norm(config.blockNorm),
    final_norm: norm(config.finalNorm),
    norm_activation_type: config.activation,
    attention_config: [[["tokenformer"], config.layers]],
    make_vocab_size_divisible_by: config.vocabulary % 128 === 0 ? 128 : 1,
    ...(tokenizer?.kind === "json" && { tokenizer_type: "HFTokenizer", vocab_file: "tokenizer.json" }),
  };
}

/**
 * The published code does not round the rotated channels down to an even number: a share that comes out as even, by half a channel more than
 * they are, as a quotient of two numbers times one of them may be less than the other.
 */
function rotaryShare(config: CompleteModelConfig<TokenFormerConfig>): number {
  const channels = config.width / config.heads;
  const isEven = Math.floor(channels * config.rotaryFraction) % 2 === 0;
  return config.positions === "learned" || isEven ? config.rotaryFraction : (rotaryChannels(config) + 0.5) / channels;
}

/** Tensors by published name, in the order in which the model uses them. */
function* publishedTensors(
  config: CompleteModelConfig,
  target: CompleteModelConfig<TokenFormerConfig>,
  stored: OpenedTensors,
  dtype: StoredFloatType,
): Generator<readonly [string, LazyTensor]> {
  const converted = new Map<string, LazyTensor>();
  for (const [index, { tokens, path }] of sites(target).entries()) {
    const site = sites(config)[index];
    if (site === undefined) throw new Error("internal: converting keeps the sites");
    const read = (name: string) => async () => stored.read(`${path}.${name}`);
    const tensors = convertedSite(site, { keys: read("keys"), values: read("values") }, [tokens, target.width]);
    converted.set(`${path}.keys`, tensors.keys).set(`${path}.values`, tensors.values);
  }
  for (const { name, size } of parametersOf(target)) {
    const tensor = converted.get(name) ?? { shape: size, pieces: () => wholeTensor(stored, name) };
    const publicName = publishedName(name, target.layers);
    yield [publicName, dtype === "F16" ? withinFloat16(publicName, tensor) : tensor];
  }
}

async function* wholeTensor(stored: OpenedTensors, name: string): AsyncGenerator<Float32Array> {
  yield (await stored.read(name)).data;
}

/** The least number that a 16-bit float rounds to infinity. */
const FLOAT16_LIMIT = 65_520;

function withinFloat16(name: string, { shape, pieces }: LazyTensor): LazyTensor {
  return {
    shape,
    pieces: async function* () {
      for await (const data of pieces()) {
        if (data.some((value) => Math.abs(value) >= FLOAT16_LIMIT)) {
          throw new UserError(`the tensor "${name}" has numbers beyond float16, which ends at 65504; use bfloat16`);
        }
        yield data;
      }
    },
  };
}
