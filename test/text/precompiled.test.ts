import { afterEach, expect, it, vi } from "vitest";
import { readPrecompiled } from "../../src/text/tokenizer-parts/precompiled.ts";

afterEach(() => vi.restoreAllMocks());

/** A table without a text, by which all stays as it is. */
const EMPTY = Buffer.from(Uint32Array.of(4, 0).buffer).toString("base64");

it("remembers characters that come again, but not such as are long, nor without end", () => {
  const normalize = readPrecompiled({ precompiled_charsmap: EMPTY }, "test");
  const encode = vi.spyOn(TextEncoder.prototype, "encode");
  /** Whether the table is asked for a text. */
  const isLookedUp = (text: string) => {
    encode.mockClear();
    expect(normalize(text)).toBe(text);
    return encode.mock.calls.length > 0;
  };
  expect([isLookedUp("é"), isLookedUp("é")]).toEqual([true, false]);
  const long = `e${"́".repeat(100)}`;
  expect([isLookedUp(long), isLookedUp(long)]).toEqual([true, true]);
  // More than are kept: the first ones are forgotten.
  for (let first = 0x20000; first < 0x30100; first += 0x100) {
    normalize(Array.from({ length: 0x100 }, (_, index) => String.fromCodePoint(first + index)).join(""));
  }
  expect(isLookedUp("é")).toBe(true);
});
