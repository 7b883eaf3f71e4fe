/** Teaching a run something new, by tokens of its own beside those that it has. */

import {
  adaptation,
  type Checkpoint,
  type Corpus,
  forecastMemory,
  type RunStart,
  type TrainingConfig,
  UserError,
} from "tokenformer/browser";
import { siteKinds, sitesOf } from "tokenformer/model";
import type { SkillView } from "./api.ts";
import { ENDLESS, EVALUATION, memoryComplaint, WARMUP } from "./choices.ts";
import type { Facts } from "./live-run.ts";
import type { HeldOut } from "./pieces.ts";

/** Higher than a whole model bears: new values start at zero. */
const LEARNING_RATE = 3e-3;

/**
 * What a run starts from that learns a text beside a checkpoint.
 * @param tokens to add at each site
 * @param name what the run of the checkpoint is called
 * @throws UserError where the model takes none, or there is no memory for them
 */
export async function lessonStart(
  checkpoint: Checkpoint,
  corpus: Corpus,
  tokens: number,
  name: string,
): Promise<RunStart> {
  if (!Number.isSafeInteger(tokens) || tokens < 1) {
    throw new UserError(`${tokens} tokens cannot be added: choose a whole number of 1 or more`);
  }
  const add = Object.fromEntries(siteKinds.map((kind) => [kind, tokens]));
  const start = await adaptation(checkpoint, corpus, { add, training: trainingOf(checkpoint) }, name);
  const { config, state, part } = start;
  const learning = (part?.parameters ?? []).reduce(
    (sum, own) => sum + (state.parameters.get(own)?.data.length ?? 0),
    0,
  );
  const complaint = memoryComplaint(forecastMemory(config, config.model, true, learning));
  if (complaint !== undefined) throw new UserError(`The model with new tokens ${complaint}`);
  return start;
}

function trainingOf({ config }: Checkpoint): TrainingConfig {
  const own = { learningRate: LEARNING_RATE, warmup: WARMUP, weightDecay: 0, localSteps: 1 };
  return { ...config.training, ...ENDLESS, ...EVALUATION, ...own, evaluateAt: [], checkpointEvery: 0, keepBest: false };
}

/** As much held-out text of a run as the loss of one that learns beside it is measured on. */
export function heldOutOf({ name, validation }: Corpus): HeldOut {
  const count = Math.min(validation.length, EVALUATION.evaluationTokens + 1);
  return { name, tokens: validation.read(0, count).slice() };
}

/** The skill that a run learns, if it learns one. */
export function skillView({ config, part }: Facts, before: HeldOut | undefined): SkillView | undefined {
  const { model } = config;
  const { skill } = part ?? {};
  if (skill === undefined || model.type !== "tokenformer") return undefined;
  const tokens = sitesOf(model)
    .filter(({ generation }) => generation === skill.generation)
    .reduce((sum, site) => sum + site.tokens, 0);
  return {
    base: skill.base.name,
    parameters: 2 * model.width * tokens,
    ...(before !== undefined && { oldText: before.name }),
  };
}
