/**
 * A folder whose files are replaced together: all of them or none, whenever the process or the machine stops.
 *
 * A commit goes through three phases. (1) All new files are written to a folder `.writing-…/` of its process and
 * synced: a crash leaves the old files and a stale folder. (2) That folder is renamed to `.commit/`: the one instant at
 * which the new files take effect. (3) Each file is moved from `.commit/` to its place: a crash leaves some in `.commit/`,
 * where readers look first, and the next commit moves the rest. One process at a time should commit to a folder: a
 * `LockedFolder` sees to that.
 */

import { access, constants, mkdir, open, readdir, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../errors.ts";
import {
  explainFileError,
  folderError,
  makeFolder,
  move,
  statOrNothing,
  syncFolder,
  writeFileAtomic,
} from "./atomic.ts";
import type { FileContents } from "./byte-source.ts";
import { hasCode } from "./error-code.ts";
import { stillRuns } from "./processes.ts";
import { temporaryName, temporaryOwner } from "./temporary.ts";

/** The folder of new files that are in effect but not all in their place yet. */
const COMMIT = ".commit";

/** Milliseconds without a change after which nobody is still writing, where it cannot be told whether the process runs. */
const QUIET = 3_600_000;

/**
 * Replaces files of `directory` together: a crash at any instant leaves either all old or all new ones, as read
 * through {@link inEffect}. Creates the folder where it is missing; leaves files that are not named alone.
 *
 * @param files for each plain file name, a function that writes the file at the path it is given.
 * @throws UserError where the disk is full, the folder cannot be written or a folder is in the way; then the old files
 * are still in effect, and nothing half written is left, nor a folder that was made for them.
 */
export async function commitFiles(
  directory: string,
  files: Readonly<Record<string, (path: string) => Promise<void>>>,
): Promise<void> {
  try {
    const created = await makeFolder(directory);
    await recoverDirectory(directory);
    const present = await Promise.all(Object.keys(files).map((name) => checkTarget(directory, name)));
    const writing = path.join(directory, await temporaryName());
    await mkdir(writing);
    try {
      for (const [name, write] of Object.entries(files)) await writeInto(writing, name, write);
      await syncFolder(writing);
      await publish(writing, directory);
    } catch (error) {
      await rm(writing, { recursive: true, force: true });
      if (created !== undefined) await removeEmpty(directory, created);
      throw inPlace(error, writing, directory);
    }
    try {
      await syncFolder(directory);
      await moveCommitted(directory);
    } catch (error) {
      // Where there was none of them before, none is better than some. Otherwise they are in effect, and the next commit moves the rest.
      if (!present.includes(true)) {
        for (const name of [COMMIT, ...Object.keys(files)]) {
          await rm(path.join(directory, name), { recursive: true, force: true });
        }
        if (created !== undefined) await removeEmpty(directory, created);
      }
      throw error;
    }
  } catch (error) {
    throw explainFileError(error, "write", directory);
  }
}

/** What `commitFiles` takes, of what each file is to contain: made when it is written, for the path where it is. */
export function writersOf(
  contents: Readonly<Record<string, (path: string) => FileContents>>,
): Record<string, (path: string) => Promise<void>> {
  const writers = Object.entries(contents).map(
    ([name, make]) => [name, (file: string) => writeFileAtomic(file, make(file))] as const,
  );
  return Object.fromEntries(writers);
}

/** Replaces files of `directory` by texts, together, as `commitFiles` does, whose errors it throws. */
export async function commitTexts(directory: string, texts: Readonly<Record<string, string>>): Promise<void> {
  const contents = Object.entries(texts).map(([name, text]) => [name, () => text] as const);
  await commitFiles(directory, writersOf(Object.fromEntries(contents)));
}

/**
 * Checks that a folder can take files, as far as that is to be seen without writing. A missing one is fine.
 *
 * @throws UserError as `commitFiles` does.
 */
export async function checkFolder(directory: string, names: readonly string[]): Promise<void> {
  try {
    if ((await statOrNothing(directory)) === undefined) return;
    await makeFolder(directory);
    await access(directory, constants.W_OK);
    for (const name of names) await checkTarget(directory, name);
  } catch (error) {
    throw explainFileError(error, "write", directory);
  }
}

/** Removes a folder, then those around it up to `last`, as far as they are empty. */
export async function removeEmpty(folder: string, last: string): Promise<void> {
  try {
    for (let current = path.resolve(folder); ; current = path.dirname(current)) {
      await rmdir(current);
      if (current === path.resolve(last)) return;
    }
  } catch (error) {
    if (!hasCode(error, "ENOTEMPTY", "EEXIST", "ENOENT")) throw error;
  }
}

/**
 * What `look` gives for the file `name` of `directory` that is in effect: the one in `.commit/`, or else the one in its place;
 * undefined where there is neither. While another process commits, it is one that was in effect during the call.
 *
 * @throws UserError where the file system does not tell.
 */
export async function inEffect<Result>(
  directory: string,
  name: string,
  look: (file: string) => Promise<Result>,
): Promise<Result | undefined> {
  const place = path.join(directory, name);
  for (const file of [path.join(directory, COMMIT, name), place]) {
    try {
      return await look(file);
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ENOTDIR")) throw explainFileError(error, "read", place);
    }
  }
  return undefined;
}

/**
 * Finishes an interrupted commit and removes what dead processes left half written. A missing folder is fine.
 *
 * @throws UserError where the folder cannot be written.
 */
export async function recoverDirectory(directory: string): Promise<void> {
  try {
    await moveCommitted(directory);
    for (const name of await namesIn(directory)) {
      const place = path.join(directory, name);
      if (await isStale(place)) await rm(place, { recursive: true, force: true });
    }
  } catch (error) {
    throw explainFileError(error, "write", directory);
  }
}

/**
 * After the commit point nothing may stand in the way of the move, so what could is refused before.
 * @returns whether there is a file of this name
 */
async function checkTarget(directory: string, name: string): Promise<boolean> {
  if (name === "" || name.startsWith(".") || path.basename(name) !== name) {
    throw new UserError(`cannot write ${JSON.stringify(name)} to ${directory}: expected a plain file name; rename it`);
  }
  const file = path.join(directory, name);
  const present = await statOrNothing(file);
  if (present?.isDirectory() === true) throw folderError(file);
  return present !== undefined;
}

async function writeInto(writing: string, name: string, write: (path: string) => Promise<void>): Promise<void> {
  const file = path.join(writing, name);
  await write(file);
  if ((await statOrNothing(file)) === undefined) throw new Error(`internal: the writer of ${name} wrote no file`);
  // Opened for writing too: Windows syncs no other handle.
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The commit point. */
async function publish(writing: string, directory: string): Promise<void> {
  const commit = path.join(directory, COMMIT);
  try {
    await move(writing, commit);
  } catch (error) {
    if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
    // Another process committed in the meantime: its files take their places first.
    await moveCommitted(directory);
    await move(writing, commit);
  }
}

/** Moves the files of `.commit/`, if any, to their places. Processes may do so at once: each file moves but once. */
async function moveCommitted(directory: string): Promise<void> {
  const commit = path.join(directory, COMMIT);
  if ((await statOrNothing(commit)) === undefined) return;
  for (const name of await namesIn(commit)) {
    await unless(["ENOENT"], move(path.join(commit, name), path.join(directory, name)));
  }
  await syncFolder(directory);
  await unless(["ENOENT", "ENOTEMPTY", "EEXIST"], rmdir(commit));
}

/**
 * Whether what is at a place is of a process that is gone, though another one may have its id by now. What this one may not look into,
 * as a folder of another user, is not known to be.
 * @param name the temporary name that tells whose it is; default: that of the place
 */
export async function isStale(place: string, name = path.basename(place)): Promise<boolean> {
  const owner = await temporaryOwner(name);
  if (owner === undefined) return false;
  if (owner.isHere !== false) {
    if (!(await stillRuns(owner))) return true;
    // Without its start, it may be another one.
    if (owner.started !== "") return false;
  }
  try {
    return (await lastChange(place)) < Date.now() - QUIET;
  } catch (error) {
    if (hasCode(error, "EACCES", "EPERM")) return false;
    throw error;
  }
}

/** When a file, or a folder or what is in it, was last written to, in milliseconds since 1970; 0 where it is gone. */
async function lastChange(place: string): Promise<number> {
  const inside = (await namesIn(place)).map((name) => path.join(place, name));
  const found = await Promise.all([place, ...inside].map(statOrNothing));
  return Math.max(...found.map((stats) => stats?.mtimeMs ?? 0));
}

/** The names in a folder; none where there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

async function unless(codes: readonly string[], action: Promise<void>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!hasCode(error, ...codes)) throw error;
  }
}

/** The same error, but it names the place that the files are meant for: the temporary folder is gone. */
function inPlace(error: unknown, writing: string, directory: string): unknown {
  if (!(error instanceof UserError)) return error;
  return new UserError(error.message.replaceAll(writing, directory), { cause: error });
}
