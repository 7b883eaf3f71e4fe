/** The trainer that a run's configuration asks for. */

import type { Communicator } from "../cluster/portable.ts";
import type { RunConfig } from "../configuration/index.ts";
import { freeQuietly } from "../freeing.ts";
import type { ModelState } from "../growth/index.ts";
import type { BatchForm } from "../inference/index.ts";
import { countByGroup, givenOf, modelOf, sameProgram } from "../model/index.ts";
import { replicasFor } from "../optimizer/index.ts";
import type { Device } from "../runtime/portable.ts";
import { ALONE, sequencesOfPass } from "./ranks.ts";
import { type Candidate, Trainer } from "./trainer.ts";
import type { TrainerOptions } from "./trainer-options.ts";

/** Puts a state on a device, and on as many replicas as serve its batches best. */
export function trainerOf(
  device: Device,
  config: RunConfig,
  state: ModelState,
  communicator: Communicator | undefined,
  form: BatchForm,
  learns?: TrainerOptions["learns"],
): Promise<Trainer> {
  const replicas = replicasOf(device, state, sequencesOfPass(config, communicator ?? ALONE));
  const { context: time } = state.config;
  const options = {
    ...config.training,
    local: config.training,
    given: givenOf(state.config),
    replicas,
    time,
    communicator,
    form,
    learns,
  };
  return Trainer.create(device, modelOf(state.config), state, options);
}

/** @param sequences the most that a pass has */
function replicasOf(device: Device, { config, parameters }: ModelState, sequences: number): number {
  return replicasFor(device, { sequences, context: config.context }, countByGroup(parameters).total);
}

/**
 * A grown state beside what trains; what is compiled stays where it serves that too. Else a trainer is made while the old one is
 * still there, 12 bytes a parameter and its programs, as an old one that was closed first would be lost where there is no room for
 * the new one.
 * @param place what the run computes by, and `sequences`, the most that a pass has
 * @param become is told of another trainer when it is taken
 */
export async function candidateBeside(
  old: Trainer,
  state: ModelState,
  {
    config,
    communicator,
    sequences,
  }: { readonly config: RunConfig; readonly communicator: Communicator | undefined; readonly sequences: number },
  become: (trainer: Trainer) => void,
): Promise<Candidate> {
  const { device, replicas } = old;
  // As many replicas as a run has that begins here, so that one that is resumed computes the same.
  if (sameProgram(config.model, state.config) && replicas === replicasOf(device, state, sequences)) {
    return old.prepare(state, givenOf(state.config));
  }
  const trainer = await trainerOf(device, config, state, communicator, old.form);
  return {
    inference: trainer.inference,
    take: async () => {
      become(trainer);
      await freeQuietly(() => old.close());
    },
    discard: () => trainer.close(),
  };
}
