/** Making skills part of a run. */

import { readMetricsUpTo, saveCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint } from "../checkpoint/portable.ts";
import { withNewRun } from "../training/index.ts";
import { openAttached } from "./open-attached.ts";

export interface MergeOptions {
  /** The folder of a run or checkpoint. */
  readonly from: string;
  /** The folders of its skills. */
  readonly skills: readonly string[];
  /** The folder of the run that has them, which holds none yet. */
  readonly to: string;
}

/**
 * Writes a run that has skills as generations of its tokens, with the metrics so far; another can go on from there.
 * @throws UserError as `openAttached` does, and for a folder that holds a run or cannot be written; then nothing is left behind
 */
export async function mergeSkills({ from, skills, to }: MergeOptions): Promise<Checkpoint> {
  const opened = await openAttached(from, skills);
  try {
    return await withNewRun(to, async (folder) => {
      const checkpoint = await opened.load();
      await saveCheckpoint(folder, checkpoint, await readMetricsUpTo(checkpoint, from));
      return checkpoint;
    });
  } finally {
    await opened.close();
  }
}
