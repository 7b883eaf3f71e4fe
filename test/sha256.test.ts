import { createHash } from "node:crypto";
import { afterEach, expect, it, vi } from "vitest";
import { sha256 } from "../src/sha256.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Lengths about the ends of blocks of 64 bytes, whose last nine hold how many there are. */
const LENGTHS = [0, 3, 54, 55, 56, 63, 64, 65, 119, 120, 1009];

it.each([
  ["the browser's own", crypto],
  ["a page's that is not served securely", {}],
])("is that of Node, by way of %s", async (_, given) => {
  vi.stubGlobal("crypto", given);
  for (const length of LENGTHS) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + length);
    expect(await sha256(bytes), `${length} bytes`).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
  const floats = Float32Array.of(1, 2.5, -3, 4).subarray(1, 3);
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  expect(await sha256(floats)).toBe(createHash("sha256").update(bytes).digest("hex"));
});
