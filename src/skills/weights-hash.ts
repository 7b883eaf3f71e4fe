/** What tells weights from others: a hash of all of them. */

import type { HostArray } from "../growth/index.ts";
import { sha256 } from "../sha256.ts";

/**
 * The SHA-256, in hexadecimal, of some tensors: of the line `name shape hash` of each, ordered by name, where the hash is the SHA-256
 * of its bytes. So one tensor is in memory at a time, and they may come in any order.
 */
export async function weightsHash(
  tensors: Iterable<readonly [string, HostArray]> | AsyncIterable<readonly [string, HostArray]>,
): Promise<string> {
  const lines: string[] = [];
  for await (const [name, { shape, data }] of tensors) lines.push(`${name} ${shape.join("x")} ${await sha256(data)}\n`);
  return sha256(new TextEncoder().encode(lines.toSorted((a, b) => (a < b ? -1 : 1)).join("")));
}
