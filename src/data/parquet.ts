/** Rows of Parquet files, as the objects that lines of JSON would have. */

import * as zlib from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { messageOf, UserError } from "../errors.ts";
import type { JsonLine } from "../formats/index.ts";

/** What is read beside the text. */
const COLUMNS = ["messages", "prompt", "completion"];

/** Bytes of a group of rows, of the columns that are read, which are in memory at once. */
const MOST_BYTES = 512 * 2 ** 20;

/**
 * The rows of a file, one group after the other, with the columns that records have; rows count from 1.
 * @param key the column of the text
 * @param onRead called with the number of bytes that were read since the last time
 * @throws UserError for a file that is damaged, compressed in a way that Node does not know, or has none of the columns
 */
export async function* parquetRows(
  file: string,
  key: string,
  onRead?: (bytes: number) => void,
): AsyncGenerator<JsonLine> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const source = await understood(file, () => asyncBufferFromFile(file));
  const metadata = await understood(file, () => parquetMetadataAsync(source));
  const names = await understood(file, () => parquetSchema(metadata).children.map(({ element }) => element.name));
  const columns = names.filter((name) => name === key || COLUMNS.includes(name));
  if (columns.length === 0) {
    throw new UserError(
      `${file}: has the columns ${names.join(", ")}, expected "${key}", "messages", or "prompt" and "completion"; name the column of the text with --text-key`,
    );
  }
  let rest = source.byteLength;
  const counted: AsyncBuffer = {
    byteLength: source.byteLength,
    slice: (start, end = source.byteLength) => {
      const bytes = Math.min(rest, end - start);
      rest -= bytes;
      onRead?.(bytes);
      return source.slice(start, end);
    },
  };
  let row = 0;
  for (const group of await understood(file, () => [...groupsOf(metadata, columns, file)])) {
    const options = { file: counted, metadata, columns, compressors, rowStart: row, rowEnd: row + group };
    for (const value of await understood(file, () => parquetReadObjects(options))) {
      row++;
      yield { value, line: row };
    }
  }
  // What other columns have is not read.
  onRead?.(rest);
}

/** How many rows there are in each group. */
function* groupsOf({ row_groups: groups }: FileMetaData, columns: readonly string[], file: string): Generator<number> {
  for (const { num_rows: rows, columns: chunks } of groups) {
    const bytes = chunks.reduce((sum, { meta_data: chunk }) => {
      const isRead = columns.includes(chunk?.path_in_schema[0] ?? "");
      return isRead ? sum + Number(chunk?.total_uncompressed_size ?? 0) : sum;
    }, 0);
    if (bytes > MOST_BYTES) {
      throw new UserError(
        `${file}: has a group of ${rows} rows with ${Math.ceil(bytes / 2 ** 20)} MiB, expected at most ${MOST_BYTES / 2 ** 20}; write it with smaller row groups`,
      );
    }
    yield Number(rows);
  }
}

/** Does what may find a file damaged. */
async function understood<Result>(file: string, work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${file}: cannot be read as Parquet (${messageOf(error)}); write it anew, for example as .jsonl`,
      {
        cause: error,
      },
    );
  }
}

/** The limit of a decompressor: the length that the file says. */
const limited = (maxOutputLength: number) => ({ maxOutputLength: Math.max(1, maxOutputLength) });

/** Since Node 22.15. */
const zstd: unknown = Reflect.get(zlib, "zstdDecompressSync");

/** What pages are compressed with beside Snappy, which the reader knows. */
const compressors: Compressors = {
  GZIP: (input, length) => zlib.gunzipSync(input, limited(length)),
  BROTLI: (input, length) => zlib.brotliDecompressSync(input, limited(length)),
  ...(typeof zstd === "function" && {
    ZSTD: (input: Uint8Array, length: number): Uint8Array => {
      const output: unknown = Reflect.apply(zstd, undefined, [input, limited(length)]);
      if (output instanceof Uint8Array) return output;
      throw new Error("internal: zstd gave no bytes");
    },
  }),
};
