/** Small files of every format that the program reads, and how it reads them. */

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadCheckpoint, saveCheckpoint } from "../../src/checkpoint/index.ts";
import { readMetrics } from "../../src/checkpoint/metrics.ts";
import { configSchema, presets } from "../../src/configuration/index.ts";
import { openCorpus } from "../../src/data/index.ts";
import { UserError } from "../../src/errors.ts";
import { readTask } from "../../src/evaluation/task-file.ts";
import { openPyTorch, openWeights, readJson, readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { resultIn } from "../../src/lab/frontier/run.ts";
import { importCheckpoint } from "../../src/published/index.ts";
import { adaptation, loadSkill, skillFiles, skillOf } from "../../src/skills/index.ts";
import {
  CharacterTokenizer,
  closeCorpus,
  createCorpus,
  memoryTokens,
  openTokenFile,
  readTokenizer,
  type Tokenizer,
  trainBytePairEncoding,
  writeTokenFile,
} from "../../src/text/index.ts";
import { writeDeepSpeed } from "./deepspeed.ts";
import { textSubjects } from "./mutation-texts.ts";
import type { MakeSubject, MutationSubject } from "./mutation-trials.ts";
import { ROOT } from "./program.ts";
import { publishedTensors, writePublished } from "./published.ts";
import { markSpaces } from "./sentence-piece.ts";
import { tokenizerOf } from "./tokenizer-figures.ts";

const fixture = (name: string) => join(ROOT, "test/fixtures", name);
const PUBLISHED = "tokenformer-l2-norm-gelu";
/** Its blocks. */
const LAYERS = 2;

/** Writes the files into a folder and gives the subjects. */
export async function mutationSubjects(folder: string): Promise<MutationSubject[]> {
  const all = [
    safetensors,
    ...["layouts-2.pt", "layouts-4.pt", "wrapped.pt", "legacy.pt"].map((name) => pyTorch(name)),
    shards,
    publishedYaml,
    publishedJson,
    ...Object.keys(tokenizers).map((name) => tokenizer(name)),
    run,
    configuration,
    tokenFile,
    plainIds,
    megatron,
    ...["arc", "hellaswag", "lambada"].map((name) => task(name)),
    ...textSubjects,
    skill,
    deepSpeed,
    studyResult,
  ];
  return Promise.all(all.map((make, index) => make(join(folder, String(index)))));
}

const safetensors: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  const tensors = new Map([
    ["a", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["b", { shape: [3], data: Int32Array.of(1, 2, 3) }],
    ["c", { shape: [], data: BigInt64Array.of(7n) }],
    ["empty", { shape: [0, 5], data: new Float32Array() }],
  ]);
  await writeSafetensors(join(folder, "a.safetensors"), tensors, { metadata: { format: "pt" } });
  const read = (copy: string) => readSafetensors(join(copy, "a.safetensors"));
  return { name: "safetensors", folder, kinds: { "a.safetensors": "safetensors" }, read };
};

const pyTorch =
  (name: string): MakeSubject =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    await cp(fixture(`pytorch/${name}`), join(folder, name));
    const read = async (copy: string) => {
      const file = await openPyTorch(join(copy, name));
      try {
        for (const [tensor, { dtype }] of file.entries) if (/F/.test(dtype)) await file.read(tensor);
      } finally {
        await file.close();
      }
    };
    return { name, folder, kinds: { [name]: "bytes" }, read };
  };

const shards: MakeSubject = async (folder) => {
  const tensors = new Map(["a", "b", "c"].map((name) => [name, { shape: [2], data: Float32Array.of(1, 2) }]));
  await writePublished(folder, tensors, {}, { format: "shards" });
  const read = async (copy: string) => {
    const file = await openWeights(join(copy, "pytorch_model.bin.index.json"));
    try {
      for (const name of file.entries.keys()) await file.read(name);
    } finally {
      await file.close();
    }
  };
  return { name: "shards", folder, kinds: { "pytorch_model.bin.index.json": "json" }, read };
};

async function importAll(copy: string): Promise<void> {
  const to = `${copy}-imported`;
  try {
    await importCheckpoint({ from: copy, to });
  } finally {
    await rm(to, { recursive: true, force: true });
  }
}

const publishedYaml: MakeSubject = async (folder) => {
  await cp(fixture(PUBLISHED), folder, { recursive: true });
  await rm(join(folder, "expected.json"));
  await rm(join(folder, "expected.safetensors"));
  return {
    name: "published-yaml",
    folder,
    kinds: { "config.yml": "yaml", "pytorch_model.bin": "bytes" },
    read: importAll,
  };
};

