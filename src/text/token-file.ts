import { closeSync, existsSync, fstatSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { explainFileError, writeFileAtomic } from "../formats/files/atomic.ts";
import { hasCode } from "../formats/files/error-code.ts";
import { noteVersion, type Patches, patched, refuseNewer } from "../formats/json/patches.ts";
import { checkPlainly } from "../plain-words.ts";
import { megatronIndexName, readMegatronIndex } from "./megatron.ts";
import { decodeIds, encodeIds, openForReading, readBytes, type TokenType, tokenBytes } from "./token-bytes.ts";
import { checkRange, type TokenSource } from "./token-source.ts";

export { memoryTokens, type TokenSource } from "./token-source.ts";

/** Version of the header. A program reads its own and older ones. */
const HEADER_VERSION = 1;

/** What makes a header of an older version into one of this. */
const PATCHES: Patches = [noteVersion];

/** What the JSON file beside a token file says of it. */
const headerSchema = z.strictObject({
  format: z.literal("tokenformer tokens"),
  version: z.literal(HEADER_VERSION),
  /** How an id is stored, little-endian. */
  dtype: z.enum(["uint16", "uint32"]),
  /** The number of tokens. */
  tokens: z.int().nonnegative(),
  /** The vocabulary size: all ids are below it. */
  vocabularySize: z.int().positive(),
  /** `hashTokenizer` of the tokenizer that made the ids. */
  tokenizerHash: z.string().optional(),
  /** The length of the text that the tokens stand for, in UTF-8 bytes. */
  textBytes: z.int().nonnegative().optional(),
});

/** What the JSON file beside a token file says of it. */
export type TokenFileHeader = z.infer<typeof headerSchema>;

/** What is known of tokens to be written to a file. */
export interface TokenFileOptions {
  /** All ids are below this; up to 65,536 they take two bytes each, beyond that four. */
  readonly vocabularySize: number;
  /** `hashTokenizer` of the tokenizer that made the ids. */
  readonly tokenizerHash?: string;
  /** The length of the text that the tokens stand for, in UTF-8 bytes; a function is asked once all are written. */
  readonly textBytes?: number | (() => number);
}

/** What a token file is expected to hold. */
export interface TokenFileExpectations {
  /** All ids must be below this; by default, below what the header says. */
  readonly vocabularySize?: number;
  /** `hashTokenizer` of the tokenizer in use; compared with the header's where it has one. */
  readonly tokenizerHash?: string;
}

/** What is known of a file of ids before it is opened. */
interface Layout {
  readonly dtype: TokenType;
  /** What says how many tokens there are; a file without any is as long as it is. */
  readonly said?: { readonly by: string; readonly tokens: number };
  readonly header?: TokenFileHeader;
}

/** The name of the header of a token file. */
export function headerName(file: string): string {
  return `${file}.json`;
}

/** What the tokenizer of one token file is called: `books.tokenizer.json` for `books.bin`. */
export function tokenizerName(file: string): string {
  return `${file.replace(/\.bin$/, "")}.tokenizer.json`;
}

/**
 * Opens a file of token ids for reading by range, so that it may be larger than memory.
 *
 * The format is told by what lies beside it: by our header, `<file>.json`, or by the index of Megatron-LM and GPT-NeoX,
 * `<file without .bin>.idx`. A file without either is read as uint16, as nanoGPT's `train.bin`. Megatron's documents follow one
 * another. A range with an id outside the vocabulary throws a UserError when it is read.
 *
 * @throws UserError for a file that cannot be read, that its header or index does not fit or that another tokenizer made.
 */
export function openTokenFile(file: string, options: TokenFileExpectations = {}): TokenSource {
  const layout = layoutOf(file);
  const { dtype, header } = layout;
  checkTokenizer(file, header, options.tokenizerHash);
  const vocabularySize = options.vocabularySize ?? header?.vocabularySize ?? 2 ** (8 * tokenBytes[dtype]);
  let descriptor: number | undefined = openForReading(file);
  try {
    const stats = fstatSync(descriptor);
    if (stats.isDirectory()) {
      throw new UserError(`cannot read ${file}: it is a folder, not a file; check the path`);
    }
    const length = checkSize(file, stats.size, layout);
    return {
      length,
      ...(header?.textBytes !== undefined && length > 0 && { bytesPerToken: header.textBytes / length }),
      read(start, count) {
        checkRange(length, start, count);
        if (descriptor === undefined) {
          throw new Error(`${file} is read after it was closed`);
        }
        const width = tokenBytes[dtype];
        const ids = decodeIds(readBytes(file, descriptor, start * width, count * width), dtype);
        checkIds(file, ids, start, vocabularySize);
        return ids;
      },
      close() {
        if (descriptor !== undefined) {
          closeSync(descriptor);
          descriptor = undefined;
        }
      },
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function layoutOf(file: string): Layout {
  const header = readHeader(file);
  if (header !== undefined) return { dtype: header.dtype, said: { by: "header", tokens: header.tokens }, header };
  if (!existsSync(megatronIndexName(file))) {
    if (/_document\.bin$/.test(file)) {
      throw new UserError(`${file}: has no index, expected ${megatronIndexName(file)} beside it; copy both files`);
    }
    return { dtype: "uint16" };
  }
  const { dtype, tokens, file: index } = readMegatronIndex(file);
  return { dtype, said: { by: `index ${basename(index)}`, tokens } };
}

/**
 * Writes token ids, piece by piece, to a file and a header beside it; each replaces its predecessor whole or not at all.
 *
 * @returns the header.
 * @throws UserError for an id outside the vocabulary, or where the files cannot be written.
 */
export async function writeTokenFile(
  file: string,
  chunks: AsyncIterable<Uint32Array> | Iterable<Uint32Array>,
  options: TokenFileOptions,
): Promise<TokenFileHeader> {
  const dtype = options.vocabularySize <= 2 ** 16 ? "uint16" : "uint32";
  let tokens = 0;
  async function* encode(): AsyncGenerator<Uint8Array> {
    for await (const ids of chunks) {
      checkIds(file, ids, tokens, options.vocabularySize);
      tokens += ids.length;
      yield encodeIds(ids, dtype);
    }
  }
  await writeFileAtomic(file, encode());
  const { textBytes, ...others } = options;
  const header: TokenFileHeader = {
    format: "tokenformer tokens",
    version: HEADER_VERSION,
    dtype,
    tokens,
    ...others,
    ...(textBytes !== undefined && { textBytes: typeof textBytes === "function" ? textBytes() : textBytes }),
  };
  await writeFileAtomic(headerName(file), `${JSON.stringify(header, undefined, 2)}\n`);
  return header;
}

function readHeader(file: string): TokenFileHeader | undefined {
  const name = headerName(file);
  let contents: string;
  try {
    contents = readFileSync(name, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) {
      return undefined;
    }
    throw explainFileError(error, "read", name);
  }
  const found = parsedOrNothing(contents);
  refuseNewer(found, name, HEADER_VERSION, "version");
  const result = checkPlainly(headerSchema, patched(found, PATCHES, HEADER_VERSION, "version").value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const reason =
    issue === undefined || issue.path.length === 0 ? "not JSON" : `${issue.path.join(".")}: ${issue.message}`;
  throw new UserError(
    `${name}: is no header of a token file (${reason}), expected version 1 of "tokenformer tokens"; ` +
      "make the token file again, or remove the header if the ids are uint16",
  );
}

function parsedOrNothing(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function checkTokenizer(file: string, header: TokenFileHeader | undefined, tokenizerHash: string | undefined): void {
  if (header?.tokenizerHash !== undefined && tokenizerHash !== undefined && header.tokenizerHash !== tokenizerHash) {
    throw new UserError(
      `${file}: its tokens were made by another tokenizer (hash ${header.tokenizerHash.slice(0, 12)}…), ` +
        `expected the one in use (${tokenizerHash.slice(0, 12)}…); make the token file again with this tokenizer`,
    );
  }
}

/** The number of tokens of a file of this size, in bytes. */
function checkSize(file: string, size: number, { dtype, said }: Layout): number {
  const width = tokenBytes[dtype];
  if (said !== undefined && size !== said.tokens * width) {
    throw new UserError(
      `${file}: has ${size} bytes, expected ${said.tokens * width} for the ${said.tokens} ${dtype} tokens of ` +
        `its ${said.by}; make the token file again`,
    );
  }
  if (size % width !== 0) {
    throw new UserError(
      `${file}: has ${size} bytes, expected an even number, as a token file without a header holds uint16 ids; ` +
        "it is cut short or no token file: make it again",
    );
  }
  return size / width;
}

/** Refuses ids outside the vocabulary; `start` is the position of the first. */
function checkIds(file: string, ids: Uint32Array, start: number, vocabularySize: number): void {
  const index = ids.findIndex((id) => id >= vocabularySize);
  if (index >= 0) {
    throw new UserError(
      `${file}: token ${start + index} has id ${ids[index]}, expected ids below the vocabulary size ${vocabularySize}; ` +
        "use the tokenizer that made these tokens",
    );
  }
}
