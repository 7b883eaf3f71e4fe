/** The files of a run, for the page to read. */

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { UserError } from "../errors.ts";
import { committedFile, fileExists, hasCode, statIfPresent } from "../formats/index.ts";
import { joinTexts } from "../text/index.ts";
import { embeddedNames, loadSummary, openTexts } from "../training/index.ts";

/** What may be asked for. Those of the checkpoint replace each other together. */
const CHECKPOINT = ["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "training.json"];
const METRICS = "metrics.jsonl";
/** What the run was trained on, which is no file of its folder. */
const TEXT = "text.txt";

export interface RunFiles {
  readonly files: readonly string[];
  /** Changes with each checkpoint. */
  readonly version: string;
}

/** The files that a run has now. */
export async function filesOf(directory: string): Promise<RunFiles> {
  const files: string[] = [];
  for (const name of [...CHECKPOINT, METRICS]) {
    if ((await statIfPresent(await committedFile(directory, name))) !== undefined) files.push(name);
  }
  if ((await textOf(directory)) !== undefined) files.push(TEXT);
  return { files, version: await versionOf(directory) };
}

/** A file that is open, or the contents of one. */
export type RunFile = { readonly handle: FileHandle; readonly size: number } | { readonly text: string };

/** Opens a file of a run; undefined where it has none of that name. */
export async function openRunFile(directory: string, name: string): Promise<RunFile | undefined> {
  if (name === TEXT) {
    const text = await textOf(directory);
    return text === undefined ? undefined : { text: await text() };
  }
  return name === METRICS || CHECKPOINT.includes(name) ? openCommitted(directory, name) : undefined;
}

/** Which checkpoint a folder holds: its files keep their identity while they move to their places. */
export async function versionOf(directory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of CHECKPOINT) {
    const stats = await statIfPresent(await committedFile(directory, name));
    hash.update(`${name} ${stats?.ino} ${stats?.size} ${stats?.mtimeMs}\n`);
  }
  return hash.digest("base64url").slice(0, 16);
}

/** A file may move between being looked for and being opened, so it is looked for some times. */
async function openCommitted(directory: string, name: string): Promise<RunFile | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const handle = await open(await committedFile(directory, name));
      return { handle, size: (await handle.stat()).size };
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      await setTimeout(10);
    }
  }
  return undefined;
}

/** A reader of the text that a run was trained on, where it is one whose end is held out, and is still there. */
async function textOf(directory: string): Promise<(() => Promise<string>) | undefined> {
  try {
    const { data } = await loadSummary(directory);
    if (data === undefined) return undefined;
    const { name, train, validation } = await openTexts(data);
    if (validation.length > 0 || !(await allThere(data.train))) return undefined;
    return async () => joinTexts(name, await Promise.all(train.map((read) => read())));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function allThere(names: readonly string[]): Promise<boolean> {
  const there = await Promise.all(names.map((name) => embeddedNames.includes(name) || fileExists(name)));
  return there.every(Boolean);
}
