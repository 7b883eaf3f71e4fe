import type { Documents } from "./documents.ts";

/** A sequence of token ids that can be read by range, from memory or from disk. */
export interface TokenSource {
  /** The number of tokens. */
  readonly length: number;
  /** The mean length of a token's text in UTF-8 bytes, where it is known exactly. */
  readonly bytesPerToken?: number;
  /** Where the tokens are those of documents, of which parts are learned: which. Default: one text, all of which is. */
  readonly documents?: Documents | undefined;
  /**
   * Tokens `start` to `start + count - 1`. Do not write to the result: it may be the source's own memory.
   *
   * @throws RangeError for a range outside the sequence.
   */
  read(start: number, count: number): Uint32Array;
  /** Frees what the source holds; closing twice is harmless. */
  close(): void;
}

/** Tokens held in memory; the array is used as it is, not copied. */
export function memoryTokens(ids: Uint32Array): TokenSource {
  return {
    length: ids.length,
    read(start, count) {
      checkRange(ids.length, start, count);
      return ids.subarray(start, start + count);
    },
    close() {},
  };
}

/** Tokens `from` to `to - 1` of a source, numbered from 0. Closing the part closes the whole. */
export function sliceTokens(source: TokenSource, from: number, to: number): TokenSource {
  checkRange(source.length, from, to - from);
  return {
    length: to - from,
    read(start, count) {
      checkRange(to - from, start, count);
      return source.read(from + start, count);
    },
    close() {
      source.close();
    },
  };
}

/** Sources one after the other, as one. Closing the whole closes each. */
export function joinTokens(sources: readonly TokenSource[]): TokenSource {
  const starts: number[] = [];
  let length = 0;
  for (const source of sources) {
    starts.push(length);
    length += source.length;
  }
  const bytes = sources.reduce((sum, { bytesPerToken = Number.NaN, length: n }) => sum + bytesPerToken * n, 0);
  return {
    length,
    ...(length > 0 && !Number.isNaN(bytes) && { bytesPerToken: bytes / length }),
    read(start, count) {
      checkRange(length, start, count);
      const ids = new Uint32Array(count);
      sources.forEach((source, index) => {
        const offset = starts[index] ?? 0;
        const from = Math.max(start, offset);
        const to = Math.min(start + count, offset + source.length);
        if (from < to) ids.set(source.read(from - offset, to - from), from - start);
      });
      return ids;
    },
    close() {
      for (const source of sources) source.close();
    },
  };
}

/**
 * Checks that a range lies within a sequence.
 *
 * @throws RangeError where it does not.
 */
export function checkRange(length: number, start: number, count: number): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(count);
  if (!whole || start < 0 || count < 0 || start + count > length) {
    throw new RangeError(`Cannot read ${count} tokens from ${start} on: the sequence has ${length}`);
  }
}
