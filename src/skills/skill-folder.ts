/**
 * Skills in folders. While one is trained, `.unfinished/` has a checkpoint of what learns, with its moments, to go on from.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCheckpoint, loadPart, saveCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint, Progress } from "../checkpoint/portable.ts";
import type { TrainingEvent } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import {
  inEffect,
  type LockedFolder,
  openSnapshot,
  readZip,
  recoverDirectory,
  statIfPresent,
  writersOf,
} from "../formats/index.ts";
import { FolderMetrics, type RunSink, type RunStart } from "../training/index.ts";
import { skillOf } from "./adapt.ts";
import { parseSkill, readSkill, SKILL_FILES, type Skill, skillContents } from "./skill.ts";

/** Whether a directory holds a skill. */
export async function hasSkill(directory: string): Promise<boolean> {
  return (await inEffect(directory, SKILL_FILES[0], stat)) !== undefined;
}

/**
 * Reads a skill, from its folder or from a zip of its files, as the studio hands it out. Throws a `UserError` where there is none, or one
 * that is damaged or of a newer version.
 */
export async function loadSkill(directory: string): Promise<Skill> {
  if ((await statIfPresent(directory))?.isFile() === true) return parseSkill(await readZip(directory), directory);
  if (!(await hasSkill(directory))) {
    const there = (await statIfPresent(directory)) === undefined ? "there is no such folder" : "no skill there";
    const isRun = await hasCheckpoint(directory);
    throw new UserError(
      `${directory}: ${isRun ? "is a run, not a skill" : there}, expected a folder with ${SKILL_FILES.join(" and ")}; train one with: tokenformer adapt RUN --to ${directory}`,
    );
  }
  const files = await openSnapshot(directory, SKILL_FILES);
  try {
    return await readSkill(files, directory);
  } finally {
    await files.close();
  }
}

/** Hidden, so that it is not taken for a run. */
const UNFINISHED = ".unfinished";

/** The folder, in that of a skill, of the checkpoint that its training goes on from. */
export const unfinishedIn = (directory: string): string => join(directory, UNFINISHED);

/** Whether a directory holds a skill that was not trained to its end. */
export const hasUnfinished = (directory: string): Promise<boolean> => hasCheckpoint(unfinishedIn(directory));

/**
 * The checkpoint that a skill which was not trained to its end goes on from, with the parameters that learn alone.
 * @throws UserError where the folder has none, or it is damaged
 */
export async function loadUnfinished(directory: string): Promise<Checkpoint> {
  if (await hasUnfinished(directory)) return loadPart(unfinishedIn(directory));
  const there = (await hasSkill(directory)) ? "its skill was trained to the end" : "no skill was begun there";
  throw new UserError(`${directory}: ${there}, so there is nothing to resume; train another one in another folder`);
}

/** The validation loss of the skill that a folder holds, where that was kept for it. Throws a `UserError` where it is damaged. */
export async function keptSkillLoss(directory: string): Promise<Progress["best"]> {
  if (!(await hasSkill(directory))) return undefined;
  const { steps: step, validationLoss } = (await loadSkill(directory)).record.training;
  return validationLoss === undefined ? undefined : { step, validationLoss };
}

/** Throws a `UserError` where a folder holds a skill or a run already. */
export async function requireNoSkill(directory: string): Promise<void> {
  if (await hasUnfinished(directory)) {
    throw new UserError(
      `${directory}: holds a skill that is not trained to its end; go on with --resume, or choose another folder`,
    );
  }
  for (const [what, holds] of [["skill", hasSkill] as const, ["run", hasCheckpoint] as const]) {
    if (await holds(directory)) throw new UserError(`${directory}: already holds a ${what}; choose another folder`);
  }
}

/** The folder of a skill that is trained: the one with the lowest loss on held-out text, or the last, and its metrics. */
export class SkillFolder implements RunSink {
  readonly #folder: LockedFolder;
  readonly #metrics: FolderMetrics;
  #hasBest = false;

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
    for (const directory of [this.place, unfinishedIn(this.place)]) await recoverDirectory(directory);
    // What the folder holds may be the last one, where the best was not to be kept until now.
    this.#hasBest = start.config.training.keepBest && (await keptSkillLoss(this.place)) !== undefined;
    await this.#metrics.open(start);
  }

  /** A skill that changes nothing yet is not kept, nor the last one where an earlier one is better. */
  async save(checkpoint: Checkpoint, best: boolean): Promise<string> {
    await this.#metrics.flush();
    const { step } = checkpoint.state;
    if (step > 0 && (best || !this.#hasBest)) await this.#keep(checkpoint);
    this.#hasBest ||= best;
    if (best) return this.place;
    // From the beginning to the end, so that where it is missing the skill is finished.
    if (step < checkpoint.config.training.steps) await saveCheckpoint(this.#folder.inside(UNFINISHED), checkpoint);
    else await this.#folder.remove(UNFINISHED);
    return this.place;
  }

  async #keep(checkpoint: Checkpoint): Promise<void> {
    await this.#folder.commit(writersOf(skillContents(skillOf(checkpoint))));
  }

  record(event: TrainingEvent): Promise<void> {
    return this.#metrics.record(event);
  }

  close(): Promise<void> {
    return this.#metrics.flush();
  }
}
