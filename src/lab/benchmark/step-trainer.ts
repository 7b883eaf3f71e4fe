/** The trainer of a benchmark's steps: with as many replicas as a run of `train` would have. */

import type { TrainerState } from "../../growth/index.ts";
import { countParameters, givenOf, modelOf } from "../../model/index.ts";
import { replicasFor } from "../../optimizer/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { Precision } from "../../tensor/index.ts";
import { Trainer } from "../../training/portable.ts";
import type { Work } from "./work.ts";

/** Among how many devices a step's sequences are divided. */
export function replicasOf(device: Device, { config, batch }: Pick<Work, "config" | "batch">): number {
  return replicasFor(device, { sequences: batch, context: config.context }, countParameters(config).total);
}

export function stepTrainer(
  device: Device,
  { config, batch, training }: Pick<Work, "config" | "batch" | "training">,
  state: TrainerState,
  precision: Precision = "float32",
): Promise<Trainer> {
  const replicas = replicasOf(device, { config, batch });
  return Trainer.create(device, modelOf(config), state, {
    ...training,
    replicas,
    precision,
    given: givenOf(config),
    time: config.context,
  });
}
