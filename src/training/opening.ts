/** What a run begins with, from folders and names. */

import { chosenTokenizer, hasCheckpoint, loadCheckpoint, type OpenedCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint } from "../checkpoint/portable.ts";
import type { Config } from "../configuration/index.ts";
import { isCorpus, openCorpus } from "../data/index.ts";
import type { DataSource } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import { recoverDirectory } from "../formats/index.ts";
import { allOrNothing } from "../freeing.ts";
import { type Corpus, closeCorpus } from "../text/index.ts";
import { type Beginning, newBeginning, resumedBeginning, startedBeginning } from "./beginning.ts";
import type { MemoryBudget } from "./memory.ts";

/** What to train, and where it goes on from. */
export interface OpeningOptions {
  readonly config: Config;
  /** Texts or token files by their names, or an opened corpus. */
  readonly data: DataSource | Corpus;
  /** The folder of the run. */
  readonly out?: string | undefined;
  /**
   * Goes on from the checkpoint in `out`, if there is one, with its weights, tokenizer and model, and with the growth that it
   * has applied: plans that repeat it are not applied again. Default false.
   */
  readonly resume?: boolean;
  /**
   * The folder of a run, or a checkpoint of one, that a new run goes on from, with its weights, optimiser state, tokenizer, model and
   * applied growth, but with the training and the growth to come of `config`. Steps, and with them the data and the schedule,
   * count from the beginning of the first run, so `training.steps` has to be more than it has made. Of `config.model`, the
   * dropout may differ. Where `resume` finds a checkpoint in `out`, that one is gone on from instead.
   */
  readonly from?: string | Checkpoint | OpenedCheckpoint;
  /** Whether `out` is put in order where a crash left something half done: not by a rank that only reads it. Default true. */
  readonly recovers?: boolean;
  /** With `from`: of the checkpoint, takes the weights, tokenizer and model alone; steps count from 0. Default false. */
  readonly restart?: boolean;
  /** The memory that training may take; what needs more is refused before anything is allocated. */
  readonly memory?: MemoryBudget;
}

/** Reads what is there to go on from, or makes a new model. Throws a `UserError` as `train` does. */
export async function opening(options: OpeningOptions): Promise<Beginning> {
  const { out, resume = false, from, config, data, restart = false, recovers = true, memory } = options;
  if (out !== undefined && (await hasCheckpoint(out))) {
    if (!resume) throw new UserError(`${out}: already holds a run; go on with --resume, or choose another folder`);
    const checkpoint = await loadCheckpoint(out);
    const corpus = corpusAfter(checkpoint, out, options);
    return allOrNothing(async (onFailure) => {
      const continued = await resumedBeginning(checkpoint, { config, corpus, memory, where: out });
      if (!isCorpus(data)) onFailure(() => closeCorpus(continued.corpus));
      if (recovers) await recoverDirectory(out);
      return continued;
    });
  }
  if (from === undefined) {
    const corpus = isCorpus(data) ? data : () => openCorpus(data, config.tokenizer);
    return newBeginning({ config, corpus, memory });
  }
  const checkpoint = await loaded(from);
  const where = typeof from === "string" ? from : "load" in from ? from.directory : "the checkpoint";
  const corpus = corpusAfter(checkpoint, where, options);
  return startedBeginning(checkpoint, { config, corpus, memory, restart, where });
}

async function loaded(from: NonNullable<OpeningOptions["from"]>): Promise<Checkpoint> {
  if (typeof from === "string") return loadCheckpoint(from);
  return "load" in from ? from.load() : from;
}

/**
 * The corpus of a run that goes on: by the tokenizer of the checkpoint; for a model that came without one, by that of the
 * configuration where it names a file.
 */
function corpusAfter(checkpoint: Checkpoint, where: string, { data, config: { tokenizer } }: OpeningOptions) {
  if (isCorpus(data)) return data;
  const named = checkpoint.tokenizer === undefined && tokenizer.endsWith(".json");
  return async () => openCorpus(data, await chosenTokenizer(checkpoint, where, named ? tokenizer : undefined));
}
