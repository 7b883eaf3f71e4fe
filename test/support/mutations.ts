/**
 * Damage to files, drawn from a seed: what a reader has to answer with a `UserError`, soon and in little memory.
 *
 * One file, one way to damage it: `mutate(bytes, kind, random)` gives it back changed in one to a few places. Files of bytes are
 * changed anywhere (bits, numbers, cuts, repetitions), texts of JSON and YAML mostly in their values, so that they can still be
 * parsed and the faults lie deeper. The same bytes, kind and random numbers always give the same result.
 */

import { parse, stringify } from "yaml";
import type { Random } from "../../src/random.ts";

/** What a file is made of, which decides how it is damaged. `lines`: JSON, a value a line. */
export type FileKind = "bytes" | "json" | "lines" | "yaml" | "safetensors";

/** A damaged copy of a file. */
export function mutate(bytes: Uint8Array, kind: FileKind, random: Random): Uint8Array {
  // Any file can be cut, or hold anything.
  if (kind === "bytes" || random.integer(5) === 0) return mutatedBytes(bytes, random);
  if (kind !== "safetensors" && random.integer(50) === 0) return Buffer.from(pick(WHOLE, random)());
  switch (kind) {
    case "json":
      return Buffer.from(mutatedJson(Buffer.from(bytes).toString(), random));
    case "yaml":
      return Buffer.from(stringify(mutatedValue(parse(Buffer.from(bytes).toString()), random)));
    case "lines":
      return mutatedLine(bytes, random);
    case "safetensors":
      return mutatedHeader(bytes, random);
  }
}

/** Texts that are deep, long or nothing. */
const WHOLE: readonly (() => string)[] = [
  () => "",
  () => "\n",
  () => "null",
  () => "\uFEFF{}",
  () => "[".repeat(100_000),
  () => `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  () => `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  () => "- ".repeat(20_000),
  () =>
    `a: &a [x, x]\n${Array.from({ length: 30 }, (_, index) => `a${index}: &a${index} [*a${index === 0 ? "" : index - 1}, *a${index === 0 ? "" : index - 1}]\n`).join("")}`,
  () => "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
];

function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[random.integer(items.length)];
  if (item === undefined) throw new Error("internal: there is nothing to choose from");
  return item;
}

// --- bytes ---------------------------------------------------------------------------------------------------------------

const changes: readonly ((bytes: Buffer, at: number, random: Random) => Uint8Array)[] = [
  (bytes, at, random) => bytes.fill((bytes[at] ?? 0) ^ (1 << random.integer(8)), at, at + 1),
  (bytes, at, random) => bytes.fill(pick([0, 1, 0x20, 0x28, 0x2e, 0x7f, 0x80, 0xff], random), at, at + 1),
  (bytes, at, random) => bytes.fill(random.integer(256), at, at + 1),
  (bytes, at, random) => overwritten(bytes, at, numberBytes(random)),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at) => bytes.subarray(at),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.integer(16))]),
  (bytes, at, random) => {
    const from = random.integer(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + 64), bytes.subarray(at)]);
  },
  (bytes, at, random) => {
    const from = random.integer(bytes.length);
    return overwritten(bytes, at, Buffer.from(bytes.subarray(from, from + 1 + random.integer(32))));
  },
  (bytes, at, random) =>
    Buffer.concat([bytes.subarray(0, at), randomBytes(1 + random.integer(8), random), bytes.subarray(at)]),
];

function mutatedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let changed = Buffer.from(bytes);
  for (let count = 1 + random.integer(4); count > 0 && changed.length > 0; count--) {
    // Headers are at the beginning or the end.
    const near = Math.min(changed.length, 512);
    const at = pick(
      [random.integer(changed.length), random.integer(near), changed.length - 1 - random.integer(near)],
      random,
    );
    changed = Buffer.from(pick(changes, random)(changed, at, random));
  }
  return changed;
}

function overwritten(bytes: Buffer, at: number, by: Uint8Array): Buffer {
  bytes.set(by.subarray(0, bytes.length - at), at);
  return bytes;
}

/** A number at which readers stumble, in 2, 4 or 8 bytes. */
function numberBytes(random: Random): Uint8Array {
  const value = pick(
    [0n, 1n, -1n, 2n ** 15n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 40n, 2n ** 53n, 2n ** 62n, -(2n ** 63n)],
    random,
  );
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes.subarray(0, pick([2, 4, 8], random));
}

