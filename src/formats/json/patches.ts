/** Files of JSON that another version wrote: an older one's are made into what this one reads, a newer one's refused. */

import { UserError } from "../../errors.ts";

/** One change, from a version to the next. */
export interface Patch {
  /** What it changes, to be told: "the version is noted". */
  readonly name: string;
  apply(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
}

/** The patches of a file, each at the version that it starts from. */
export type Patches = readonly Patch[];

/** Files from before there were versions are of version 0. */
export const noteVersion: Patch = { name: "the version is noted", apply: (value) => value };

/** Where files note their version. */
const KEY = "formatVersion";

/**
 * Tells what a newer version wrote from a damaged file.
 * @param name the file
 * @param key where the version is noted
 * @throws UserError where it is newer than the current one
 */
export function refuseNewer(value: unknown, name: string, current: number, key = KEY): void {
  const version = versionOf(value, key);
  if (!(version > current)) return;
  const what = key === KEY ? "format version" : key;
  throw new UserError(
    `${name}: has ${what} ${version}, this program reads up to ${current}; install a newer tokenformer`,
  );
}

/** The version of a file's value: 0 where none is noted, NaN where that is no number. */
function versionOf(value: unknown, key = KEY): number {
  const version = isRecord(value) ? (value[key] ?? 0) : Number.NaN;
  return typeof version === "number" ? version : Number.NaN;
}

/**
 * A value as this version writes it, with the names of the patches that made it so. What is no object, or of a version that there
 * never was, stays as it is.
 * @param key where the version is noted
 */
export function patched(
  value: unknown,
  patches: Patches,
  current: number,
  key = KEY,
): { readonly value: unknown; readonly applied: readonly string[] } {
  const first = versionOf(value, key);
  if (!isRecord(value) || !Number.isInteger(first) || first < 0 || first >= current) return { value, applied: [] };
  const needed = patches.slice(first, current);
  if (needed.length < current - first) throw new Error(`internal: no patch leads from version ${first} to ${current}`);
  const whole = needed.reduce<Readonly<Record<string, unknown>>>((older, patch) => patch.apply(older), value);
  return { value: { ...whole, [key]: current }, applied: needed.map(({ name }) => name) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
