/** Opening the checkpoint of a folder with skills of other folders. */

import { type OpenedCheckpoint, openCheckpoint } from "../checkpoint/index.ts";
import { settled } from "../freeing.ts";
import { required } from "../required.ts";
import type { Tokenizer } from "../text/index.ts";
import { attachedCheckpoint, attachedSummary, checkSkills, checkTokenizer, withSkills } from "./attach.ts";
import { loadSkill } from "./skill-folder.ts";
import { weightsHash } from "./weights-hash.ts";

/** A checkpoint with skills. */
export interface AttachedCheckpoint extends OpenedCheckpoint {
  /** Throws a `UserError` where texts are read by another tokenizer than those of the skills. */
  checkTokenizer(tokenizer: Tokenizer, where: string): Promise<void>;
}

/**
 * Opens a checkpoint with skills, as any other. Its weights are read once more, to see whether they are those of the skills.
 * @param skills folders
 * @throws UserError as `openCheckpoint` does, and where a skill is damaged, belongs to other weights or another tokenizer, or is
 * given twice
 */
export async function openAttached(directory: string, skills: readonly string[]): Promise<AttachedCheckpoint> {
  const loaded = await settled(skills.map(loadSkill));
  const opened = await openCheckpoint(directory);
  const check: AttachedCheckpoint["checkTokenizer"] = (tokenizer, where) => checkTokenizer(loaded, tokenizer, where);
  if (loaded.length === 0) return { ...opened, checkTokenizer: check };
  try {
    const { summary } = opened;
    await checkSkills(summary.state, loaded, directory, () => weightsHash(opened.parameters()));
    if (summary.tokenizer !== undefined) await check(summary.tokenizer, directory);
    const attached = withSkills(summary.state, loaded);
    const { tensors } = attached;
    return {
      ...opened,
      summary: attachedSummary(summary, attached),
      load: async () => attachedCheckpoint(await opened.load(), attached),
      parameters: async function* () {
        yield* opened.parameters();
        yield* tensors;
      },
      openParameters: async () => {
        const { read, close } = await opened.openParameters();
        return { read: async (name) => (tensors.has(name) ? required(tensors, name) : read(name)), close };
      },
      checkTokenizer: check,
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
