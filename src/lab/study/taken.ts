/** Work that another process may be doing. */

import { setTimeout } from "node:timers/promises";
import { FolderTakenError } from "../../formats/index.ts";

/** Milliseconds after which work that another process does is looked for again. */
const LOOK_AGAIN_AFTER = 1000;

/**
 * Tries work again as long as its folder is another process's: that one does it, and if it dies, this one or another takes it up.
 * @param attempt finds what is done, or does it
 * @param onTaken told once, when the waiting begins, of the folder and who has it
 */
export async function onceFree<Result>(
  attempt: () => Promise<Result>,
  onTaken: (words: string) => void,
): Promise<Result> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof FolderTakenError)) throw error;
      if (!isTold) onTaken(error.message);
      await setTimeout(LOOK_AGAIN_AFTER);
    }
  }
}
