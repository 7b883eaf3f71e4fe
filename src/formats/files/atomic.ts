/** Files that are replaced whole or not at all, and file-system errors told in one line. */

import type { Stats } from "node:fs";
import { type FileHandle, mkdir, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { UserError } from "../../errors.ts";
import type { FileContents } from "./byte-source.ts";
import { hasCode } from "./error-code.ts";
import { temporaryName } from "./temporary.ts";

/**
 * Writes `data` to a temporary name in the folder of `file`, syncs it, renames it to `file` and syncs the folder, so
 * that after a crash at any instant `file` holds either all of its old content or all of the new.
 *
 * A file that is there keeps its permission bits, and a symbolic link to a file stays a link. A device or a pipe, such
 * as `/dev/stdout`, cannot be replaced, so it is written to directly.
 *
 * On any failure the temporary file is removed and the old file is untouched; but where all that fails is the sync of the folder, an
 * old file has been replaced by then. A new one is removed again, so that what failed can be done again.
 *
 * @throws UserError where the disk is full, the folder is missing or read-only, or `file` is a folder.
 */
export async function writeFileAtomic(file: string, data: FileContents): Promise<void> {
  try {
    const present = await statOrNothing(file);
    if (present === undefined) {
      await replaceFile(file, data);
      await syncOrRemove(file);
    } else if (present.isDirectory()) {
      throw folderError(file);
    } else if (present.isFile()) {
      const target = await realpath(file);
      await replaceFile(target, data, present.mode & 0o777);
      await syncFolder(path.dirname(target));
    } else {
      await writeFile(file, data);
    }
  } catch (error) {
    throw explainFileError(error, "write", file);
  }
}

/** @param mode the permission bits; default: what the process gives to new files */
async function replaceFile(file: string, data: FileContents, mode?: number): Promise<void> {
  const temporary = path.join(path.dirname(file), await temporaryName());
  const handle = await open(temporary, "wx", mode);
  try {
    try {
      if (mode !== undefined) await keepMode(handle, mode);
      await writeFile(handle, data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await move(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Gives a new file the permission bits that it lost, as the process denies them to others. */
async function keepMode(handle: FileHandle, mode: number): Promise<void> {
  if (((await handle.stat()).mode & 0o777) === mode) return;
  try {
    await handle.chmod(mode);
  } catch (error) {
    // Some network and FUSE file systems have no such bits, and one that forbids it keeps what it has.
    if (!hasCode(error, "EPERM", "EINVAL", "ENOTSUP", "ENOSYS")) throw error;
  }
}

async function syncOrRemove(file: string): Promise<void> {
  try {
    await syncFolder(path.dirname(file));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/** How long Windows may take, in milliseconds, until a reader, or who looks for viruses, lets go of a file. */
const LETTING_GO = 5000;

/** Renames; a file that is there is replaced. Windows refuses that while someone has it open, so there it is tried for a while. */
export async function move(from: string, to: string): Promise<void> {
  for (const end = Date.now() + LETTING_GO; ; ) {
    try {
      return await rename(from, to);
    } catch (error) {
      const isHeld = process.platform === "win32" && hasCode(error, "EPERM", "EACCES", "EBUSY");
      if (!isHeld || Date.now() > end) throw error;
    }
    await setTimeout(20);
  }
}

/** Makes the names in `folder` (files created, renamed, removed) survive a power cut, where the platform can. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; it journals its names without being asked.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network and FUSE file systems refuse to sync a folder: they have nothing better to offer.
    if (!hasCode(error, "EINVAL", "ENOTSUP", "ENOSYS")) throw error;
  } finally {
    await handle.close();
  }
}

/** What the file system knows of `file`, links followed, or undefined where there is nothing of that name. Throws as Node does. */
export async function statOrNothing(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

const IS_FOLDER = "it is a folder, not a file; check the path";

/** The error for a folder found where the file `file` is to be written. */
export function folderError(file: string): UserError {
  return new UserError(`cannot write ${file}: ${IS_FOLDER}`);
}

/** Node refuses such a name before the system does. */
const HAS_ZERO = () => "its name has a zero byte; correct what names it";

/** What each system error means and how to mend it; `folder` is the one that holds the file. */
const REASONS: Readonly<Record<string, (doing: "read" | "write", folder: string) => string>> = {
  ENOSPC: () => "the disk is full; free some space and run again",
  EDQUOT: () => "the disk quota is used up; free some space and run again",
  EFBIG: () => "the file is larger than the file system or a process limit allows; choose another disk",
  EACCES: (doing, folder) => `permission denied; ask for ${doing} access to it and to ${folder}`,
  EPERM: (doing, folder) => `the system forbids it; ask for ${doing} access to it and to ${folder}`,
  EROFS: () => "the file system is read-only; choose another folder",
  ENOENT: (doing, folder) =>
    doing === "read" ? "there is no such file; check the path" : `the folder ${folder} does not exist; create it first`,
  ENOTDIR: () => "a part of its path is a file where a folder should be; check the path",
  EEXIST: () => "there is a file where a folder should be; remove it or check the path",
  EISDIR: () => IS_FOLDER,
  ELOOP: () => "its symbolic links form a loop; check the path",
  ENAMETOOLONG: () => "its name is too long; choose a shorter one",
  EMFILE: () => "too many files are open; raise the limit (ulimit -n) and run again",
  ENFILE: () => "too many files are open on this computer; close some programs and run again",
  EBUSY: () => "another program has it open; close that and run again",
  ESTALE: () => "the network disk has lost it; look whether it is still there, and run again",
  EIO: () => "the disk reports a fault; check the disk and run again",
};

/**
 * Turns a Node file-system error into a {@link UserError} of one line, such as `cannot write /x/y: the disk is full;
 * free some space and run again`. Returns every other error, a UserError among them, as it is.
 *
 * @param folder what would have to let it be read or written; default: the one that holds the file
 */
export function explainFileError(
  error: unknown,
  doing: "read" | "write",
  file: string,
  folder = path.dirname(file),
): unknown {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return error;
  const reason = file.includes("\0") ? HAS_ZERO : REASONS[error.code];
  if (reason === undefined) return error;
  return new UserError(`cannot ${doing} ${file}: ${reason(doing, folder)}`, { cause: error });
}

/**
 * Makes a folder, with those above it, if it is not there. Node's own `recursive` says of a read-only file system that there is no
 * such file, and tries for ever where a file system makes no folders, such as /proc.
 *
 * @returns the first that was made, if any.
 * @throws UserError of one line where it cannot.
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    return await firstMade(path.resolve(folder));
  } catch (error) {
    if (hasCode(error, "ENOENT")) {
      throw new UserError(`cannot write ${folder}: no folder can be made there; choose another place`, {
        cause: error,
      });
    }
    // The first folder that is missing is the one that could not be made.
    const missing = error instanceof Error && "path" in error ? String(error.path) : folder;
    throw explainFileError(error, "write", folder, path.dirname(missing));
  }
}

async function firstMade(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if ((await statOrNothing(folder))?.isDirectory() === true) return undefined;
    const parent = path.dirname(folder);
    if (!hasCode(error, "ENOENT") || parent === folder) throw error;
    const first = await firstMade(parent);
    await mkdir(folder).catch(async (again: unknown) => {
      // Another process may have made it meanwhile.
      if ((await statOrNothing(folder))?.isDirectory() !== true) throw again;
    });
    return first ?? folder;
  }
}

/**
 * What the file system knows of `file`, links followed, or undefined where there is nothing of that name.
 * @throws UserError where it does not tell
 */
export async function statIfPresent(file: string): Promise<Stats | undefined> {
  try {
    return await statOrNothing(file);
  } catch (error) {
    throw explainFileError(error, "read", file);
  }
}

/** Whether there is something of that name. Throws as `statIfPresent`. */
export async function fileExists(file: string): Promise<boolean> {
  return (await statIfPresent(file)) !== undefined;
}
