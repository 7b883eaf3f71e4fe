/** Skills in folders. */

import { stat } from "node:fs/promises";
import { hasCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint } from "../checkpoint/portable.ts";
import type { TrainingEvent } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { inEffect, type LockedFolder, openSnapshot, statIfPresent, writeFileAtomic } from "../formats/index.ts";
import { FolderMetrics, type RunSink, type RunStart } from "../training/index.ts";
import type { Adaptation } from "./adapt.ts";
import { readSkill, SKILL_FILES, type Skill, skillContents } from "./skill.ts";

/** Whether a directory holds a skill. */
export async function hasSkill(directory: string): Promise<boolean> {
  return (await inEffect(directory, SKILL_FILES[0], stat)) !== undefined;
}

/** Reads a skill. Throws a `UserError` where the folder holds none, or one that is damaged or of a newer version. */
export async function loadSkill(directory: string): Promise<Skill> {
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

/** Throws a `UserError` where a folder holds a skill or a run already. */
export async function requireNoSkill(directory: string): Promise<void> {
  for (const [what, holds] of [["skill", hasSkill] as const, ["run", hasCheckpoint] as const]) {
    if (await holds(directory)) throw new UserError(`${directory}: already holds a ${what}; choose another folder`);
  }
}

/** The folder of a skill that is trained: the one with the lowest loss on held-out text, or the last, and its metrics. */
export class SkillFolder implements RunSink {
  readonly #folder: LockedFolder;
  readonly #skillOf: Adaptation["skillOf"];
  readonly #metrics: FolderMetrics;
  #hasBest = false;

  constructor(folder: LockedFolder, skillOf: Adaptation["skillOf"]) {
    this.#folder = folder;
    this.#metrics = new FolderMetrics(folder);
    this.#skillOf = skillOf;
  }

  get place(): string {
    return this.#folder.directory;
  }

  async open(start: RunStart): Promise<void> {
    await this.#folder.check();
    await this.#metrics.open(start);
  }

  /** What changes nothing yet is not kept, and the last one not where an earlier one is better. */
  async save(checkpoint: Checkpoint, best: boolean): Promise<string> {
    await this.#metrics.flush();
    if (checkpoint.state.step === 0 || (this.#hasBest && !best)) return this.place;
    const writers = Object.entries(skillContents(this.#skillOf(checkpoint))).map(
      ([name, contents]) => [name, (path: string) => writeFileAtomic(path, contents(path))] as const,
    );
    await this.#folder.commit(Object.fromEntries(writers));
    this.#hasBest ||= best;
    return this.place;
  }

  record(event: TrainingEvent): Promise<void> {
    return this.#metrics.record(event);
  }

  close(): Promise<void> {
    return this.#metrics.flush();
  }
}
