/** What a run is made of, what it learns from at a step, and where it puts what is to last. */

import type { Checkpoint } from "../checkpoint/portable.ts";
import type { Communicator } from "../cluster/portable.ts";
import type { Config, TrainingEvent } from "../configuration/index.ts";
import { allOrNothing } from "../freeing.ts";
import type { ModelState } from "../growth/index.ts";
import { countParameters, givenOf, modelOf } from "../model/index.ts";
import { replicasFor } from "../optimizer/index.ts";
import { type Device, requireHalfProducts } from "../runtime/portable.ts";
import { checkCorpus } from "../text/portable.ts";
import type { Beginning } from "./beginning.ts";
import { ALONE, checkBatch, sequencesOfPass } from "./ranks.ts";
import { Trainer } from "./trainer.ts";
import { Validation } from "./validation.ts";

/** Where a run puts what is to last. */
export interface RunSink {
  /** What messages call it. */
  readonly place: string;
  /** Whether another rank keeps checkpoints, so that they are empty here. Default false. */
  readonly isIdle?: boolean;
  /**
   * Keeps a checkpoint, and returns where: at the start of a run, as its configuration says, and at the end.
   * @param best whether it is kept for its validation loss, the lowest so far, beside the last one
   */
  save(checkpoint: Checkpoint, best: boolean): Promise<string>;
  /** Takes note of an event, before it is told to anyone else. */
  record(event: TrainingEvent): Promise<void>;
  /** Forgets an event that it could not record, and that has not happened therefore. */
  withdraw?(event: TrainingEvent): void;
}

export interface RunOptions {
  /** Stays open, and so does the corpus. */
  readonly device: Device;
  /** Default: nothing is kept. */
  readonly sink?: RunSink | undefined;
  /** The ranks that the run is divided among, all of which make it. Default: it is alone. */
  readonly communicator?: Communicator | undefined;
  /** How checkpoints name the data. Default: by the name of the corpus. */
  readonly data?: Pick<Checkpoint, "dataName" | "data"> | undefined;
}

/** What a run is made of. */
export interface RunParts extends RunOptions, Beginning {
  readonly trainer: Trainer;
  readonly validation: Validation;
}

/**
 * Puts what a run begins with on a device, and keeps it if the run is new.
 * @throws UserError for too short a corpus, and for held-out tokens that the tokenizer does not have
 */
export async function assemble(begun: Beginning, options: RunOptions): Promise<RunParts> {
  const { config, corpus, state, progress } = begun;
  checkCorpus(corpus, config.model.context);
  checkBatch(config, options.communicator ?? ALONE);
  // Reads the tokens before anything is kept.
  const validation = Validation.measured(corpus, {
    ...config.training,
    context: config.model.context,
    communicator: options.communicator,
  });
  if (config.training.precision === "float16") {
    await requireHalfProducts(options.device, 'training.precision "float16"');
  }
  const { data = { dataName: corpus.name }, sink } = options;
  return allOrNothing(async (onFailure) => {
    const trainer = await trainerOf(options.device, config, state, options.communicator);
    onFailure(() => trainer.close());
    if (sink !== undefined && state.step === progress.start)
      await sink.save({ config, state, tokenizer: corpus.tokenizer, ...data, progress }, false);
    return { ...begun, ...options, data, trainer, validation };
  });
}

/** Puts a state on a device, and on as many replicas as serve its batches best. */
export function trainerOf(
  device: Device,
  config: Config,
  state: ModelState,
  communicator: Communicator | undefined,
): Promise<Trainer> {
  const replicas = replicasOf(device, config, state.config, communicator);
  const { context: time } = state.config;
  const options = { ...config.training, given: givenOf(state.config), replicas, time, communicator };
  return Trainer.create(device, modelOf(state.config), state, options);
}

export function replicasOf(
  device: Device,
  config: Config,
  model: ModelState["config"],
  communicator: Communicator | undefined,
): number {
  const batch = { sequences: sequencesOfPass(config, communicator ?? ALONE), context: model.context };
  return replicasFor(device, batch, countParameters(model).total);
}
