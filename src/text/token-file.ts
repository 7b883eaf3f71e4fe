import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { explainFileError, hasCode, writeFileAtomic } from "../formats/atomic.ts";
import { checkRange, type TokenSource } from "./token-source.ts";

export { memoryTokens, type TokenSource } from "./token-source.ts";

/** What the JSON file beside a token file says of it. */
const headerSchema = z.strictObject({
  format: z.literal("tokenformer tokens"),
  version: z.literal(1),
  /** How an id is stored, little-endian. */
  dtype: z.enum(["uint16", "uint32"]),
  /** The number of tokens. */
  tokens: z.int().nonnegative(),
  /** All ids are below this. */
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
  /** The length of the text that the tokens stand for, in UTF-8 bytes. */
  readonly textBytes?: number;
}

/** What a token file is expected to hold. */
export interface TokenFileExpectations {
  /** All ids must be below this; by default, below what the header says. */
  readonly vocabularySize?: number;
  /** `hashTokenizer` of the tokenizer in use; compared with the header's where it has one. */
  readonly tokenizerHash?: string;
}

/** The name of the header of a token file. */
function headerName(file: string): string {
  return `${file}.json`;
}

/**
 * Opens a file of token ids for reading by range, so that it may be larger than memory.
 *
 * The format is told by the header beside it, `<file>.json`; a file without one is read as uint16, as nanoGPT's
 * `train.bin`. A range with an id outside the vocabulary throws a UserError when it is read.
 *
 * @throws UserError for a file that cannot be read, that its header does not fit or that another tokenizer made.
 */
export function openTokenFile(file: string, options: TokenFileExpectations = {}): TokenSource {
  const header = readHeader(file);
  checkTokenizer(file, header, options.tokenizerHash);
  const width = header?.dtype === "uint32" ? 4 : 2;
  const vocabularySize = options.vocabularySize ?? header?.vocabularySize ?? 2 ** (8 * width);
  let descriptor: number | undefined = openFile(file);
  try {
    const stats = fstatSync(descriptor);
    if (stats.isDirectory()) {
      throw new UserError(`cannot read ${file}: it is a folder, not a file; check the path`);
    }
    const length = checkSize(file, stats.size, width, header);
    return {
      length,
      ...(header?.textBytes !== undefined && length > 0 && { bytesPerToken: header.textBytes / length }),
      read(start, count) {
        checkRange(length, start, count);
        if (descriptor === undefined) {
          throw new Error(`${file} is read after it was closed`);
        }
        const ids = readIds(file, descriptor, start, count, width);
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
      const stored = dtype === "uint16" ? new Uint16Array(ids) : new Uint32Array(ids);
      const bytes = Buffer.from(stored.buffer);
      swapUnlessLittleEndian(bytes, stored.BYTES_PER_ELEMENT);
      yield bytes;
    }
  }
  await writeFileAtomic(file, encode());
  const header: TokenFileHeader = { format: "tokenformer tokens", version: 1, dtype, tokens, ...options };
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
  try {
    return headerSchema.parse(JSON.parse(contents));
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : [];
    const reason = issue ? `${issue.path.join(".")}: ${issue.message}` : "not JSON";
    throw new UserError(
      `${name}: is no header of a token file (${reason}), expected version 1 of "tokenformer tokens"; ` +
        "make the token file again, or remove the header if the ids are uint16",
    );
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
function checkSize(file: string, size: number, width: number, header: TokenFileHeader | undefined): number {
  if (header !== undefined && size !== header.tokens * width) {
    throw new UserError(
      `${file}: has ${size} bytes, expected ${header.tokens * width} for the ${header.tokens} ${header.dtype} tokens of ` +
        "its header; make the token file again",
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

function openFile(file: string): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}

/** Reads a range of ids of `width` bytes each. */
function readIds(file: string, descriptor: number, start: number, count: number, width: number): Uint32Array {
  const bytes = Buffer.from(new ArrayBuffer(count * width));
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(descriptor, bytes, done, bytes.length - done, start * width + done);
    if (read === 0) {
      throw new UserError(`${file}: became shorter while it was read, expected it to stay as it was; start again`);
    }
    done += read;
  }
  swapUnlessLittleEndian(bytes, width);
  return width === 4 ? new Uint32Array(bytes.buffer) : new Uint32Array(new Uint16Array(bytes.buffer));
}

/** Turns numbers of `width` bytes from little-endian to the order of this machine, or back. */
function swapUnlessLittleEndian(bytes: Buffer, width: number): void {
  if (endianness() !== "LE") {
    width === 4 ? bytes.swap32() : bytes.swap16();
  }
}
