/** Runs on disk: folders that hold a checkpoint. */

import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCheckpoint } from "../checkpoint/index.ts";

/** How far below the root runs are looked for. */
const DEPTH = 4;
/** Folders that are looked into at most, the near ones first: someone may start this in a home folder. */
const MOST_FOLDERS = 5000;

/** The folders of runs at `root` and below, near ones first. What is in a run, such as its `best/`, belongs to it. */
export async function findRuns(root: string): Promise<string[]> {
  const runs: string[] = [];
  const seen = new Set<string>();
  let [level, looked] = [[root], 0];
  for (let depth = 0; depth <= DEPTH && level.length > 0; depth++) {
    const below: string[] = [];
    for (const folder of level.slice(0, MOST_FOLDERS - looked)) {
      // Links may lead in circles, or to what was seen.
      const place = await realpath(folder).catch(() => folder);
      if (seen.has(place)) continue;
      seen.add(place);
      const entries = await entriesOf(folder);
      if (await isRun(folder, entries)) runs.push(folder);
      else for (const entry of entries) if (await mayHoldRuns(folder, entry)) below.push(join(folder, entry.name));
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

async function mayHoldRuns(folder: string, entry: Dirent): Promise<boolean> {
  if (entry.name.startsWith(".") || entry.name === "node_modules") return false;
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return (await stat(join(folder, entry.name)).catch(() => undefined))?.isDirectory() === true;
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
