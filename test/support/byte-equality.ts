/**
 * Arrays of numbers are compared by their bytes first. Element by element, as a matcher does, took more than the training whose weights
 * were compared; arrays that differ are still left to the matcher, which says where.
 */

import { expect } from "vitest";

declare global {
  /** Whether the matchers of this process, which files of tests share, know of it. */
  var comparesBytes: true | undefined;
}

function equalBytes(one: unknown, other: unknown): true | undefined {
  if (!ArrayBuffer.isView(one) || !ArrayBuffer.isView(other) || one.constructor !== other.constructor) return undefined;
  return bytesOf(one).equals(bytesOf(other)) ? true : undefined;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength);

if (globalThis.comparesBytes === undefined) {
  globalThis.comparesBytes = true;
  expect.addEqualityTesters([equalBytes]);
}
