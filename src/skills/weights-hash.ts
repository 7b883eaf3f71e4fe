/** What tells weights from others: a hash of all of them. */

import type { HostArray } from "../growth/index.ts";

/**
 * The SHA-256, in hexadecimal, of some tensors: of the line `name shape hash` of each, ordered by name, where the hash is the SHA-256
 * of its bytes. So one tensor is in memory at a time, and they may come in any order.
 */
export async function weightsHash(
  tensors: Iterable<readonly [string, HostArray]> | AsyncIterable<readonly [string, HostArray]>,
): Promise<string> {
  const lines: string[] = [];
  for await (const [name, { shape, data }] of tensors) lines.push(`${name} ${shape.join("x")} ${await hashOf(data)}\n`);
  return textHash(lines.toSorted((a, b) => (a < b ? -1 : 1)).join(""));
}

/** The SHA-256 of a text in UTF-8, in hexadecimal. */
export const textHash = (text: string): Promise<string> => hashOf(new TextEncoder().encode(text));

async function hashOf(data: Float32Array | Uint8Array): Promise<string> {
  // A digest takes no memory that threads share.
  const { buffer, byteOffset, byteLength } = data;
  const bytes =
    buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
