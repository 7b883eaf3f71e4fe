/**
 * A folder that one process at a time writes to. Readers need no lock.
 *
 * Who wants a folder puts a file `.lock-<random>` with its identity into it, then looks for others: where there is one whose
 * process runs, it takes its own away and tries again some times before it gives up. Of two that come at once, at least one
 * sees the other. A file whose process is gone is removed; as its name is never used again, that cannot hit anyone else's. So
 * a crash locks nobody out, and no file has to be replaced in place.
 */

import { randomBytes } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { uptime } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { UserError } from "../../errors.ts";
import { explainFileError, makeFolder, move, statOrNothing, writeFileAtomic } from "./atomic.ts";
import { commitFiles, namesIn, removeEmpty } from "./directory.ts";
import { hasCode } from "./error-code.ts";
import { ownIdentity, stillRuns } from "./processes.ts";
import { temporaryName } from "./temporary.ts";

/** Another process has the folder. */
export class FolderTakenError extends UserError {}

const LOCK = /^\.lock-[0-9a-f]{16}$/;

const ownerSchema = z.object({
  pid: z.int(),
  started: z.string(),
  host: z.string(),
  system: z.string(),
  /** The beginning of its command line. */
  command: z.string(),
  /** When it took the folder. */
  since: z.string(),
});

type Owner = z.infer<typeof ownerSchema>;

/** Seconds between two signs of life, for processes of other computers, which cannot look for this one. */
const SIGN_EVERY = 20;
/** Seconds without one after which a process of another computer is gone. */
const QUIET = 300;
/** Times that the folder is tried, with pauses of up to so many milliseconds: someone who looks may be taken for an owner. */
const ATTEMPTS = 5;
const LONGEST_PAUSE = 200;

/** Where files can be replaced together. */
export interface WritableFolder {
  readonly directory: string;
  /** As {@link commitFiles}, which tells what it throws. */
  commit(files: Readonly<Record<string, (path: string) => Promise<void>>>): Promise<void>;
}

export class LockedFolder implements WritableFolder {
  readonly directory: string;
  readonly #lock: string;
  readonly #created: string | undefined;
  readonly #signs: NodeJS.Timeout;

  private constructor(directory: string, lock: string, created: string | undefined) {
    this.directory = directory;
    this.#lock = lock;
    this.#created = created;
    this.#signs = setInterval(() => void giveSign(lock), 1000 * SIGN_EVERY).unref();
  }

  /**
   * Takes a folder, which is made where it is missing, until `release`.
   * @param others folders whose owners count too, because they write here
   * @throws FolderTakenError where another process has it, which is named
   * @throws UserError where it cannot be written, or has a lock that cannot be read, so that no process is known to wait for
   */
  static async take(directory: string, others: readonly string[] = []): Promise<LockedFolder> {
    const created = await makeFolder(directory);
    try {
      return new LockedFolder(directory, await lockIn(directory, [directory, ...others]), created);
    } catch (error) {
      if (created !== undefined) await removeEmpty(directory, created);
      throw error;
    }
  }

  async commit(files: Parameters<WritableFolder["commit"]>[0]): Promise<void> {
    await this.check();
    await commitFiles(this.directory, files);
  }

  /** A folder in this one, which its lock holds for too. */
  inside(name: string): WritableFolder {
    const directory = path.join(this.directory, name);
    const commit: WritableFolder["commit"] = async (files) => {
      await this.check();
      await commitFiles(directory, files);
    };
    return { directory, commit };
  }

  /** Removes a folder in this one, all of it or nothing. It may be missing. */
  async remove(name: string): Promise<void> {
    await this.check();
    const directory = path.join(this.directory, name);
    if ((await statOrNothing(directory)) === undefined) return;
    const gone = path.join(this.directory, await temporaryName());
    try {
      await move(directory, gone);
      await rm(gone, { recursive: true, force: true });
    } catch (error) {
      throw explainFileError(error, "write", directory);
    }
  }

