/** Adapting the run of a folder: its skill goes into another. */

import { chosenTokenizer, dataOf, loadCheckpoint } from "../checkpoint/index.ts";
import { type Checkpoint, learningIn } from "../checkpoint/portable.ts";
import type { TrainingConfig } from "../configuration/index.ts";
import { type OnProgress, openCorpus } from "../data/index.ts";
import type { DataSource } from "../data/portable.ts";
import { LockedFolder } from "../formats/index.ts";
import { allOrNothing, freeAll } from "../freeing.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { type Corpus, closeCorpus } from "../text/index.ts";
import {
  changeOfData,
  checkMemoryOfPart,
  knownData,
  type MemoryBudget,
  memoryLimit,
  Run,
  type RunPlace,
  withKept,
} from "../training/index.ts";
import { adaptation, adaptedModel, type SkillPlan, skillOf } from "./adapt.ts";
import { checkSkills, checkTokenizer, mergedArrays } from "./attach.ts";
import { keptSkillLoss, loadUnfinished, requireNoSkill, SkillFolder } from "./skill-folder.ts";
import { weightsHash } from "./weights-hash.ts";

/** Where a skill is trained. */
interface Workplace {
  /** The folder of a run or checkpoint, which stays as it is. */
  readonly from: string;
  /** The folder of the skill. */
  readonly to: string;
  /** The device that computes, by its name, or an opened one, which stays open. Default "cpu". */
  readonly device?: DeviceName | Device | undefined;
  /** Threads of one operator on a CPU that is opened. Default: `OMP_NUM_THREADS`, else the number of cores. */
  readonly threads?: number | undefined;
  /** A function that is told how far the reading of texts has come. Default: none. */
  readonly onDataProgress?: OnProgress | undefined;
}

export interface AdaptOptions extends SkillPlan, Workplace {
  /** What to learn. */
  readonly data: DataSource;
  /** A tokenizer.json for that text. Default: that of the run. */
  readonly tokenizer?: string | undefined;
}

export interface ResumeAdaptationOptions extends Workplace {
  /** The texts to learn. Default: those of so far. */
  readonly data?: DataSource | undefined;
  /** How to train. Default: as it began. */
  readonly training?: TrainingConfig | undefined;
}

/**
 * Opens the run that trains a skill: parameter tokens beside a model, all of which stays as it is. Its events are those of any run; what
 * was opened for it is closed with it.
 * @throws UserError for a model that takes no skills, a plan that does not fit it, data or folders that cannot be used, a skill or a run
 * that is in `to` already, and where there is no memory for it
 */
export function openAdaptation(options: AdaptOptions): Promise<Run> {
  const { from, to, data, tokenizer: named, onDataProgress: onProgress } = options;
  return withWorkplace(options, async (memory, closedLater) => {
    await requireNoSkill(to);
    const checkpoint = await loadCheckpoint(from);
    adaptedModel(checkpoint, options, from); // before the text is read, which takes longer
    const corpus = await openCorpus(data, await chosenTokenizer(checkpoint, from, named), { onProgress });
    closedLater(corpus);
    const start = await adaptation(checkpoint, corpus, options, from);
    if (start.part !== undefined) {
      checkMemoryOfPart(start.config, learningIn(start.part, start.state.parameters), memory);
    }
    return { begin: (place) => Run.begin(start, place), data: knownData(data, corpus) };
  });
}

/**
 * Opens the run of a skill that was not trained to its end: it goes on bitwise as if it had not been stopped.
 * @throws UserError as `openAdaptation` does, and where there is nothing to go on from, or it was begun beside other weights
 */
export function resumeAdaptation(options: ResumeAdaptationOptions): Promise<Run> {
  const { from, to, onDataProgress: onProgress } = options;
  return withWorkplace(options, async (memory, closedLater) => {
    const unfinished = await loadUnfinished(to);
    const { config } = unfinished;
    const data = dataOf(options.data, unfinished);
    const training = options.training ?? config.training;
    const { progress, ...checkpoint } = await besideBase(unfinished, to, await loadCheckpoint(from), from);
    const kept = training.keepBest ? await keptSkillLoss(to) : undefined;
    const corpus = await openCorpus(data, unfinished.tokenizer ?? config.tokenizer, {
      onProgress,
      before: unfinished.data,
    });
    closedLater(corpus);
    const known = knownData(data, corpus);
    const continued = {
      corpus,
      memory,
      where: to,
      config: { ...config, training },
    };
    return {
      begin: (place) => Run.resume({ ...checkpoint, progress: withKept(progress, kept) }, { ...continued, ...place }),
      data: known,
      dataChange: changeOfData(unfinished, known),
    };
  });
}

/** What is there of a run before there is a device for it. */
interface Prepared extends Pick<RunPlace, "data" | "dataChange"> {
  begin(place: RunPlace): Promise<Run>;
}

/** Opens a run with the folder, the text and the device that it needs, all of which is closed with it. */
function withWorkplace(
  { to, device: wanted = "cpu", threads }: Workplace,
  prepare: (memory: MemoryBudget, closedLater: (corpus: Corpus) => void) => Promise<Prepared>,
): Promise<Run> {
  return allOrNothing(async (onFailure) => {
    const frees: (() => unknown)[] = [];
    onFailure(() => freeAll(...frees));
    const folder = await LockedFolder.take(to);
    frees.unshift(() => folder.release());
    const memory = { limit: memoryLimit(), computes: (typeof wanted === "string" ? wanted : wanted.kind) === "cpu" };
    const { begin, ...data } = await prepare(memory, (corpus) => frees.unshift(() => closeCorpus(corpus)));
    const device = typeof wanted === "object" ? wanted : await openDevice(wanted, { threads });
    if (typeof wanted === "string") frees.unshift(() => device.close());
    return begin({ ...data, device, sink: new SkillFolder(folder), onClose: () => freeAll(...frees) });
  });
}

/** A checkpoint of what learns, with the parameters of the model beside it. Throws a `UserError` where that is another one. */
async function besideBase(part: Checkpoint, name: string, base: Checkpoint, where: string): Promise<Checkpoint> {
  const skills = [{ name, ...skillOf(part, name) }];
  const { parameters } = base.state;
  await checkSkills(base.state, skills, where, () => weightsHash(parameters));
  if (base.tokenizer !== undefined) await checkTokenizer(skills, base.tokenizer, where);
  const { state } = part;
  return { ...part, state: { ...state, parameters: mergedArrays(state.config, parameters, state.parameters) } };
}
