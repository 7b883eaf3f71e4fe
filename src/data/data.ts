/** From what a user names to a corpus. */

import { UserError } from "../errors.ts";
import { type Corpus, createCorpus, memoryTokens, type Tokenizer, type TokenSource } from "../text/index.ts";
import { checkApplicable } from "./applicable.ts";
import { type DataPart, dataPartOf } from "./data-files.ts";
import { type DataReading, type DataSource, dataFilesOf, nameOfData } from "./data-names.ts";
import { documentTokens } from "./document-corpus.ts";
import { type LearningOptions, withChatTemplate } from "./document-tokens.ts";
import { spooledTokens } from "./spool.ts";
import type { TextSource } from "./text-sources.ts";
import { openTokenCorpus } from "./token-corpus.ts";
import {
  bytesOf,
  encodedTexts,
  extendedForTexts,
  type OnProgress,
  type Texts,
  tokenizerForTexts,
} from "./tokenizing.ts";

/** How a corpus is opened. */
export interface CorpusOptions {
  /** A function that is told how far the reading of texts has come. Default: none. */
  readonly onProgress?: OnProgress | undefined;
  /** Bytes of texts whose tokens are kept in memory; those of longer ones are on disk, in a temporary file. Default: 32 MiB. */
  readonly inMemory?: number;
  /** How data were read before, by a run that goes on: what of that is still asked may have nothing to apply to. Default: nothing. */
  readonly before?: DataReading | undefined;
}

/**
 * Opens a corpus.
 * @param source names of texts or token files
 * @param tokenizer how to tokenise: a tokenizer, or a configuration's choice of one
 * @throws UserError if the source cannot be read, is of both kinds, or has no tokenizer, and for a way to read it that cannot apply
 */
export async function openCorpus(
  source: DataSource,
  tokenizer: Tokenizer | string,
  options: CorpusOptions = {},
): Promise<Corpus> {
  const { name, train, validation } = await namedParts(source);
  const texts = textsOf(name, train, validation);
  const made = typeof tokenizer === "string" ? undefined : tokenizer;
  checkApplicable(dataFilesOf(source), options.before ?? {}, { name, texts: texts && allOf(texts), tokenizer: made });
  if (texts !== undefined) return openTextCorpus(texts, tokenizer, { ...dataFilesOf(source), ...options });
  const tokens = (parts: readonly DataPart[]) => parts.filter((part) => part.kind === "tokens");
  return openTokenCorpus(name, tokens(train), tokens(validation), tokenizer);
}

/**
 * The texts that a source names.
 * @param before as of `CorpusOptions`
 * @throws UserError if it cannot be read, or in no such way, or names token files
 */
export async function openTexts(
  source: DataSource,
  { before = {} }: Pick<CorpusOptions, "before"> = {},
): Promise<Texts> {
  const { name, train, validation } = await namedParts(source);
  const texts = textsOf(name, train, validation);
  if (texts !== undefined) {
    checkApplicable(dataFilesOf(source), before, { name, texts: allOf(texts), tokenizer: undefined });
    return texts;
  }
  throw new UserError(`${name}: is made of tokens already, expected a text`);
}

/** Whether data is a corpus that is open, not the names of one. */
export function isCorpus(data: DataSource | Corpus): data is Corpus {
  return typeof data === "object" && "tokenizer" in data;
}

async function namedParts(source: DataSource) {
  const { train, validation = [], ...reading } = dataFilesOf(source);
  const parts = async (names: readonly string[]) => {
    const found: DataPart[] = [];
    for (const name of names) found.push(await dataPartOf(name, reading));
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

const allOf = ({ train, validation }: Texts): TextSource[] => [...train, ...validation];

async function openTextCorpus(
  texts: Texts,
  choice: Tokenizer | string,
  options: CorpusOptions & DataReading,
): Promise<Corpus> {
  const { name, train, validation } = texts;
  const tokenizer =
    typeof choice === "string"
      ? await tokenizerForTexts(choice, texts, options)
      : options.extendVocabulary === true
        ? await extendedForTexts(choice, texts, options)
        : choice;
  if (allOf(texts).some((source) => source.isForFineTuning)) {
    return openDocumentCorpus(texts, withChatTemplate(tokenizer), options);
  }
  const opened: TokenSource[] = [];
  const tokens = async (sources: readonly TextSource[]) => {
    const source = await tokensOf(sources, tokenizer, options);
    opened.push(source);
    return source;
  };
  try {
    const whole = await tokens(train);
    const held = validation.length === 0 ? undefined : await tokens(validation);
    return createCorpus(name, tokenizer, held === undefined ? whole : { train: whole, validation: held });
  } catch (error) {
    for (const source of opened) source.close();
    throw error;
  }
}

async function openDocumentCorpus(
  { name, train, validation }: Texts,
  tokenizer: Tokenizer,
  options: LearningOptions & CorpusOptions,
): Promise<Corpus> {
  const whole = await documentTokens(train, tokenizer, options);
  if (validation.length === 0) return createCorpus(name, tokenizer, whole);
  const held = await documentTokens(validation, tokenizer, options);
  return createCorpus(name, tokenizer, { train: whole, validation: held });
}

const IN_MEMORY = 2 ** 25;

async function tokensOf(
  sources: readonly TextSource[],
  tokenizer: Tokenizer,
  { onProgress, inMemory = IN_MEMORY }: CorpusOptions,
): Promise<TokenSource> {
  const pieces = encodedTexts(sources, tokenizer, onProgress);
  if (bytesOf(sources) > inMemory) return spooledTokens(pieces, tokenizer.vocabularySize);
  const found: Uint32Array[] = [];
  for await (const { ids } of pieces) found.push(ids);
  return memoryTokens(concatenated(found));
}

function concatenated(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
