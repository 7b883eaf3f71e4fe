/** Adapting the run of a folder: its skill goes into another. */

import { chosenTokenizer, loadCheckpoint } from "../checkpoint/index.ts";
import { absoluteData, contentOf, type OnProgress, openCorpus } from "../data/index.ts";
import { type DataSource, nameOfData } from "../data/portable.ts";
import { LockedFolder } from "../formats/index.ts";
import { allOrNothing, freeAll } from "../freeing.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { closeCorpus } from "../text/index.ts";
import { checkMemoryOfPart, memoryLimit, Run } from "../training/index.ts";
import { adaptation, type SkillPlan } from "./adapt.ts";
import { requireNoSkill, SkillFolder } from "./skill-folder.ts";

export interface AdaptOptions extends SkillPlan {
  /** The folder of a run or checkpoint, which stays as it is. */
  readonly from: string;
  /** The folder of the skill, which holds none yet. */
  readonly to: string;
  /** What to learn. */
  readonly data: DataSource;
  /** A tokenizer.json for that text. Default: that of the run. */
  readonly tokenizer?: string | undefined;
  /** Default "cpu". An opened device stays open. */
  readonly device?: DeviceName | Device | undefined;
  /** Threads of one operator on a CPU that is opened. Default: the number of cores. */
  readonly threads?: number | undefined;
  /** Told how far the reading of texts has come. Default: nobody. */
  readonly onDataProgress?: OnProgress | undefined;
}

/**
 * Opens the run that trains a skill: parameter tokens beside a model, all of which stays as it is. Its events are those of any run; what
 * was opened for it is closed with it.
 * @throws UserError for a model that takes no skills, a plan that does not fit it, data or folders that cannot be used, a skill or a run
 * that is in `to` already, and where there is no memory for it
 */
export async function openAdaptation(options: AdaptOptions): Promise<Run> {
  const { from, to, data, tokenizer: named, device: wanted = "cpu", threads, onDataProgress: onProgress } = options;
  return allOrNothing(async (onFailure) => {
    const frees: (() => unknown)[] = [];
    onFailure(() => freeAll(...frees));
    const folder = await LockedFolder.take(to);
    frees.unshift(() => folder.release());
    await requireNoSkill(to);
    const checkpoint = await loadCheckpoint(from);
    const tokenizer = await chosenTokenizer(checkpoint, from, named);
    const corpus = await openCorpus(data, tokenizer, { onProgress });
    frees.unshift(() => closeCorpus(corpus));
    const { start, learns, skillOf } = await adaptation(checkpoint, corpus, options, from);
    const computes = (typeof wanted === "string" ? wanted : wanted.kind) === "cpu";
    const learning = [...start.state.parameters].reduce(
      (sum, [name, { data }]) => sum + (learns(name) ? data.length : 0),
      0,
    );
    checkMemoryOfPart(start.config, learning, { limit: memoryLimit(), computes });
    const device = typeof wanted === "object" ? wanted : await openDevice(wanted, { threads });
    if (typeof wanted === "string") frees.unshift(() => device.close());
    const absolute = absoluteData(data);
    return Run.begin(start, {
      device,
      learns,
      sink: new SkillFolder(folder, skillOf),
      data: { dataName: nameOfData(absolute), data: absolute, content: contentOf(corpus) },
      onClose: () => freeAll(...frees),
    });
  });
}
