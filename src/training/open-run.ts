/** Runs from folders and names: what the command line trains. */

import { chosenTokenizer, hasCheckpoint, loadCheckpoint, type OpenedCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint, Progress } from "../checkpoint/portable.ts";
import { type Communicator, gatherNumbers, ranksOnMachine, requireSame, together } from "../cluster/index.ts";
import type { Config, TrainingEvent } from "../configuration/index.ts";
import { isCorpus, type OnProgress, openCorpus } from "../data/index.ts";
import type { DataSource } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import type { LockedFolder } from "../formats/index.ts";
import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { type Corpus, closeCorpus } from "../text/index.ts";
import { changeOfData, knownData } from "./known-data.ts";
import { memoryLimit } from "./machine-memory.ts";
import type { MemoryBudget } from "./memory.ts";
import { Run } from "./run.ts";
import { checkBest, keptLoss, lockRun, RunFolder } from "./run-folder.ts";
import { factsOf, requireSameOptions } from "./sameness.ts";
import { SharedSink } from "./sink.ts";
import { branchedStart, newStart, type RunStart, resumedStart, withKept } from "./start.ts";

/** What to train, where it goes on from, and where it computes. */
export interface TrainOptions {
  readonly config: Config;
  /** Texts or token files by their names, or an opened corpus, which stays open. */
  readonly data: DataSource | Corpus;
  /**
   * Where checkpoints and `metrics.jsonl` go; no other process can write there meanwhile. A folder that `lockRun` gave stays
   * locked at the end. Default: nowhere.
   */
  readonly out?: string | LockedFolder | undefined;
  /** Whether the run goes on from the checkpoint in `out`, if there is one: see `Run.resume`. Default false. */
  readonly resume?: boolean | undefined;
  /**
   * The folder of a run, or a checkpoint of one, that a new run goes on from: see `Run.from`. Where `resume` finds a checkpoint in
   * `out`, that one is gone on from instead.
   */
  readonly from?: string | Checkpoint | OpenedCheckpoint | undefined;
  /**
   * Whether the weights, tokenizer and model of `from` alone are taken, and steps count from 0; growth that `from` has applied is then
   * to be left out of `config`. Default false.
   */
  readonly restart?: boolean | undefined;
  /** The device that computes, by its name, or an opened one, which stays open. Default "cpu". */
  readonly device?: DeviceName | Device | undefined;
  /** Threads of one operator on a CPU that is opened. Default: `OMP_NUM_THREADS`, else the number of cores. */
  readonly threads?: number | undefined;
  /** The memory that training may take; what needs more is refused before anything is allocated. Default: that of this machine, or a rank's share. */
  readonly memory?: MemoryBudget | undefined;
  /** A function that is told how far the reading of texts has come. Default: none. */
  readonly onDataProgress?: OnProgress | undefined;
  /** The ranks that make the run together, each with the same options. Rank 0 alone writes to `out`. Default: it is alone. */
  readonly communicator?: Communicator | undefined;
}

/**
 * Trains, and yields what happens. Nothing goes on while an event is being looked at.
 * @param options with `signal`, which ends the run after the step that is under way, with a checkpoint
 * @throws UserError if the data, the folder or the device cannot be used, if the loss is not finite, or if ranks differ
 */
export async function* train({
  signal,
  ...options
}: TrainOptions & { readonly signal?: AbortSignal | undefined }): AsyncGenerator<TrainingEvent> {
  const run = await openRun(options);
  let failed = false;
  try {
    yield* run.events(signal);
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    // What went wrong first is what is told.
    await (failed ? freeQuietly(() => run.close()) : run.close());
  }
}

/**
 * Opens the data, the device and the folder of a run, and creates it, resumes it or branches it from another. What was opened here
 * is closed with the run.
 * @throws UserError as `train` does
 */
