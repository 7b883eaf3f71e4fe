/** The trainer that a run's configuration asks for. */

import type { Communicator } from "../cluster/portable.ts";
import type { RunConfig } from "../configuration/index.ts";
import type { ModelState } from "../growth/index.ts";
import { countParameters, givenOf, modelOf } from "../model/index.ts";
import { replicasFor } from "../optimizer/index.ts";
import type { Device } from "../runtime/portable.ts";
import { ALONE, sequencesOfPass } from "./ranks.ts";
import { Trainer } from "./trainer.ts";

/** Puts a state on a device, and on as many replicas as serve its batches best. */
export function trainerOf(
  device: Device,
  config: RunConfig,
  state: ModelState,
  communicator: Communicator | undefined,
): Promise<Trainer> {
  const replicas = replicasOf(device, config, state.config, communicator);
  const { context: time } = state.config;
  const options = {
    ...config.training,
    local: config.training,
    given: givenOf(state.config),
    replicas,
    time,
    communicator,
  };
  return Trainer.create(device, modelOf(state.config), state, options);
}

export function replicasOf(
  device: Device,
  config: RunConfig,
  model: ModelState["config"],
  communicator: Communicator | undefined,
): number {
  const batch = { sequences: sequencesOfPass(config, communicator ?? ALONE), context: model.context };
  return replicasFor(device, batch, countParameters(model).total);
}
