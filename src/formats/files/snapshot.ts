/** The files of a folder as they were together at one instant, though other processes go on to replace them. */

import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { UserError } from "../../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { inEffect } from "./directory.ts";
import { sourceOf } from "./file-range.ts";

/** Files that are held open, all of one commit. Close it after use. */
export interface Snapshot {
  /** Another one for each commit that replaced a file, the same for as long as none did. */
  readonly version: string;
  /** Which of the files there are, in the order in which they were asked for. */
  readonly names: readonly string[];
  /** Where a file belongs, for messages. */
  pathOf(name: string): string;
  has(name: string): boolean;
  /** A file's bytes; they can be read until the snapshot is closed. Throws a `UserError` where there is no such file. */
  open(name: string): ByteSource;
  close(): Promise<void>;
}

/** Times that files are opened anew because a commit came between, each after a pause of up to so many milliseconds. */
const ATTEMPTS = 300;
const LONGEST_PAUSE = 30;

/**
 * Opens files of a folder that `commitFiles` replaces together; those that are not there are left out.
 *
 * All are opened, then looked for once more. Where each name still leads to the file that is open, they were in effect together
 * at the moment between: a name never leads back to a file that has been replaced, and the identity of a file that is open is
 * given to no other. Otherwise a commit came between, and all are opened anew.
 *
 * @throws UserError where one cannot be opened, or commits follow each other too fast.
 */
export async function openSnapshot(directory: string, names: readonly string[]): Promise<Snapshot> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const files = await openAll(directory, names);
    try {
      if (await areInEffect(directory, names, files)) return snapshot(directory, names, files);
    } catch (error) {
      await closeAll(files);
      throw error;
    }
    await closeAll(files);
    await setTimeout(Math.random() * LONGEST_PAUSE);
  }
  throw new UserError(`cannot read ${directory}: its files are replaced faster than they can be opened; try again`);
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

type OpenFiles = ReadonlyMap<string, OpenFile>;

async function openAll(directory: string, names: readonly string[]): Promise<OpenFiles> {
  const files = new Map<string, OpenFile>();
  try {
    for (const name of names) {
      const handle = await inEffect(directory, name, (file) => open(file, "r"));
      if (handle !== undefined) files.set(name, { handle, stats: await handle.stat({ bigint: true }) });
    }
    return files;
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function areInEffect(directory: string, names: readonly string[], files: OpenFiles): Promise<boolean> {
  for (const name of names) {
    const [held, found] = [
      files.get(name)?.stats,
      await inEffect(directory, name, (file) => stat(file, { bigint: true })),
    ];
    if (held?.ino !== found?.ino || held?.dev !== found?.dev) return false;
  }
  return true;
}

function snapshot(directory: string, names: readonly string[], files: OpenFiles): Snapshot {
  const pathOf = (name: string) => path.join(directory, name);
  const facts = names.map((name) => {
    const { dev, ino, size, mtimeNs } = files.get(name)?.stats ?? {};
    return [name, dev, ino, size, mtimeNs].join(" ");
  });
  return {
    version: createHash("sha256").update(facts.join("\n")).digest("base64url").slice(0, 16),
    names: names.filter((name) => files.has(name)),
    pathOf,
    has: (name) => files.has(name),
    open: (name) => {
      const file = files.get(name);
      if (file === undefined) {
        throw new UserError(`cannot read ${pathOf(name)}: there is no such file; check the path`);
      }
      const { handle, stats } = file;
      return { ...sourceOf(handle, pathOf(name), Number(stats.size)), close: () => Promise.resolve() };
    },
    close: () => closeAll(files),
  };
}

async function closeAll(files: OpenFiles): Promise<void> {
  for (const { handle } of files.values()) await handle.close();
}