  /** Throws a `UserError` where the folder is not this process's any more. */
  async check(): Promise<void> {
    if ((await statOrNothing(this.#lock)) !== undefined) return;
    throw new UserError(
      `${this.directory}: its lock ${path.basename(this.#lock)} is gone, so that another process may write there; nothing more is written`,
    );
  }

  /** Gives the folder back, and removes it where it was made for nothing. */
  async release(): Promise<void> {
    clearInterval(this.#signs);
    await rm(this.#lock, { force: true });
    if (this.#created !== undefined) await removeEmpty(this.directory, this.#created);
  }
}

/** Does work with a folder that no other process writes to meanwhile. Throws as `LockedFolder.take` does. */
export async function withFolder<Result>(
  directory: string,
  work: (folder: LockedFolder) => Promise<Result>,
): Promise<Result> {
  const folder = await LockedFolder.take(directory);
  try {
    return await work(folder);
  } finally {
    await folder.release();
  }
}

/**
 * Writes files that are not there yet, all or none, and gives their paths.
 * @throws UserError where one is there, before anything is written
 */
export async function writeNewFiles(to: string, files: Parameters<WritableFolder["commit"]>[0]): Promise<string[]> {
  return withFolder(to, async (folder) => {
    for (const name of Object.keys(files)) {
      const present = await statOrNothing(path.join(to, name));
      if (present !== undefined) throw new UserError(`${to}: already holds ${name}; choose another folder`);
    }
    await folder.commit(files);
    return Object.keys(files).map((name) => path.join(to, name));
  });
}

/** The lock that was put into a folder. */
async function lockIn(directory: string, watched: readonly string[]): Promise<string> {
  const lock = path.join(directory, `.lock-${randomBytes(8).toString("hex")}`);
  const owner: Owner = { ...(await ownIdentity()), command: ownCommand(), since: new Date().toISOString() };
  for (let attempt = 1; ; attempt++) {
    await writeFileAtomic(lock, `${JSON.stringify(owner)}\n`).catch(async (error: unknown) => {
      // It may be in place, and only its folder not written out.
      await rm(lock, { force: true });
      throw explainFileError(error instanceof UserError ? error.cause : error, "write", directory);
    });
    try {
      const refusal = await otherOwner(lock, watched);
      if (refusal === undefined) return lock;
      if (attempt === ATTEMPTS) throw new FolderTakenError(`${directory}: ${refusal}`);
    } catch (error) {
      await rm(lock, { force: true });
      throw error;
    }
    await rm(lock, { force: true });
    await setTimeout((0.25 + 0.75 * Math.random()) * LONGEST_PAUSE);
  }
}

/** Words about a process that has one of the folders, if one does. The locks of those that are gone are removed. */
async function otherOwner(own: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    for (const name of await namesIn(folder)) {
      const lock = path.join(folder, name);
      if (!LOCK.test(name) || lock === own) continue;
      const refusal = await refusalBy(lock, own);
      if (refusal !== undefined) return refusal;
      await rm(lock, { force: true });
    }
  }
  return undefined;
}

/** What to say of the owner of a lock; undefined where it is gone. @throws UserError where the lock does not tell */
async function refusalBy(lock: string, own: string): Promise<string | undefined> {
  const owner = await ownerOf(lock);
  if (owner === undefined) return undefined;
  if (owner === "unknown") {
    const folder = path.dirname(lock);
    throw new UserError(`${folder}: has a lock that cannot be read, ${lock}; remove it if no process writes there`);
  }
  const { system, host, pid } = await ownIdentity();
  const since = `since ${owner.since.slice(0, 19).replace("T", " ")} UTC`;
  const wait = "wait until it ends, or choose another folder";
  if (owner.system === system) {
    if (!(await stillRuns(owner))) return undefined;
    const process = owner.pid === pid ? "this process" : `process ${owner.pid}`;
    return `is being written to by \`${owner.command}\` (${process}, ${since}); ${wait}`;
  }
  const [sign, now] = [await statOrNothing(lock), await statOrNothing(own)];
  if (sign === undefined || now === undefined || now.mtimeMs - sign.mtimeMs > 1000 * QUIET) return undefined;
  // The same computer before it was started anew, or else one of the same name, which a sign of life will tell.
  if (owner.host === host && sign.mtimeMs < Date.now() - 1000 * uptime()) return undefined;
  return `is being written to by \`${owner.command}\` (process ${owner.pid} of ${owner.host}, ${since}); ${wait}, or remove ${lock} if that process is gone`;
}

async function ownerOf(lock: string): Promise<Owner | "unknown" | undefined> {
  try {
    const parsed = ownerSchema.safeParse(JSON.parse(await readFile(lock, "utf8")));
    return parsed.success ? parsed.data : "unknown";
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    if (error instanceof SyntaxError) return "unknown";
    throw explainFileError(error, "read", lock);
  }
}

/** Writes the first byte anew, so that the disk, whose clock all share, notes the time. A lock that is gone stays so. */
async function giveSign(lock: string): Promise<void> {
  try {
    const handle = await open(lock, "r+");
    try {
      await handle.write("{", 0);
    } finally {
      await handle.close();
    }
  } catch {
    // What is wrong with the folder is told where something is to be written to it.
  }
}

/** The beginning of this process's command line, the program without its folder. */
function ownCommand(): string {
  const [program = "node", ...args] = process.argv.slice(1);
  const words = [path.basename(program), ...args].join(" ").replaceAll(/\s+/g, " ");
  return words.length <= 100 ? words : `${words.slice(0, 99)}…`;
}
