/** Opening a checkpoint for reading: its model on a device, with its tokenizer. */

import { UserError } from "../errors.ts";
import { givenOf, modelOf } from "../model/index.ts";
import { type DeviceName, openDevice } from "../runtime/index.ts";
import {
  type Checkpoint,
  EMBEDDED,
  hasCheckpoint,
  Inference,
  loadCheckpoint,
  uploadArrays,
} from "../training/index.ts";

/** Reads a checkpoint. Throws a `UserError` if the folder holds none. */
export async function checkpointOf(directory: string): Promise<Checkpoint> {
  if (!(await hasCheckpoint(directory))) throw noCheckpoint(directory);
  return loadCheckpoint(directory);
}

/** What to say of a folder that holds no checkpoint. */
export function noCheckpoint(directory: string): UserError {
  return new UserError(
    `${directory}: no checkpoint there, expected a folder with config.json and model.safetensors; train one with: tokenformer train --out ${directory}`,
  );
}

/** Runs `use` with the model of a checkpoint on a device, and closes the device. */
export async function withModel<Result>(
  { state }: Checkpoint,
  device: DeviceName,
  use: (inference: Inference) => Promise<Result>,
): Promise<Result> {
  const opened = await openDevice(device);
  try {
    const parameters = await uploadArrays(opened, state.parameters);
    return await use(new Inference(opened, modelOf(state.config), parameters, givenOf(state.config)));
  } finally {
    await opened.close();
  }
}

/** The data to use: what was named, else what the checkpoint was trained on. */
export function dataOf(named: string | undefined, { dataName }: Checkpoint): string {
  return named ?? (dataName === "" ? EMBEDDED : dataName);
}