function randomBytes(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(256));
}

// --- values --------------------------------------------------------------------------------------------------------------

type Key = string | number;

const STRANGE: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -1,
  () => 0.5,
  () => 7,
  () => 65_536,
  () => 1_000_000_000,
  () => 2 ** 31,
  () => 2 ** 53,
  () => 1e308,
  () => "",
  () => "x",
  () => "\0",
  () => "a\nb",
  () => "\ud800",
  () => "__proto__",
  () => "constructor",
  () => "../../etc/passwd",
  () => "(a+)+$",
  () => "[",
  () => "é".repeat(5000),
  () => [],
  () => ({}),
  () => [[[[]]]],
  () => ({ type: "Sequence" }),
  () => JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`),
  () => Array.from({ length: 2000 }, (_, index) => index),
];

function isContainer(value: unknown): value is Record<Key, unknown> {
  return typeof value === "object" && value !== null;
}

/** A value anywhere within another: a walk from the outside, which stops now and then. */
function placeIn(
  root: Record<Key, unknown>,
  random: Random,
): { readonly holder: Record<Key, unknown>; readonly key: Key } | undefined {
  let holder = root;
  for (;;) {
    const keys = Object.keys(holder);
    if (keys.length === 0) return;
    const key = pick(keys, random);
    const value = holder[key];
    if (!isContainer(value) || Object.keys(value).length === 0 || random.integer(5) === 0) return { holder, key };
    holder = value;
  }
}

type Change = (holder: Record<Key, unknown>, key: Key, random: Random, root: Record<Key, unknown>) => void;

const valueChanges: readonly Change[] = [
  (holder, key, random) => define(holder, key, pick(STRANGE, random)()),
  (holder, key, random) => define(holder, key, varied(holder[key], random)),
  (holder, key) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  (holder, key) => define(holder, key, [holder[key]]),
  (holder, key) => define(holder, key, { [key]: holder[key] }),
  (holder, key, random) =>
    define(
      holder,
      Array.isArray(holder) ? holder.length : pick(["__proto__", "type", "", "x", "\0", "0"], random),
      holder[key],
    ),
  (holder, key, random, root) => {
    const other = placeIn(root, random);
    if (other === undefined) return;
    // Copies, as a value within itself could not be written.
    const [one, two] = [structuredClone(holder[key]), structuredClone(other.holder[other.key])];
    define(holder, key, two);
    define(other.holder, other.key, one);
  },
];

/** Sets a key, also one that objects have of their own. */
function define(holder: Record<Key, unknown>, key: Key, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A value of the same type, a little or a lot different. */
function varied(value: unknown, random: Random): unknown {
  if (typeof value === "number")
    return pick([value + 1, value - 1, -value, value * 2, value * 1e6, value / 3, value + 0.5], random);
  if (typeof value === "string") return Buffer.from(mutatedBytes(Buffer.from(value), random)).toString();
  if (typeof value === "boolean") return !value;
  if (Array.isArray(value)) return [...value, ...value.slice(0, 3)].toReversed();
  return value;
}

function mutatedValue(value: unknown, random: Random): unknown {
  if (!isContainer(value) || random.integer(30) === 0) return pick(STRANGE, random)();
  const root = structuredClone(value);
  for (let count = 1 + random.integer(3); count > 0; count--) {
    const place = placeIn(root, random);
    if (place !== undefined) pick(valueChanges, random)(place.holder, place.key, random, root);
  }
  return root;
}

function mutatedJson(text: string, random: Random): string {
  return JSON.stringify(mutatedValue(JSON.parse(text), random));
}

function mutatedLine(bytes: Uint8Array, random: Random): Uint8Array {
  const lines = Buffer.from(bytes).toString().split("\n");
  const full = lines.flatMap((line, index) => (line === "" ? [] : [index]));
  const index = full.length === 0 ? 0 : pick(full, random);
  lines[index] = mutatedJson(lines[index] ?? "", random);
  return Buffer.from(lines.join("\n"));
}

/** The header of safetensors is JSON after its length. */
function mutatedHeader(bytes: Uint8Array, random: Random): Uint8Array {
  const buffer = Buffer.from(bytes);
  const end = 8 + Number(buffer.readBigUInt64LE());
  const header = Buffer.from(mutatedJson(buffer.subarray(8, end).toString(), random));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, buffer.subarray(end)]);
}