const publishedJson: MakeSubject = async (folder) => {
  const { parse } = await import("yaml");
  await publishedYaml(folder);
  const config: unknown = parse(await readFile(join(folder, "config.yml"), "utf8"));
  await rm(join(folder, "config.yml"));
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  return { name: "published-json", folder, kinds: { "config.json": "json" }, read: importAll };
};

const sentencePiece = {
  normalizer: markSpaces,
  pre_tokenizer: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { Regex: "▁+" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
};

const added = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: true,
  normalized: false,
  special: true,
});

/** A tokenizer of each model, with the parts that go with it. */
const tokenizers: Readonly<Record<string, () => unknown>> = {
  characters: () => CharacterTokenizer.fromText("Call me Ishmael.\n").toJSON(),
  bytes: () => trainBytePairEncoding("hello hello world", { vocabularySize: 262, specialTokens: ["<|endoftext|>"] }),
  pieces: () => ({
    version: "1.0",
    added_tokens: [added(0, "<unk>"), added(1, "<s>")],
    ...sentencePiece,
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab: { "<unk>": 0, "<s>": 1, "<0xE2>": 2, "<0x82>": 3, "<0xAC>": 4, "▁": 5, a: 6, b: 7, "▁a": 8, "▁ab": 9 },
      merges: ["▁ a", ["▁a", "b"]],
    },
  }),
  unigram: () => ({
    version: "1.0",
    added_tokens: [added(0, "<unk>")],
    normalizer: { type: "NFKC" },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
    post_processor: { type: "TemplateProcessing", single: [], pair: [] },
    model: {
      type: "Unigram",
      unk_id: 0,
      byte_fallback: false,
      vocab: [
        ["<unk>", 0],
        ["▁a", -1.5],
        ["▁", -2],
        ["a", -2.5],
      ],
    },
  }),
  words: () => ({
    version: "1.0",
    added_tokens: [added(0, "[UNK]"), added(1, "[CLS]")],
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "BertPreTokenizer" },
        { type: "Split", pattern: { Regex: "(?i:'s|'t)|\\p{L}+|\\s+(?!\\S)" }, behavior: "Isolated", invert: false },
        { type: "Digits", individual_digits: true },
        { type: "FixedLength", length: 9 },
      ],
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: { "[UNK]": 0, "[CLS]": 1, a: 2, "##a": 3, b: 4, "##b": 5, ".": 6 },
    },
  }),
  precompiled: () =>
    tokenizerOf({
      ...{ normalizer: "Precompiled", pre_tokenizer: "Metaspace first", model: "unigram" },
      ...{ post_processor: "none", decoder: "t5", added: "none" },
    }).toJSON(),
};

const TEXTS = ["", " a  b. €[CLS]  <s>x", "Call me Ishmael.\n", `${"hello world, aab 12 ".repeat(200)}\n`, "é😀\ud800"];

/** A text that a tokenizer lacks tokens for is refused. */
function encodeOrRefuse(tokenizer: Tokenizer, text: string): void {
  try {
    tokenizer.decode(tokenizer.encode(text));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

const tokenizer =
  (name: string): MakeSubject =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizers[name]?.()));
    const read = async (copy: string) => {
      const read = await readTokenizer(join(copy, "tokenizer.json"));
      read.decode(Array.from({ length: 300 }, (_, id) => id));
      for (const text of TEXTS) encodeOrRefuse(read, text);
    };
    return { name: `tokenizer-${name}`, folder, kinds: { "tokenizer.json": "json" }, read };
  };

/** A run with an optimiser's state, a tokenizer and metrics. */
const run: MakeSubject = async (folder) => {
  await importCheckpoint({ from: fixture(PUBLISHED), to: folder });
  const imported = await loadCheckpoint(folder);
  const { parameters } = imported.state;
  const state = { ...imported.state, step: 3, updates: 3, moments: { first: parameters, second: parameters } };
  const metrics = [1, 2, 3].map((step) => ({ step, loss: 2.5, learningRate: 1e-3 }));
  await saveCheckpoint(folder, { ...imported, state, tokenizer: CharacterTokenizer.fromText("abc") }, metrics);
  const read = async (copy: string) => {
    await readMetrics(join(copy, "metrics.jsonl"));
    await loadCheckpoint(copy);
  };
  const kinds = {
    "config.json": "json",
    "training.json": "json",
    "tokenizer.json": "json",
    "metrics.jsonl": "lines",
    "model.safetensors": "safetensors",
    "optimizer.safetensors": "safetensors",
  } as const;
  return { name: "run", folder, kinds, read };
};

