/**
 * Checkpoint folders of DeepSpeed: `latest` names the folder of the last step, `global_step1000`, in which
 * `mp_rank_00_model_states.pt` has the weights under `module`, beside what its engine keeps. Source: `deepspeed/runtime/engine.py`.
 */

import { basename, join } from "node:path";
import { UserError } from "../../errors.ts";
import { fileExists } from "../files/atomic.ts";
import { readFileText } from "../files/read-file.ts";

const MODEL_STATES = /^mp_rank_(\d+)_model_states\.pt$/;

/** Whether a file is one of those that hold the weights. */
export function isOfDeepSpeed(file: string): boolean {
  return MODEL_STATES.test(basename(file));
}

/** Whether a file holds objects of DeepSpeed's own: one of weights, or of an optimiser. */
export function hasForeignObjects(file: string): boolean {
  return isOfDeepSpeed(file) || /_optim_states\.pt$/.test(file);
}

/**
 * The file with the weights in a folder of DeepSpeed; `undefined` for another folder.
 * @param names of the files in it
 * @throws UserError where the folder of the last step is missing, or the weights are divided among several files
 */
export async function deepSpeedWeights(folder: string, names: readonly string[]): Promise<string | undefined> {
  const states = names.filter((name) => MODEL_STATES.test(name)).toSorted();
  const [first] = states;
  if (states.length > 1) {
    throw new UserError(
      `${folder}: its weights are divided among ${states.length} model-parallel ranks, expected one mp_rank_00_model_states.pt; merge them with the tools of GPT-NeoX`,
    );
  }
  if (first !== undefined) return join(folder, first);
  if (!names.includes("latest")) return undefined;
  const step = (await readFileText(join(folder, "latest"))).trim();
  const file = join(folder, basename(step), "mp_rank_00_model_states.pt");
  if (step !== "" && (await fileExists(file))) return file;
  throw new UserError(
    `${folder}: latest names ${JSON.stringify(step)}, but there is no ${file}; copy the whole folder`,
  );
}
