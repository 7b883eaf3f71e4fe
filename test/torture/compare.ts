/** Whether two runs' folders hold the same, but for what a clock says, and where they are. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What depends on the clock, or on the place. */
const UNLIKE = new Set([
  "command",
  "seconds",
  "tokensPerSecond",
  "flopsPerSecond",
  "tokensPerSecondBefore",
  "tokensPerSecondAfter",
]);

/**
 * The files that differ, and how; none where the folders are the same.
 * @param compared the files that are compared; default: all
 */
export async function differences(expected: string, found: string, compared = /^/): Promise<string[]> {
  const filesOf = async (folder: string) => (await filesIn(folder)).filter((name) => compared.test(name));
  const [names, others] = [await filesOf(expected), await filesOf(found)];
  const missing = names.filter((name) => !others.includes(name)).map((name) => `${name} is missing`);
  const more = others.filter((name) => !names.includes(name)).map((name) => `${name} should not be there`);
  const both = names.filter((name) => others.includes(name));
  const changed: string[] = [];
  for (const name of both) {
    if (!(await sameContents(join(expected, name), join(found, name)))) changed.push(`${name} differs`);
  }
  return [...missing, ...more, ...changed];
}

/** Each file below a folder, with its bytes in hexadecimal; nothing where there is no folder. */
export async function snapshot(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = await filesIn(folder);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "hex")] as const)),
  );
}

/** The names of what two snapshots do not share. */
export function changesOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted();
}

async function sameContents(expected: string, found: string): Promise<boolean> {
  const [a, b] = [await readFile(expected), await readFile(found)];
  return a.equals(b) || (/\.jsonl?$/.test(expected) && timeless(a) === timeless(b));
}

/** JSON, or lines of it, without what depends on the clock and the place; the order of its keys says nothing. */
function timeless(bytes: Buffer): string {
  const withoutThese = (key: string, value: unknown): unknown => {
    if (UNLIKE.has(key)) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  const text = bytes.toString();
  const values = text.startsWith("{\n") ? [text] : text.trim().split("\n");
  return values.map((value) => JSON.stringify(JSON.parse(value), withoutThese)).join("\n");
}
