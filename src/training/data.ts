/** From what a user names to a corpus: the embedded book, a text, token files. */

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";
import { fileExists } from "../formats/index.ts";
import {
  CharacterTokenizer,
  type Corpus,
  createCorpus,
  embeddedBook,
  hashTokenizer,
  loadTokenizer,
  memoryTokens,
  openTokenFile,
  readText,
  readTokenizer,
  type Tokenizer,
  trainBytePairEncoding,
} from "../text/index.ts";

/** The name that stands for the book that comes with the package. */
export const EMBEDDED = "Moby-Dick";

/**
 * Opens a corpus.
 * @param source a text file, a token file `.bin`, a folder with `train.bin` and `val.bin`, or `EMBEDDED`
 * @param tokenizer how to tokenise: a tokenizer, or a configuration's choice of one
 * @throws UserError if the source cannot be read, or has no tokenizer
 */
export async function openCorpus(source: string, tokenizer: Tokenizer | string): Promise<Corpus> {
  const files = source === EMBEDDED ? undefined : await tokenFiles(source);
  if (files !== undefined) return openTokenCorpus(source, files, tokenizer);
  const text = source === EMBEDDED ? (await embeddedBook()).text : await readText(source);
  const chosen = typeof tokenizer === "string" ? await tokenizerFor(tokenizer, text) : tokenizer;
  return createCorpus(source, chosen, memoryTokens(chosen.encode(text)));
}

async function tokenFiles(source: string): Promise<{ train: string; validation: string } | string | undefined> {
  if (source.endsWith(".bin")) {
    if (!(await fileExists(source)))
      throw new UserError(`cannot read ${source}: there is no such file; check the path`);
    return source;
  }
  const isFolder = await stat(source)
    .then((stats) => stats.isDirectory())
    .catch(() => false);
  if (!isFolder) return undefined;
  const pair = { train: join(source, "train.bin"), validation: join(source, "val.bin") };
  for (const file of Object.values(pair)) {
    if (!(await fileExists(file)))
      throw new UserError(
        `${source}: is a folder, expected token files train.bin and val.bin in it, but there is no ${file}; name a text file instead`,
      );
  }
  return pair;
}

async function openTokenCorpus(
  source: string,
  files: { train: string; validation: string } | string,
  choice: Tokenizer | string,
): Promise<Corpus> {
  const tokenizer = typeof choice === "string" ? await tokenizerBeside(source, files, choice) : choice;
  const expected = { vocabularySize: tokenizer.vocabularySize, tokenizerHash: hashTokenizer(tokenizer) };
  const open = (file: string) => openTokenFile(file, expected);
  if (typeof files === "string") return createCorpus(source, tokenizer, open(files));
  return createCorpus(source, tokenizer, { train: open(files.train), validation: open(files.validation) });
}

/** The tokenizer of token files: the one that is named, else a `tokenizer.json` beside them. */
async function tokenizerBeside(source: string, files: { train: string } | string, choice: string): Promise<Tokenizer> {
  if (choice.endsWith(".json")) return readTokenizer(choice);
  const beside = join(dirname(typeof files === "string" ? files : files.train), "tokenizer.json");
  if (await fileExists(beside)) return readTokenizer(beside);
  throw new UserError(
    `${source}: token files need their tokenizer, expected ${beside}; put it there or name it with --set tokenizer=FILE.json`,
  );
}

/** The tokenizer of a choice: characters of the text, a byte-pair encoding trained on it, or a file. */
export async function tokenizerFor(choice: string, text: string): Promise<Tokenizer> {
  if (choice === "none")
    throw new UserError("tokenizer: is none, expected a way to turn text into tokens; name a file");
  if (choice === "character") return CharacterTokenizer.fromText(text);
  if (choice.endsWith(".json")) return readTokenizer(choice);
  const vocabularySize = Number(choice.replace("bpe:", ""));
  return loadTokenizer(trainBytePairEncoding(text, { vocabularySize }), choice);
}
