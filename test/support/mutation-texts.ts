/** Small files that texts, conversations and their tokens are read from, for trials that damage them. */

import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openCorpus } from "../../src/data/index.ts";
import { UserError } from "../../src/errors.ts";
import { chatTemplateOf, closeCorpus, readTokenizer, trainBytePairEncoding } from "../../src/text/index.ts";
import type { MutationSubject } from "./mutation-trials.ts";
import type { FileKind } from "./mutations.ts";
import { ROOT } from "./program.ts";

type Maker = (folder: string) => Promise<MutationSubject>;

/** Texts that are read for characters; a file alone, or with what is beside it. */
const texts =
  (name: string, files: Readonly<Record<string, readonly [FileKind, string | Buffer]>>, textKey?: string): Maker =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    for (const [file, [, contents]] of Object.entries(files)) await writeFile(join(folder, file), contents);
    const kinds = Object.fromEntries(Object.entries(files).map(([file, [kind]]) => [file, kind]));
    const read = async (copy: string) => {
      const train = Object.keys(files)
        .filter((file) => /text/.test(file))
        .map((file) => join(copy, file));
      closeCorpus(await openCorpus({ train, ...(textKey !== undefined && { textKey }) }, "character"));
    };
    return { name, folder, kinds, read };
  };

const CONVERSATION = [
  { role: "user", content: "What is it?" },
  { role: "assistant", content: "A whale." },
];

const lines = (records: readonly unknown[]): string =>
  Array.from({ length: 12 }, () => records.map((record) => `${JSON.stringify(record)}\n`).join("")).join("");

const parquet =
  (file: string, textKey?: string): Maker =>
  async (folder) => {
    await mkdir(folder, { recursive: true });
    await cp(join(ROOT, "test/fixtures/parquet", file), join(folder, file));
    const read = async (copy: string) => {
      const files = { train: [join(copy, file)], ...(textKey !== undefined && { textKey }) };
      closeCorpus(await openCorpus(files, "character"));
    };
    return { name: file, folder, kinds: { [file]: "bytes" }, read };
  };

/** Ids of nanoGPT's, with the characters that Python's pickle has of them. */
const CHARACTERS =
  "80049549000000000000007d94288c0a766f6361625f73697a65944b038c0469746f73947d94284b008c010a944b018c0161944b028c02c3a994758c0473746f69947d942868044b0068054b0168064b0275752e";

const nanoGpt: Maker = async (folder) => {
  await mkdir(folder, { recursive: true });
  const ids = Uint16Array.from({ length: 40 }, (_, index) => index % 3);
  for (const name of ["train.bin", "val.bin"]) await writeFile(join(folder, name), ids);
  await writeFile(join(folder, "meta.pkl"), Buffer.from(CHARACTERS, "hex"));
  const read = async (copy: string) => closeCorpus(await openCorpus(copy, "character"));
  return { name: "nanogpt", folder, kinds: { "meta.pkl": "bytes", "train.bin": "bytes" }, read };
};

const TEMPLATE =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] | trim }}{% if not loop.last %}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}";

/** A tokenizer with its settings, and a template for conversations in or beside them. */
const chat =
  (name: string, file: string): Maker =>
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
          read.encode(
            template.text(
              CONVERSATION.map(({ role, content }) => ({ role: roleOf(role), content })),
              { reply },
            ),
          );
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }
    };
    return { name, folder, kinds: { [file]: isBeside ? "bytes" : "json" }, read };
  };

const roleOf = (role: string): "user" | "assistant" => (role === "user" ? "user" : "assistant");

export const textSubjects: readonly Maker[] = [
  texts("lines", { "text.jsonl": ["lines", lines([{ text: "Call me Ishmael." }, { text: "Some years ago\n" }])] }),
  texts("conversations", { "text.jsonl": ["lines", lines([{ messages: CONVERSATION }])] }),
  texts("prompts", { "text.jsonl": ["lines", lines([{ prompt: "2+2=", completion: "4" }])] }),
  texts("gzip", { "text.txt.gz": ["bytes", gzipSync("Call me Ishmael.\n".repeat(90))] }),
  texts("gzip-lines", { "text.jsonl.gz": ["bytes", gzipSync(lines([{ text: "Call me Ishmael.\n" }]))] }),
  parquet("talks.parquet"),
  parquet("sums.parquet"),
  ...["gzip", "none"].map((compression) => parquet(`texts-${compression}.parquet`, "body")),
  nanoGpt,
  chat("chat", "tokenizer_config.json"),
  chat("chat-beside", "chat_template.jinja"),
];
