/** Small files that texts, conversations and their tokens are read from, for trials that damage them. */

import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openCorpus } from "../../src/data/index.ts";
import { UserError } from "../../src/errors.ts";
import {
  chatTemplateOf,
  closeCorpus,
  type Message,
  readTokenizer,
  trainBytePairEncoding,
} from "../../src/text/index.ts";
import type { MakeSubject } from "./mutation-trials.ts";
import type { FileKind } from "./mutations.ts";
import { CHARACTERS_OF_NANOGPT } from "./pickles.ts";
import { ROOT } from "./program.ts";

/** A file that is read for characters. */
const corpus =
  (name: string, file: string, kind: FileKind, contents: string | Buffer, textKey?: string): MakeSubject =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, file), contents);
    const read = async (copy: string) => {
      const files = { train: [join(copy, file)], ...(textKey !== undefined && { textKey }) };
      closeCorpus(await openCorpus(files, "character"));
    };
    return { name, folder, kinds: { [file]: kind }, read };
  };

const CONVERSATION: readonly Message[] = [
  { role: "user", content: "What is it?" },
  { role: "assistant", content: "A whale." },
];

const lines = (records: readonly unknown[]): string =>
  Array.from({ length: 12 }, () => records.map((record) => `${JSON.stringify(record)}\n`).join("")).join("");

const parquet = (file: string, textKey?: string): MakeSubject =>
  corpus(file, file, "bytes", readFileSync(join(ROOT, "test/fixtures/parquet", file)), textKey);

/** Ids of nanoGPT's, with the characters that Python's pickle has of them. */
const nanoGpt: MakeSubject = async (folder) => {
  await mkdir(folder, { recursive: true });
  const ids = Uint16Array.from({ length: 40 }, (_, index) => index % 3);
  for (const name of ["train.bin", "val.bin"]) await writeFile(join(folder, name), ids);
  await writeFile(join(folder, "meta.pkl"), CHARACTERS_OF_NANOGPT);
  const read = async (copy: string) => closeCorpus(await openCorpus(copy, "character"));
  return { name: "nanogpt", folder, kinds: { "meta.pkl": "bytes", "train.bin": "bytes" }, read };
};

const TEMPLATE =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] | trim }}{% if not loop.last %}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}";

/** A tokenizer with its settings, and a template for conversations in or beside them. */
const chat =
  (name: string, file: string): MakeSubject =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    const special = { bos_token: "<|im_start|>", eos_token: { content: "<|im_end|>", lstrip: false } };
    const isBeside = file.endsWith(".jinja");
    const specialTokens = ["<|im_start|>", "<|im_end|>"];
    const tokenizer = trainBytePairEncoding("a whale, a sea", { vocabularySize: 260, specialTokens });
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
    const settings = { ...special, ...(!isBeside && { chat_template: TEMPLATE }) };
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(settings));
    if (isBeside) await writeFile(join(folder, file), TEMPLATE);
    const read = async (copy: string) => {
      const read = await readTokenizer(join(copy, "tokenizer.json"));
      const template = chatTemplateOf(read);
      for (const reply of [false, true]) {
        try {
          read.encode(template.text(CONVERSATION, { reply }));
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }
    };
    return { name, folder, kinds: { [file]: isBeside ? "bytes" : "json" }, read };
  };

export const textSubjects: readonly MakeSubject[] = [
  corpus("lines", "text.jsonl", "lines", lines([{ text: "Call me Ishmael." }, { text: "Some years ago\n" }])),
  corpus("conversations", "text.jsonl", "lines", lines([{ messages: CONVERSATION }])),
  corpus("prompts", "text.jsonl", "lines", lines([{ prompt: "2+2=", completion: "4" }])),
  corpus("gzip", "text.txt.gz", "bytes", gzipSync("Call me Ishmael.\n".repeat(90))),
  corpus("gzip-lines", "text.jsonl.gz", "bytes", gzipSync(lines([{ text: "Call me Ishmael.\n" }]))),
  parquet("talks.parquet"),
  parquet("sums.parquet"),
  ...["gzip", "none"].map((compression) => parquet(`texts-${compression}.parquet`, "body")),
  nanoGpt,
  chat("chat", "tokenizer_config.json"),
  chat("chat-beside", "chat_template.jinja"),
];
