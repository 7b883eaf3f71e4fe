/** From what a user names to a corpus. */

import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";
import { fileExists } from "../formats/index.ts";
import {
  CharacterTokenizer,
  type Corpus,
  countWords,
  createCorpus,
  hashTokenizer,
  joinTexts,
  joinTokens,
  loadTokenizer,
  memoryTokens,
  openTokenFile,
  readTokenizer,
  type Tokenizer,
  type TokenSource,
  tokenizerName,
  trainBytePairEncoding,
  type WordCounts,
} from "../text/index.ts";
import { type DataPart, dataPartOf, type TextReader } from "./data-files.ts";
import { type DataSource, dataFilesOf, nameOfData } from "./data-names.ts";

/** Readers of what to train on and of what to hold out; where that is nothing, the end of the first is. */
export interface Texts {
  readonly name: string;
  readonly train: readonly TextReader[];
  readonly validation: readonly TextReader[];
}

/**
 * Opens a corpus.
 * @param source names of texts or token files
 * @param tokenizer how to tokenise: a tokenizer, or a configuration's choice of one
 * @throws UserError if the source cannot be read, is of both kinds, or has no tokenizer
 */
export async function openCorpus(source: DataSource, tokenizer: Tokenizer | string): Promise<Corpus> {
  const { name, train, validation } = await namedParts(source);
  const texts = textsOf(name, train, validation);
  if (texts !== undefined) return openTextCorpus(texts, tokenizer);
  const tokens = (parts: readonly DataPart[]) => parts.filter((part) => part.kind === "tokens");
  return openTokenCorpus(name, tokens(train), tokens(validation), tokenizer);
}

/** The texts that a source names. Throws a `UserError` if it cannot be read, or names token files. */
export async function openTexts(source: DataSource): Promise<Texts> {
  const { name, train, validation } = await namedParts(source);
  const texts = textsOf(name, train, validation);
  if (texts !== undefined) return texts;
  throw new UserError(`${name}: is made of tokens already, expected a text`);
}

/** Whether data is a corpus that is open, not the names of one. */
export function isCorpus(data: DataSource | Corpus): data is Corpus {
  return typeof data === "object" && "tokenizer" in data;
}

async function namedParts(source: DataSource) {
  const { train, validation = [] } = dataFilesOf(source);
  const parts = async (names: readonly string[]) => {
    const found: DataPart[] = [];
    for (const name of names) found.push(await dataPartOf(name));
    return found;
  };
  const [trained, held] = [await parts(train), await parts(validation)];
  const own = train.find((_, index) => (trained[index]?.heldOut.length ?? 0) > 0);
  if (own !== undefined && held.length > 0) {
    throw new UserError(`${own}: has a part of its own to hold out, so that no other can be; name no validation data`);
  }
  return { name: nameOfData(source), train: trained, validation: held };
}

/** The texts of parts; nothing where the parts are token files. */
function textsOf(name: string, train: readonly DataPart[], validation: readonly DataPart[]): Texts | undefined {
  const texts = (parts: readonly DataPart[]) => parts.filter((part) => part.kind === "texts");
  const [trained, held] = [texts(train), texts(validation)];
  const count = trained.length + held.length;
  if (count === 0) return undefined;
  if (count < train.length + validation.length) {
    throw new UserError(
      `${name}: are texts and token files, expected one or the other; make token files of the texts with: tokenformer tokenize`,
    );
  }
  return {
    name,
    train: trained.flatMap((part) => part.texts),
    validation: [
      ...trained.flatMap((part) => part.heldOut),
      ...held.flatMap((part) => [...part.texts, ...part.heldOut]),
    ],
  };
}

async function openTextCorpus(texts: Texts, choice: Tokenizer | string): Promise<Corpus> {
  const { name, train, validation } = texts;
  const tokenizer = typeof choice === "string" ? await tokenizerForTexts(choice, texts) : choice;
  const tokens = async (readers: readonly TextReader[]) =>
    memoryTokens(tokenizer.encode(await readJoined(name, readers)));
  const whole = await tokens(train);
  return createCorpus(
    name,
    tokenizer,
    validation.length === 0 ? whole : { train: whole, validation: await tokens(validation) },
  );
}

/** One after the other: a system opens only so many files at once. */
export async function readJoined(name: string, readers: readonly TextReader[]): Promise<string> {
  const texts: string[] = [];
  for (const read of readers) texts.push(await read());
  return joinTexts(name, texts);
}

type TokenPart = Extract<DataPart, { kind: "tokens" }>;

async function openTokenCorpus(
  name: string,
  train: readonly TokenPart[],
  validation: readonly TokenPart[],
  choice: Tokenizer | string,
): Promise<Corpus> {
  const tokenizer = typeof choice === "string" ? await tokenizerBeside(name, train, choice) : choice;
  const expected = { vocabularySize: tokenizer.vocabularySize, tokenizerHash: hashTokenizer(tokenizer) };
  const opened: TokenSource[] = [];
  const open = (files: readonly string[]) =>
    joinTokens(
      files.map((file) => {
        const tokens = openTokenFile(file, expected);
        opened.push(tokens);
        return tokens;
      }),
    );
  const held = [
    ...train.flatMap((part) => part.heldOut),
    ...validation.flatMap((part) => [part.tokens, ...part.heldOut]),
  ];
  try {
    const tokens = open(train.map((part) => part.tokens));
    return createCorpus(name, tokenizer, held.length === 0 ? tokens : { train: tokens, validation: open(held) });
  } catch (error) {
    for (const tokens of opened) tokens.close();
    throw error;
  }
}

/** The tokenizer of token files: the one that is named, else that of the first, or a `tokenizer.json` beside it. */
async function tokenizerBeside(name: string, [first]: readonly TokenPart[], choice: string): Promise<Tokenizer> {
  if (choice.endsWith(".json")) return readTokenizer(choice);
  const file = first?.tokens ?? "";
  const beside = join(dirname(file), "tokenizer.json");
  for (const found of [tokenizerName(file), beside]) if (await fileExists(found)) return readTokenizer(found);
  throw new UserError(
    `${name}: token files need their tokenizer, expected ${beside}; put it there or name it with --tokenizer FILE.json`,
  );
}

/**
 * The tokenizer of a choice: characters of texts, a byte-pair encoding trained on them, or a file. The texts are read one by
 * one, so that together they may be larger than memory; those held out have to be written in the characters too.
 */
export async function tokenizerForTexts(choice: string, { train, validation }: Texts): Promise<Tokenizer> {
  if (choice.endsWith(".json")) return readTokenizer(choice);
  if (choice.startsWith("character")) {
    const characters = new Set<string>();
    for (const part of [train, validation]) {
      for await (const text of broken(part)) for (const character of text) characters.add(character);
    }
    return CharacterTokenizer.fromText([...characters].join(""), { unknown: choice === "character+unknown" });
  }
  const words: WordCounts = new Map();
  for await (const text of broken(train)) countWords(text, words);
  return loadTokenizer(trainBytePairEncoding(words, { vocabularySize: Number(choice.replace("bpe:", "")) }), choice);
}

/** Texts one by one, each but the first after a line break. */
export async function* broken(readers: readonly TextReader[]): AsyncGenerator<string> {
  for (const [index, read] of readers.entries()) yield (index === 0 ? "" : "\n") + (await read());
}
