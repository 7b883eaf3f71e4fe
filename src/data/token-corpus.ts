/** Corpora of token files, with the tokenizer that made them. */

import { dirname, join } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { fileExists, readFileBytes, readPickle } from "../formats/index.ts";
import {
  CharacterTokenizer,
  type Corpus,
  createCorpus,
  hashTokenizer,
  joinTokens,
  loadTokenizer,
  openTokenFile,
  readTokenizer,
  type Tokenizer,
  type TokenSource,
  tokenizerName,
} from "../text/index.ts";
import type { DataPart } from "./data-files.ts";
import { IDS } from "./data-names.ts";

export type TokenPart = Extract<DataPart, { kind: "tokens" }>;

/** @throws UserError where a file cannot be read, or has no tokenizer */
export async function openTokenCorpus(
  name: string,
  train: readonly TokenPart[],
  validation: readonly TokenPart[],
  choice: Tokenizer | string,
): Promise<Corpus> {
  const held = [
    ...train.flatMap((part) => part.heldOut),
    ...validation.flatMap((part) => [part.tokens, ...part.heldOut]),
  ];
  const files = train.map((part) => part.tokens);
  const tokenizer = typeof choice === "string" ? await tokenizerBeside(name, [...files, ...held], choice) : choice;
  // The numbers of ids stand for any tokenizer.
  const expected = {
    vocabularySize: tokenizer.vocabularySize,
    ...(!isOfIds(tokenizer) && { tokenizerHash: await hashTokenizer(tokenizer) }),
  };
  const opened: TokenSource[] = [];
  const open = (names: readonly string[]) =>
    joinTokens(
      names.map((file) => {
        const tokens = openTokenFile(file, expected);
        opened.push(tokens);
        return tokens;
      }),
    );
  try {
    const tokens = open(files);
    return createCorpus(name, tokenizer, held.length === 0 ? tokens : { train: tokens, validation: open(held) });
  } catch (error) {
    for (const tokens of opened) tokens.close();
    throw error;
  }
}

/** The tokenizer of token files: the one that is named, else that of the first, or one beside it. */
async function tokenizerBeside(name: string, files: readonly string[], choice: string): Promise<Tokenizer> {
  if (choice === IDS) return idTokenizer(files);
  if (choice.endsWith(".json")) return readTokenizer(choice);
  const [file = ""] = files;
  const beside = join(dirname(file), "tokenizer.json");
  for (const found of [tokenizerName(file), beside]) if (await fileExists(found)) return readTokenizer(found);
  const meta = join(dirname(file), "meta.pkl");
  if (await fileExists(meta)) return readMeta(meta);
  throw new UserError(
    `${name}: token files need their tokenizer, expected ${beside}; put it there or name it with --tokenizer FILE.json, or train on the ids alone with --tokenizer ${IDS}`,
  );
}

const metaSchema = z.map(z.unknown(), z.unknown()).transform((meta) => meta.get("itos"));
const charactersSchema = z.map(z.int().nonnegative(), z.string());

/** The character set of nanoGPT's `prepare.py`: `itos` has the character of each id. @throws UserError where it is none */
async function readMeta(file: string): Promise<Tokenizer> {
  const value = readPickle(await readFileBytes(file), { file, globals: new Map(), persistent: () => undefined });
  const characters = charactersSchema.safeParse(metaSchema.safeParse(value).data);
  const entries = [...(characters.data ?? [])].toSorted(([a], [b]) => a - b);
  const fits = entries.every(([id, character], index) => id === index && [...character].length === 1);
  if (!fits || entries.length === 0) {
    throw new UserError(
      `${file}: has no character for each id under "itos", expected what nanoGPT writes for characters; put a tokenizer.json beside the token files`,
    );
  }
  return CharacterTokenizer.fromCharacters(entries.map(([, character]) => character));
}

/** Tokens that are looked through at once. */
const AT_ONCE = 2 ** 16;

/** Ids on their own are below this: each is a token of the model and has a name in memory, of which a damaged file could ask for billions. */
const ID_LIMIT = 2 ** 20;

/** What stands in the tokenizer of ids for what it lacks, before the highest id: the mark by which it is known. */
const ONLY_IDS = "none: ids are from 0 to ";

const idTokenizerJson = z.looseObject({ model: z.looseObject({ unk_token: z.string().startsWith(ONLY_IDS) }) });

/** Whether a tokenizer is one that `idTokenizer` has made, in this process or before. */
const isOfIds = (tokenizer: Tokenizer): boolean => idTokenizerJson.safeParse(tokenizer.toJSON()).success;

/** Writes ids as their numbers, with spaces between: for sequences that are no texts, or of texts that nobody has. */
function idTokenizer(files: readonly string[]): Tokenizer {
  let highest = 0;
  for (const file of files) {
    const tokens = openTokenFile(file);
    try {
      for (let start = 0; start < tokens.length; start += AT_ONCE) {
        const ids = tokens.read(start, Math.min(AT_ONCE, tokens.length - start));
        checkIds(file, ids, start);
        for (const id of ids) if (id > highest) highest = id;
      }
    } finally {
      tokens.close();
    }
  }
  const vocab = Object.fromEntries(Array.from({ length: highest + 1 }, (_, id) => [String(id), id]));
  return loadTokenizer(
    {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: "WhitespaceSplit" },
      post_processor: null,
      decoder: null,
      model: { type: "WordLevel", vocab, unk_token: `${ONLY_IDS}${highest}` },
    },
    IDS,
  );
}

/** Refuses ids that are too many to be named; `start` is the position of the first. */
function checkIds(file: string, ids: Uint32Array, start: number): void {
  const index = ids.findIndex((id) => id >= ID_LIMIT);
  if (index < 0) return;
  throw new UserError(
    `${file}: token ${start + index} has id ${ids[index]}, expected ids below ${ID_LIMIT} for --tokenizer ${IDS}; ` +
      "make the token file again with smaller ids, or name its tokenizer with --tokenizer FILE.json",
  );
}
