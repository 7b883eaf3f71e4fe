/** The runs that are offered: those below a folder, and one that was named. */

import { createHash } from "node:crypto";
import { basename, relative, resolve } from "node:path";
import { UserError } from "../errors.ts";
import { findRuns } from "./find-runs.ts";
import { type RunSummary, summarise } from "./run-summary.ts";

export interface ListedRun extends RunSummary {
  /** The id of the run in addresses, the same as long as the folder is where it is. */
  readonly id: string;
  /** The folder, relative to where the command was started. */
  readonly name: string;
  /** The folder's whole path. */
  readonly directory: string;
}

export class Library {
  readonly #root: string;
  readonly #named: string | undefined;
  readonly #directories = new Map<string, string>();

  /** @param named a run that is offered wherever it lies */
  constructor(root: string, named?: string) {
    this.#root = resolve(root);
    this.#named = named === undefined ? undefined : resolve(named);
    if (this.#named !== undefined) this.#directories.set(idOf(this.#named), this.#named);
  }

  /** The id of the run that was named. */
  get named(): string | null {
    return this.#named === undefined ? null : idOf(this.#named);
  }

  /** The runs that are there now, the one that was named first. Folders that cannot be read are left out. */
  async list(): Promise<ListedRun[]> {
    const found = new Set([...(this.#named === undefined ? [] : [this.#named]), ...(await findRuns(this.#root))]);
    const listed: ListedRun[] = [];
    for (const directory of found) {
      const summary = await readable(directory);
      if (summary === undefined) continue;
      const id = idOf(directory);
      this.#directories.set(id, directory);
      listed.push({ id, name: relative(this.#root, directory) || basename(directory), directory, ...summary });
    }
    return listed;
  }

  /** The folder of a run that was listed. */
  async directory(id: string): Promise<string | undefined> {
    if (!this.#directories.has(id)) await this.list();
    return this.#directories.get(id);
  }
}

function idOf(directory: string): string {
  return createHash("sha256").update(directory).digest("base64url").slice(0, 16);
}

async function readable(directory: string): Promise<RunSummary | undefined> {
  try {
    return await summarise(directory);
  } catch (error) {
    // Another program's folder, one of a newer version, or one that has just been removed.
    if (error instanceof UserError || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}
