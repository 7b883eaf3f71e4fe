/** Runs on disk: folders that hold a checkpoint. */

import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hasCheckpoint } from "../checkpoint/index.ts";

/** How far below the root runs are looked for. */
const DEPTH = 4;
/** Folders that are looked into at most, the near ones first: someone may start this in a home folder. */
const MOST_FOLDERS = 5000;

/** The folders of runs at `root` and below, near ones first. What is in a run, such as its `best/`, belongs to it. */
export async function findRuns(root: string): Promise<string[]> {
  const runs: string[] = [];
  let [level, looked] = [[root], 0];
  for (let depth = 0; depth <= DEPTH && level.length > 0; depth++) {
    const below: string[] = [];
    for (const folder of level.slice(0, MOST_FOLDERS - looked)) {
      const entries = await entriesOf(folder);
      if (await isRun(folder, entries)) runs.push(folder);
      else below.push(...entries.filter(mayHoldRuns).map(({ name }) => join(folder, name)));
    }
    looked += level.length;
    level = below;
  }
  return runs;
}

/** Many folders have a `config.json`; that of a run has its `training.json` too, or both in a commit under way. */
async function isRun(folder: string, entries: readonly Dirent[]): Promise<boolean> {
  const candidate = entries.some(({ name }) => name === "training.json" || name === ".commit");
  return candidate && hasCheckpoint(folder);
}

function mayHoldRuns(entry: Dirent): boolean {
  return entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules";
}

/** What a folder holds; nothing where it may not be read, or is gone. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  } catch {
    return [];
  }
}