export async function openRun(options: TrainOptions): Promise<Run> {
  const { device: wanted = "cpu", out, data, threads, communicator } = options;
  const directory = typeof out === "object" ? out.directory : out;
  const writes = communicator === undefined || communicator.rank === 0;
  if (communicator !== undefined) await requireSameOptions(communicator, { out: directory, resume: options.resume });
  return allOrNothing(async (onFailure) => {
    const frees: (() => unknown)[] = [];
    onFailure(() => freeAll(...frees));
    const folder = await together(communicator, async () => {
      if (typeof out !== "string" || !writes) return typeof out === "object" ? out : undefined;
      const locked = await lockRun(out);
      frees.unshift(() => locked.release());
      return locked;
    });
    const memory = options.memory ?? (await memoryOf(communicator, kindOf(wanted) === "cpu"));
    const { before, kept, ...found } = await together(communicator, async () => {
      // Else that would be told hours later, at the first evaluation.
      if (folder !== undefined && options.config.training.keepBest) await checkBest(folder.directory);
      const made = await startOf({ ...options, memory }, directory);
      if (!isCorpus(data)) frees.unshift(() => closeCorpus(made.start.corpus));
      return made;
    });
    const start = { ...found.start, progress: withKept(found.start.progress, await ofFirst(communicator, kept)) };
    if (communicator !== undefined) {
      // The data may lie nearer to one rank than to another, and it is read whole.
      await requireSame(communicator, await communicator.apart(() => factsOf(start)));
    }
    const device = await together(communicator, async () => {
      if (typeof wanted === "object") return wanted;
      const opened = await openDevice(wanted, { threads });
      frees.unshift(() => opened.close());
      return opened;
    });
    // Of ranks that make each update together, those with GPUs ask for other operations.
    if (communicator !== undefined && start.config.training.localSteps === 1) {
      await requireSame(communicator, { "the device": device.kind === "cpu" ? "the cpu" : "a GPU" });
    }
    const own = folder && new RunFolder(folder);
    const sink = communicator && directory !== undefined ? new SharedSink(own, directory, communicator) : own;
    const known = knownData(data, start.corpus);
    const dataChange = changeOfData(before, known);
    const onClose = () => freeAll(...frees);
    return Run.begin(start, { device, sink, communicator, memory, data: known, dataChange, onClose });
  });
}

/** The loss that the first rank has kept, which alone writes: ranks have to agree on what is lower, also where others see no folder. */
async function ofFirst(communicator: Communicator | undefined, kept: Progress["best"]): Promise<Progress["best"]> {
  if (communicator === undefined) return kept;
  const own = [kept?.step ?? 0, kept?.validationLoss ?? Number.POSITIVE_INFINITY];
  const [[step = 0, validationLoss = Number.POSITIVE_INFINITY] = []] = await gatherNumbers(communicator, own);
  return { step, validationLoss };
}

/** The memory of a rank: on a CPU its share of the machine's. With GPUs the first rank alone needs the most of it, to save. */
async function memoryOf(communicator: Communicator | undefined, computes: boolean): Promise<MemoryBudget> {
  const sharing = communicator === undefined ? 1 : await ranksOnMachine(communicator);
  return { limit: memoryLimit(computes ? sharing : 1), computes, ranks: communicator?.size };
}

function kindOf(device: DeviceName | Device): DeviceName | Device["kind"] {
  return typeof device === "string" ? device : device.kind;
}

interface Found {
  readonly start: RunStart;
  /** The checkpoint that it goes on from. */
  readonly before?: Checkpoint;
  /** The loss of what the run that is resumed has kept for it, and would write over. */
  readonly kept?: Progress["best"];
}

/** Reads what is there to go on from, or makes a new model. */
async function startOf(options: TrainOptions, out: string | undefined): Promise<Found> {
  const { resume = false, from, config, data, restart, memory } = options;
  if (out !== undefined && (await hasCheckpoint(out))) {
    if (!resume) throw new UserError(`${out}: already holds a run; go on with --resume, or choose another folder`);
    const checkpoint = await loadCheckpoint(out);
    const continuing = { config, corpus: corpusAfter(checkpoint, out, options), memory, where: out };
    const kept = config.training.keepBest ? await keptLoss(out) : undefined;
    return { start: await resumedStart(checkpoint, continuing), before: checkpoint, kept };
  }
  if (from === undefined) {
    const corpus = isCorpus(data)
      ? data
      : () => openCorpus(data, config.tokenizer, { onProgress: options.onDataProgress });
    return { start: await newStart(config, { corpus, memory }) };
  }
  const checkpoint = await loaded(from);
  const where = typeof from === "string" ? from : "load" in from ? from.directory : "the checkpoint";
  const branching = { config, corpus: corpusAfter(checkpoint, where, options), memory, restart, where };
  return { start: await branchedStart(checkpoint, branching), before: checkpoint };
}

async function loaded(from: NonNullable<TrainOptions["from"]>): Promise<Checkpoint> {
  if (typeof from === "string") return loadCheckpoint(from);
  return "load" in from ? from.load() : from;
}

/**
 * The corpus of a run that goes on: by the tokenizer of the checkpoint; for a model that came without one, by that of the
 * configuration where it names a file.
 */
function corpusAfter(
  checkpoint: Checkpoint,
  where: string,
  { data, config: { tokenizer }, onDataProgress: onProgress }: TrainOptions,
) {
  if (isCorpus(data)) return data;
  const named = checkpoint.tokenizer === undefined && tokenizer.endsWith(".json");
  return async () =>
    openCorpus(data, await chosenTokenizer(checkpoint, where, named ? tokenizer : undefined), {
      onProgress,
      before: checkpoint.data,
    });
}
