import { readdir, rm, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/index.ts";
import type { StoredFloatType } from "../../src/formats/index.ts";
import type { HostArray } from "../../src/growth/index.ts";
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from "../../src/half.ts";
import { type CompleteModelConfig, rotaryChannels, type TokenFormerConfig } from "../../src/model/index.ts";
import { importCheckpoint } from "../../src/published/index.ts";
import { referenceLogits } from "../model/reference-models.ts";
import { writeDeepSpeed } from "../support/deepspeed.ts";
import { useDevice } from "../support/device.ts";
import { useSharedFolder } from "../support/folder.ts";
import { drawnBatch, drawnParameters, logitsOf, tinyTokenFormer } from "../support/models.ts";
import {
  type PublishedOptions,
  publishedKeys,
  publishedTensors,
  type Tensors,
  writePublished,
} from "../support/published.ts";
import { expectClose, values } from "../support/values.ts";

const device = useDevice();
const at = useSharedFolder();

/** With the same number of tokens for query, key and value, as the published layout has it. */
const tiny: CompleteModelConfig<TokenFormerConfig> = {
  ...tinyTokenFormer,
  tokens: { query: 7, key: 7, value: 7, projection: 8, feedForward: 11 },
};

let folders = 0;
const freshFolder = () => at(`model-${folders++}`);

/** Imports the tensors of a model, after a change, and gives what was loaded. */
async function imported(
  config: CompleteModelConfig<TokenFormerConfig>,
  change: (tensors: Tensors, keys: Record<string, unknown>) => void = () => undefined,
  options: PublishedOptions = {},
) {
  const from = freshFolder();
  const tensors = publishedTensors(drawnParameters(config), config.layers);
  const keys = publishedKeys(config);
  change(tensors, keys);
  await writePublished(from, tensors, keys, options);
  await importCheckpoint({ from, to: `${from}-run` });
  return (await loadCheckpoint(`${from}-run`)).state;
}

/** The numbers that a file of narrow floats holds. */
function rounded({ shape, data }: HostArray, dtype: StoredFloatType): HostArray {
  if (dtype === "F32") return { shape, data };
  const widened = new Float32Array(data.length);
  if (dtype === "F16") widenFloat16(narrowToFloat16(data), widened);
  else widenBfloat16(narrowToBfloat16(data), widened);
  return { shape, data: widened };
}

/** Compares an imported model's logits with those of the float64 reference on the weights that the file holds. */
async function expectReferenceLogits(
  config: CompleteModelConfig<TokenFormerConfig>,
  state: Awaited<ReturnType<typeof imported>>,
  dtype: StoredFloatType = "F32",
) {
  const batch = drawnBatch("imported", [2, config.context], config.vocabulary);
  const parameters = new Map([...drawnParameters(config)].map(([name, tensor]) => [name, rounded(tensor, dtype)]));
  const expected = [0, 1].flatMap((row) => {
    const tokens = [...batch.tokens.slice(row * config.context, (row + 1) * config.context)];
    return referenceLogits(config, parameters, tokens, { rotary: rotaryChannels(config) }).flat();
  });
  const shape = [2, config.context, config.vocabulary];
  expectClose(await logitsOf(device(), state, batch), values(shape, expected), 1e-5);
}

describe("logits are those of the reference", () => {
  const variants: readonly (readonly [string, Partial<TokenFormerConfig>, PublishedOptions])[] = [
    ["l2_norm_gelu", {}, {}],
    ["gelu_l2_norm", { activation: "gelu_l2_norm" }, { format: "pytorch" }],
    ["softmax", { activation: "softmax" }, { format: "shards" }],
    ["float16", {}, { dtype: "F16" }],
    ["float16 in PyTorch's file", { activation: "softmax" }, { dtype: "F16", format: "pytorch" }],
    ["bfloat16", { activation: "gelu_l2_norm" }, { dtype: "BF16", format: "shards" }],
    ["one head, wholly rotated", { heads: 1, rotaryFraction: 1 }, {}],
    ["many heads, a third rotated", { width: 30, heads: 5, rotaryFraction: 0.34 }, { format: "pytorch" }],
    ["an output of its own", { tied: false, layers: 3 }, {}],
    ["learned positions", { positions: "learned" }, { format: "pytorch" }],
    ["norms with parameters in each block", { blockNorm: "parametric" }, {}],
    ["norms without parameters", { finalNorm: "nonparametric" }, {}],
  ];

  it.each(variants)("%s", async (_, changes, options) => {
    const config: typeof tiny = { ...tiny, ...changes, vocabulary: tiny.vocabulary };
    await expectReferenceLogits(config, await imported(config, undefined, options), options.dtype);
  });
});

describe("names and keys of other writers", () => {
  const renamed = (rename: (name: string) => string) => (tensors: Tensors) => {
    const entries = [...tensors].map(([name, tensor]) => [rename(name), tensor] as const);
    tensors.clear();
    for (const [name, tensor] of entries) tensors.set(name, tensor);
  };

  it.each([
    ["data parallelism", renamed((name) => `module.${name}`)],
    ["compilation", renamed((name) => `module._orig_mod.${name}`)],
    [
      "a pipeline",
      renamed((name) => name.replace(/^sequential\.0\./, "tied_modules.embed.").replace(/^sequential\./, "")),
    ],
  ])("of %s", async (_, change) => {
    await expectReferenceLogits(tiny, await imported(tiny, change));
  });

  it("of an output called embed_out", async () => {
    const untied = { ...tiny, tied: false };
    const change = renamed((name) => name.replace("sequential.6.final_linear", "embed_out"));
    await expectReferenceLogits(untied, await imported(untied, change));
  });

  it("with buffers, a tied output stored twice, keys with dashes and fewer keys", async () => {
    const state = await imported(tiny, (tensors, keys) => {
      const zeros = { shape: [2], data: new Float32Array(2) };
      tensors.set("sequential.2.attention.rotary_emb.inv_freq", zeros);
      tensors.set("sequential.3.attention.masked_bias", zeros);
      const embedding = tensors.get("sequential.0.word_embeddings.weight");
      if (embedding !== undefined) tensors.set("sequential.6.word_embeddings.weight", embedding);
      if (embedding !== undefined) tensors.set("lm_head.weight", embedding);
      for (const [key, value] of Object.entries(keys)) {
        delete keys[key];
        keys[key.replaceAll("_", "-")] = value;
      }
      for (const key of ["num-layers", "hidden-size", "qkv-slot-num", "norm", "final-norm"]) delete keys[key];
    });
    await expectReferenceLogits(tiny, state);
  });

  it("of Hugging Face, with what its library and GPT-NeoX's training note beside", async () => {
    const state = await imported(tiny, (_, keys) => {
      for (const key of Object.keys(keys)) delete keys[key];
      Object.assign(keys, {
        architectures: ["TokenFormerForCausalLM"],
        torch_dtype: "float16",
        transformers_version: "4.46.0",
        _name_or_path: "somewhere",
        use_cache: true,
        bos_token_id: 0,
        hidden_dropout: 0.1,
        "train-iters": 143_000,
        optimizer: { type: "Adam", params: { lr: 0.0006 } },
        wandb_project: "neox",
        gpt_j_residual: false,
        use_parallel_residual: false,
        rope_scaling: null,
        sliding_window: null,
        quantization_config: null,
        n_layer: tiny.layers,
        n_embd: tiny.width,
        num_attention_heads: tiny.heads,
        num_key_value_heads: tiny.heads,
        head_dim: tiny.width / tiny.heads,
        vocab_size: tiny.vocabulary,
        n_positions: tiny.context,
        position_embedding_type: "rotary",
        rope_parameters: { rope_type: "default", rope_theta: 10_000, partial_rotary_factor: tiny.rotaryFraction },
        layer_norm_epsilon: 1e-5,
        tie_word_embeddings: true,
        norm_activation_type: tiny.activation,
      });
    });
    expect(state.config).toMatchObject({ rotaryFraction: tiny.rotaryFraction, context: tiny.context });
    await expectReferenceLogits(tiny, state);
  });

  it("with other numbers of tokens in each layer, where no key says otherwise", async () => {
    const config: typeof tiny = { ...tiny, tokens: { ...tiny.tokens, value: [5, 9], feedForward: [11, 4] } };
    const state = await imported(config, (_, keys) => {
      for (const key of ["qkv_slot_num", "ffn_slot_num"]) delete keys[key];
    });
    expect(state.config).toMatchObject({ tokens: config.tokens, tau: { feedForward: [Math.sqrt(11), 2] } });
    await expectReferenceLogits(config, state);
  });
});

describe("refuses by name", () => {
  const KEYS = "sequential.2.attention.query.key_param_tokens";
  const EMBEDDING = "sequential.0.word_embeddings.weight";
  const zeros = (...shape: number[]) => ({
    shape,
    data: new Float32Array(shape.reduce((product, n) => product * n, 1)),
  });
  const set = (name: string, tensor: HostArray) => (tensors: Tensors) => void tensors.set(name, tensor);
  const without = (name: string) => (tensors: Tensors) => void tensors.delete(name);
  const key = (name: string, value: unknown) => (_: Tensors, keys: Record<string, unknown>) => {
    if (value === undefined) delete keys[name];
    else keys[name] = value;
  };
  const spoilt = (name: string, value: number) => (tensors: Tensors) => {
    const { shape, data } = tensors.get(name) ?? zeros(0);
    tensors.set(name, { shape, data: data.with(3, value) });
  };
  const weights = (message: string) => `model.safetensors: ${message}`;
  const config = (message: string) => `config.json: ${message}`;

  it.each([
    ["a missing tensor", without(KEYS), weights(`the tensor "${KEYS}" is missing`)],
    [
      "a missing norm",
      without("sequential.5.norm.bias"),
      weights('the tensor "sequential.5.norm.bias" is missing, expected [10]; the file'),
    ],
    [
      "a tensor too many",
      set("sequential.2.attention.dense.weight", zeros(10, 10)),
      weights('the tensor "sequential.2.attention.dense.weight" has no place in the model'),
    ],
    [
      "keys of another width",
      set(KEYS, zeros(7, 12)),
      weights(`the tensor "${KEYS}" is [7, 12], expected [7, 10] by <folder>/config.json`),
    ],
    [
      "fewer tokens than the configuration has",
      set(KEYS, zeros(6, 10)),
      weights(`the tensor "${KEYS}" is [6, 10], expected [7, 10] by qkv_slot_num in <folder>/config.json`),
    ],
    [
      "values that do not fit their keys",
      set("sequential.3.mlp.value_param_tokens", zeros(12, 10)),
      weights('the tensor "sequential.3.mlp.value_param_tokens" is [12, 10], expected [11, 10] by'),
    ],
    [
      "an embedding that is no table",
      set(EMBEDDING, zeros(130)),
      weights(`the tensor "${EMBEDDING}" is [130], expected`),
    ],
    ["a number that is none", spoilt(KEYS, Number.NaN), weights(`the tensor "${KEYS}" holds NaN at element 3`)],
    ["an infinity", spoilt(EMBEDDING, -1 / 0), weights(`the tensor "${EMBEDDING}" holds -Infinity at element 3`)],
    [
      "whole numbers",
      (tensors: Map<string, unknown>) => void tensors.set(KEYS, { shape: [7, 10], data: new Int32Array(70) }),
      weights(`the tensor "${KEYS}" is I32, expected F32, F16, BF16 or F64`),
    ],
    [
      "an output that is not the embedding it is tied to",
      set("lm_head.weight", zeros(13, 10)),
      weights(`the tensors "${EMBEDDING}" and "lm_head.weight" differ`),
    ],
    ["more layers than there are", key("num_layers", 3), weights('the tensor "sequential.4.attention.query.key_param')],
    ["fewer layers than there are", key("num_layers", 1), weights('the tensor "sequential.4.norm.weight" is missing')],
    [
      "an output that is missing",
      key("no_weight_tying", true),
      weights('the tensor "sequential.6.final_linear.weight"'),
    ],
    [
      "no heads",
      key("num_attention_heads", undefined),
      config("num_attention_heads: expected the number of attention heads; correct the file"),
    ],
    ["heads that do not divide the width", key("num_attention_heads", 3), config("makes no model: heads: width 10")],
    ["an unknown Θ", key("norm_activation_type", "relu"), config("norm_activation_type: ")],
    ["another norm", key("norm", "rmsnorm"), config('norm: is "rmsnorm", expected "layernorm"')],
    ["another epsilon", key("layernorm_epsilon", 1e-6), config("layernorm_epsilon: is 0.000001, expected 0.00001")],
    ["another base", key("rotary_emb_base", 500_000), config("rotary_emb_base: is 500000, expected 10000")],
    [
      "another epsilon by another name",
      key("layer_norm_epsilon", 1e-6),
      config("layer_norm_epsilon: is 0.000001, expected 0.00001: other epsilons are not supported"),
    ],
    ["another base by another name", key("rope_theta", 500_000), config("rope_theta: is 500000, expected 10000")],
    [
      "another base among the parameters of the rotation",
      key("rope_parameters", { rope_type: "default", rope_theta: 500_000 }),
      config("rope_parameters.rope_theta: is 500000, expected 10000"),
    ],
    [
      "a scaled rotation",
      key("rope_scaling", { type: "linear", factor: 2 }),
      config('rope_scaling.rope_type: is "linear", expected "default"'),
    ],
    [
      "parameters of the rotation for each kind of layer",
      key("rope_parameters", { full_attention: { rope_theta: 10_000 } }),
      config('unknown key "rope_parameters.full_attention", so that passing it over could change'),
    ],
    [
      "shares of rotated channels that contradict each other",
      key("partial_rotary_factor", 0.4),
      config("rotary_pct and partial_rotary_factor: contradict each other"),
    ],
    [
      "ties that contradict each other",
      key("tie_word_embeddings", false),
      config("no_weight_tying and tie_word_embeddings: contradict each other"),
    ],
    [
      "another vocabulary",
      key("vocab_size", 17),
      weights(`the tensor "${EMBEDDING}" is [13, 10], expected [17, 10] by vocab_size in <folder>/config.json`),
    ],
    [
      "another vocabulary by the name of GPT-NeoX",
      key("padded-vocab-size", 17),
      weights(`the tensor "${EMBEDDING}" is [13, 10], expected [17, 10] by vocab_size`),
    ],
    ["heads of another width", key("head_dim", 4), config("head_dim: is 4, expected 5")],
    [
      "an unknown key",
      key("embedding_multiplier", 12),
      config('unknown key "embedding_multiplier", so that passing it over could change what the model computes.'),
    ],
    [
      "a key that every object has",
      key("constructor", 1),
      config('unknown key "constructor", so that passing it over could change what the model computes.'),
    ],
    ...["_attn_scale", "log_softmax", "load_in_4bit"].map(
      (name) =>
        [`an unknown key in a family of known ones, ${name}`, key(name, 3), config(`unknown key "${name}"`)] as const,
    ),
    [
      "a mistyped key",
      key("rotary_pc", 0.5),
      config(
        'unknown key "rotary_pc", so that passing it over could change what the model computes; did you mean "rotary_pct"?',
      ),
    ],
    ["a window", key("sliding_window", 64), config("sliding_window: attention within a window is not supported")],
    [
      "layers side by side",
      key("use_parallel_residual", true),
      config("use_parallel_residual: is true, expected false"),
    ],
    ["other positions", key("pos_emb", "alibi"), config('pos_emb: is "alibi", expected "rotary" or "learned"')],
    ["a rotation of an odd number", key("rotary_pct", 0.7), config("rotary_pct: 0.7 of 5 channels a head are 3")],
    [
      "layers of another kind",
      key("attention_config", [[["flash"], 2]]),
      config('attention_config: has layers of type "flash"'),
    ],
    ["shared heads", key("num_kv_heads", 1), config("num_kv_heads: is 1, expected 2")],
    ["μP", key("use_mup", true), config("use_mup: is true, expected false")],
    [
      "no context",
      (_: Tensors, keys: Record<string, unknown>) => {
        delete keys["seq_length"];
        delete keys["max_position_embeddings"];
      },
      config("says no seq_length"),
    ],
  ] as const)("%s", async (_, change, message) => {
    const from = freshFolder();
    const tensors = publishedTensors(drawnParameters(tiny), tiny.layers);
    const keys = publishedKeys(tiny);
    change(tensors, keys);
    await writePublished(from, tensors, keys);
    const failure = await importCheckpoint({ from, to: `${from}-run` }).then(() => "nothing", String);
    expect(failure.replaceAll(from, "<folder>")).toContain(`UserError: <folder>/${message}`);
    expect(failure).not.toContain("\n");
    expect(await readdir(at())).not.toContain(`${from.split("/").at(-1)}-run`);
  });

  it("shards that do not hold what their index says", async () => {
    const from = freshFolder();
    await writePublished(from, publishedTensors(drawnParameters(tiny), 2), publishedKeys(tiny), { format: "shards" });
    const index = at(from.split("/").at(-1) ?? "", "pytorch_model.bin.index.json");
    const refused = async (map: Record<string, string>) => {
      await writeFile(index, JSON.stringify({ weight_map: map }));
      return importCheckpoint({ from, to: `${from}-run` }).then(() => "nothing", String);
    };
    expect(await refused({ x: "pytorch_model-00001-of-00002.bin" })).toContain('holds the tensor "x", but it does not');
    expect(await refused({ x: "../x.bin" })).toContain('names the file "../x.bin", expected one beside it');
    expect(await refused({ x: "gone.bin" })).toContain("gone.bin: there is no such file");
  });
});

describe("a folder of DeepSpeed", () => {
  async function folderOf(shards = 0): Promise<string> {
    const from = freshFolder();
    await writeDeepSpeed(from, publishedTensors(drawnParameters(tiny), tiny.layers), shards);
    await writeFile(`${from}/config.json`, JSON.stringify(publishedKeys(tiny)));
    return from;
  }

  it("is read by the step that is its latest, or by its own name", async () => {
    const from = await folderOf();
    for (const [index, path] of [
      from,
      `${from}/global_step7`,
      `${from}/global_step7/mp_rank_00_model_states.pt`,
    ].entries()) {
      await importCheckpoint({ from: path, to: `${from}-run-${index}` });
      const { state } = await loadCheckpoint(`${from}-run-${index}`);
      expect(state.parameters).toEqual(drawnParameters(tiny));
    }
  });

  it("has float32 weights in the shards of ZeRO, laid end to end, of which all must be there", async () => {
    const from = await folderOf(3);
    const step = `${from}/global_step7`;
    // Other numbers than in half precision.
    const exact = (data: Float32Array) => data.map((value) => value + 1e-3);
    await importCheckpoint({ from, to: `${from}-run` });
    const { state } = await loadCheckpoint(`${from}-run`);
    for (const [name, { data }] of drawnParameters(tiny)) expect(state.parameters.get(name)?.data).toEqual(exact(data));
    await rm(`${step}/zero_pp_rank_1_mp_rank_00_optim_states.pt`);
    await expect(importCheckpoint({ from, to: `${from}-other` })).rejects.toThrow(
      "the shard of rank 1 is missing beside zero_pp_rank_2",
    );
    await rm(`${step}/zero_pp_rank_2_mp_rank_00_optim_states.pt`);
    await expect(importCheckpoint({ from, to: `${from}-other` })).rejects.toThrow(
      /the shards beside mp_rank_00_model_states.pt have 27 of the 80 elements of sequential.2.attention.proj.key_param_tokens/,
    );
  });

  it("that is not whole is told", async () => {
    const from = await folderOf();
    await writeFile(`${from}/latest`, "global_step8");
    await expect(importCheckpoint({ from, to: `${from}-run` })).rejects.toThrow(
      `${from}: latest names "global_step8", but there is no ${from}/global_step8/mp_rank_00_model_states.pt; copy the whole folder`,
    );
    await writeFile(`${from}/latest`, "global\0step");
    await expect(importCheckpoint({ from, to: `${from}-run` })).rejects.toThrow(
      "its name has a zero byte; correct what names it",
    );
    await writeFile(`${from}/global_step7/mp_rank_01_model_states.pt`, "");
    await expect(importCheckpoint({ from: `${from}/global_step7`, to: `${from}-run` })).rejects.toThrow(
      "its weights are divided among 2 model-parallel ranks, expected one mp_rank_00_model_states.pt",
    );
  });
});

it("a config.json that names neither the vocabulary nor the type, and another precision than the tensors', is enough", async () => {
  const { parameters } = await imported(tiny, (_, keys) => {
    delete keys["vocab_size"];
    delete keys["model_type"];
    Object.assign(keys, { torch_dtype: "float16", architectures: ["TokenFormerForCausalLM"] });
  });
  expect(parameters).toEqual(drawnParameters(tiny));
});

it("tensors of 64-bit floats become the nearest of 32", async () => {
  const folder = freshFolder();
  const tensors = publishedTensors(drawnParameters(tiny), tiny.layers);
  await writePublished(folder, tensors, publishedKeys(tiny));
  let end = 0;
  const entries = [...tensors].map(([name, { shape, data }]) => {
    const begin = end;
    end += 8 * data.length;
    return [name, { dtype: "F64", shape, data_offsets: [begin, end] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const doubles = [...tensors.values()].map(({ data }) =>
    Buffer.from(Float64Array.from(data, (x) => x * (1 + 1e-12)).buffer),
  );
  await writeFile(`${folder}/model.safetensors`, Buffer.concat([length, header, ...doubles]));
  await importCheckpoint({ from: folder, to: `${folder}-run` });
  expect((await loadCheckpoint(`${folder}-run`)).state.parameters).toEqual(drawnParameters(tiny));
});

it("a number of experts is refused by any of its names", async () => {
  for (const name of ["num_experts", "moe_num_experts"]) {
    const model = imported(tiny, (_, keys) => void Object.assign(keys, { [name]: 8 }));
    await expect(model).rejects.toThrow(`config.json: ${name}: is 8`);
  }
});
