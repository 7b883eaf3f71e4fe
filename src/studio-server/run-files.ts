/** The files of a run, for the page to read. */

import { join } from "node:path";
import { loadSummary } from "../checkpoint/index.ts";
import { CHECKPOINT_FILES, METRICS } from "../checkpoint/portable.ts";
import { embeddedNames, joinedText, openTexts } from "../data/index.ts";
import { UserError } from "../errors.ts";
import { type ByteSource, fileExists, openFile, openSnapshot, type Snapshot } from "../formats/index.ts";

/** What the run was trained on, which is no file of its folder. */
const TEXT = "text.txt";

export interface RunFiles {
  readonly files: readonly string[];
  /** The version of the checkpoint, another with each. */
  readonly version: string;
}

/** The files that a run has now; undefined where it is not there any more. */
export async function filesOf(directory: string): Promise<RunFiles | undefined> {
  const checkpoint = await openSnapshot(directory, CHECKPOINT_FILES);
  await checkpoint.close();
  if (!isRun(checkpoint)) return undefined;
  const metrics = (await fileExists(join(directory, METRICS))) ? [METRICS] : [];
  const text = (await textOf(directory)) === undefined ? [] : [TEXT];
  return { files: [...checkpoint.names, ...metrics, ...text], version: checkpoint.version };
}

/** Whether a folder has a checkpoint: that of a run that was moved has none. */
const isRun = (checkpoint: Snapshot) => checkpoint.has("config.json");

/** A file that is open, or the contents of one. */
export type RunFile = ByteSource | { readonly text: string };

/**
 * Opens a file of a run; undefined where it has none of that name.
 * @param version the checkpoint that is wanted: "replaced" where the folder has another one by now, "gone" where it has none
 */
export async function openRunFile(
  directory: string,
  name: string,
  version: string | undefined,
): Promise<RunFile | "replaced" | "gone" | undefined> {
  const checkpoint = await openSnapshot(directory, CHECKPOINT_FILES);
  const isReplaced = version !== undefined && version !== checkpoint.version;
  if (isReplaced || !isRun(checkpoint)) {
    await checkpoint.close();
    return isRun(checkpoint) ? "replaced" : "gone";
  }
  if (checkpoint.has(name)) return { ...checkpoint.open(name), close: () => checkpoint.close() };
  await checkpoint.close();
  if (name === METRICS) {
    const file = join(directory, METRICS);
    return (await fileExists(file)) ? openFile(file) : undefined;
  }
  const text = name === TEXT ? await textOf(directory) : undefined;
  return text && { text: await text() };
}

/** A reader of the text that a run was trained on, where it is one whose end is held out, and is still there. */
async function textOf(directory: string): Promise<(() => Promise<string>) | undefined> {
  try {
    const { data } = await loadSummary(directory);
    if (data === undefined) return undefined;
    const { name, train, validation } = await openTexts(data, { before: data });
    if (validation.length > 0 || !(await allThere(data.train))) return undefined;
    return () => joinedText(name, train);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function allThere(names: readonly string[]): Promise<boolean> {
  const there = await Promise.all(names.map((name) => embeddedNames.includes(name) || fileExists(name)));
  return there.every(Boolean);
}
