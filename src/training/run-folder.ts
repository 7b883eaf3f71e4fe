/** The folder of a run: its checkpoints, the best one among them, and its metrics. */

import { basename, dirname, join, resolve } from "node:path";
import { hasCheckpoint, loadSummary, saveCheckpoint } from "../checkpoint/index.ts";
import { CHECKPOINT_FILES, type Checkpoint, type Progress } from "../checkpoint/portable.ts";
import type { TrainingEvent } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { checkFolder, LockedFolder, recoverDirectory } from "../formats/index.ts";
import { FolderMetrics } from "./folder-metrics.ts";
import type { RunSink } from "./sink.ts";
import type { RunStart } from "./start.ts";

/** The folder, in that of a run, of the checkpoint with the lowest validation loss. */
const BEST = "best";

/**
 * Takes the folder of a run for writing, until it is released. A run writes to its `best/` too, so that neither of the two can be
 * had while another process has the other.
 * @throws UserError where another process has it, which is named, or it cannot be written
 */
export function lockRun(directory: string): Promise<LockedFolder> {
  const whole = resolve(directory);
  return LockedFolder.take(directory, [join(directory, BEST), ...(basename(whole) === BEST ? [dirname(whole)] : [])]);
}

/** Throws a `UserError` where something stands in the way of the best checkpoint of the run in a folder. */
export function checkBest(directory: string): Promise<void> {
  return checkFolder(join(directory, BEST), CHECKPOINT_FILES);
}

/** The validation loss of the best checkpoint of the run in a folder. Throws a `UserError` where that is damaged: it might be written over. */
export async function keptLoss(directory: string): Promise<Progress["best"]> {
  const best = join(directory, BEST);
  try {
    return (await hasCheckpoint(best)) ? (await loadSummary(best)).progress.best : undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${error.message}; or remove ${best}, to go on without the best checkpoint so far`);
  }
}

/**
 * Makes a run in a folder, which is locked meanwhile.
 * @throws UserError where the folder holds a run, or as `lockRun` does
 */
export async function withNewRun<Result>(
  directory: string,
  make: (folder: LockedFolder) => Promise<Result>,
): Promise<Result> {
  const folder = await lockRun(directory);
  try {
    if (await hasCheckpoint(directory)) {
      throw new UserError(`${directory}: already holds a run; choose another folder`);
    }
    return await make(folder);
  } finally {
    await folder.release();
  }
}

/** The sink that is the folder of a run. It stays locked when it is closed. */
export class RunFolder implements RunSink {
  readonly #folder: LockedFolder;
  readonly #metrics: FolderMetrics;

  constructor(folder: LockedFolder) {
    this.#folder = folder;
    this.#metrics = new FolderMetrics(folder);
  }

  get place(): string {
    return this.#folder.directory;
  }

  async open(start: RunStart): Promise<void> {
    await this.#folder.check();
    // A crash may have left a commit half done there.
    for (const directory of [this.place, join(this.place, BEST)]) await recoverDirectory(directory);
    await this.#metrics.open(start);
  }

  async save(checkpoint: Checkpoint, best: boolean): Promise<string> {
    await this.#metrics.flush();
    const place = best ? this.#folder.inside(BEST) : this.#folder;
    await saveCheckpoint(place, checkpoint);
    return place.directory;
  }

  record(event: TrainingEvent): Promise<void> {
    return this.#metrics.record(event);
  }

  withdraw(event: TrainingEvent): void {
    this.#metrics.withdraw(event);
  }

  close(): Promise<void> {
    return this.#metrics.flush();
  }
}