/** A skill that is not trained yet. */
const skill: MakeSubject = async (folder) => {
  const checkpoint = {
    ...(await publishedCheckpoint(folder)),
    tokenizer: CharacterTokenizer.fromText("Call me Ishmael."),
  };
  const ids = Uint32Array.from({ length: 90 }, (_, index) => index % checkpoint.tokenizer.vocabularySize);
  const corpus = createCorpus("ids", checkpoint.tokenizer, memoryTokens(ids));
  const { training } = checkpoint.config;
  const start = await adaptation(checkpoint, corpus, { add: { feedForward: 2 }, training });
  const files = await skillFiles(skillOf({ ...checkpoint, ...start, dataName: "ids" }));
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  const kinds = { "skill.json": "json", "skill.safetensors": "safetensors" } as const;
  return { name: "skill", folder, kinds, read: loadSkill };
};

/** The weights of a training by DeepSpeed's ZeRO, in the shards of two ranks. */
const deepSpeed: MakeSubject = async (folder) => {
  const { parameters } = (await publishedCheckpoint(folder)).state;
  await writeDeepSpeed(folder, publishedTensors(parameters, LAYERS), 2);
  await cp(join(fixture(PUBLISHED), "config.yml"), join(folder, "config.yml"));
  const step = "global_step7";
  const kinds = {
    latest: "bytes",
    [`${step}/mp_rank_00_model_states.pt`]: "bytes",
    [`${step}/zero_pp_rank_1_mp_rank_00_optim_states.pt`]: "bytes",
  } as const;
  return { name: "deepspeed", folder, kinds, read: importAll };
};

/** The published fixture as a run. */
async function publishedCheckpoint(folder: string) {
  const to = `${folder}-imported`;
  await importCheckpoint({ from: fixture(PUBLISHED), to });
  const checkpoint = await loadCheckpoint(to);
  await rm(to, { recursive: true });
  return checkpoint;
}

/** What a study has of a run that is done. */
const studyResult: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  const work = { seconds: 1.5, steps: 3, tokens: 90, flops: 1e9, documents: [{ loss: 2.5, tokens: 30 }] };
  await writeFile(join(folder, "result.json"), JSON.stringify(work));
  return { name: "study", folder, kinds: { "result.json": "json" }, read: resultIn };
};

const configuration: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  const growth = [{ step: 150, add: { feedForward: "x2", query: 16 } }];
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...presets.mini.config, growth }));
  const read = (copy: string) => readJson(join(copy, "config.json"), configSchema);
  return { name: "configuration", folder, kinds: { "config.json": "json" }, read };
};

/** Reads a token file whole. */
function readTokens(file: string): void {
  const tokens = openTokenFile(file);
  try {
    tokens.read(0, tokens.length);
  } finally {
    tokens.close();
  }
}

const tokenFile: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  await writeTokenFile(join(folder, "data.bin"), [Uint32Array.of(5, 6, 7)], { vocabularySize: 9, textBytes: 12 });
  const read = async (copy: string) => readTokens(join(copy, "data.bin"));
  return { name: "token-file", folder, kinds: { "data.bin": "bytes", "data.bin.json": "json" }, read };
};

/** Ids of four bytes without a tokenizer. */
const plainIds: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  const ids = Uint32Array.from({ length: 40 }, (_, index) => index % 7);
  await writeTokenFile(join(folder, "data.bin"), [ids], { vocabularySize: 2 ** 16 + 1 });
  const read = async (copy: string) => closeCorpus(await openCorpus(join(copy, "data.bin"), "ids"));
  return { name: "ids", folder, kinds: { "data.bin": "bytes", "data.bin.json": "json" }, read };
};

const megatron: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  const counts = Buffer.alloc(25);
  counts.writeBigUInt64LE(1n, 0); // version
  counts.writeUInt8(8, 8); // uint16
  counts.writeBigUInt64LE(2n, 9); // sequences
  counts.writeBigUInt64LE(3n, 17); // documents
  const parts = [Int32Array.of(3, 2), BigInt64Array.of(0n, 6n), BigInt64Array.of(0n, 1n, 2n)];
  const index = Buffer.concat([Buffer.from("MMIDIDX\0\0"), counts, ...parts.map(({ buffer }) => Buffer.from(buffer))]);
  await writeFile(join(folder, "a_text_document.idx"), index);
  await writeFile(join(folder, "a_text_document.bin"), Uint16Array.of(5, 6, 7, 8, 9));
  const read = async (copy: string) => readTokens(join(copy, "a_text_document.bin"));
  return { name: "megatron", folder, kinds: { "a_text_document.idx": "bytes", "a_text_document.bin": "bytes" }, read };
};

const task =
  (name: string): MakeSubject =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    await cp(fixture(`tasks/${name}.jsonl`), join(folder, "task.jsonl"));
    return {
      name: `task-${name}`,
      folder,
      kinds: { "task.jsonl": "lines" },
      read: (copy) => readTask(join(copy, "task.jsonl")),
    };
  };
