/** Adapting a model: training a skill beside it, with all else as it is. */

import type { Checkpoint, LearningPart } from "../checkpoint/portable.ts";
import type { RunConfig, TrainingConfig } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { fillInitial, grownConfig, type HostArray, tokenPlanSchema } from "../growth/index.ts";
import {
  type CompleteModelConfig,
  initialsOf,
  sitesOf,
  type TokenFormerConfig,
  tauRule,
  withSites,
} from "../model/index.ts";
import { checkPlainly } from "../plain-words.ts";
import { Random } from "../random.ts";
import { required } from "../required.ts";
import { type Corpus, hashTokenizer, type Tokenizer } from "../text/portable.ts";
import { NO_PROGRESS, type RunStart } from "../training/portable.ts";
import { mergedArrays, requireTokenFormer, shortName } from "./attach.ts";
import type { Skill, SkillRecord } from "./skill.ts";
import { weightsHash } from "./weights-hash.ts";

/** What a skill is to be. */
export interface SkillPlan {
  /** Tokens to append at each site, as in a growth plan. */
  readonly add: Readonly<Record<string, number | string>>;
  /** The blocks that get them, from 0. Default: all. */
  readonly layers?: readonly number[] | undefined;
  readonly training: TrainingConfig;
}

/**
 * What a run starts from that trains a skill: keys are drawn as the model starts them, values are zero, so that it changes nothing yet.
 * `Run.begin` takes it, `skillOf` has the skill of a checkpoint of that run, and `Run.resume` goes on with it.
 * @param checkpoint the model; it is left as it is
 * @param corpus what to learn, by the tokenizer of the model
 * @param where what messages call the checkpoint
 * @throws UserError for a model that takes no skills, and a plan that does not fit it
 */
export async function adaptation(
  checkpoint: Checkpoint,
  corpus: Corpus,
  { add, layers, training }: SkillPlan,
  where = "the checkpoint",
): Promise<RunStart> {
  const { base, model } = adaptedModel(checkpoint, { add, layers }, where);
  const generation = model.generations?.length ?? 0;
  const sites = sitesOf(model).filter((site) => site.generation === generation);
  const added = new Map<string, HostArray>();
  const lineage = new Map(checkpoint.state.lineage);
  const initials = initialsOf(model);
  for (const { path, tokens, tau } of sites) {
    const rows = () => ({ shape: [tokens, model.width], data: new Float32Array(tokens * model.width) });
    const keys = rows();
    fillInitial(keys.data, required(initials, `${path}.keys`), Random.from("skill", training.seed, path));
    added.set(`${path}.keys`, keys);
    added.set(`${path}.values`, rows());
    if (tauRule(model) === "learned") added.set(`${path}.tau`, { shape: [], data: Float32Array.of(tau) });
    lineage.set(path, [{ tokens, born: checkpoint.state.step, init: "skill", updates: 0, frozenUntil: 0 }]);
  }
  const { formatVersion, tokenizer } = checkpoint.config;
  const config: RunConfig = { formatVersion, tokenizer, training, growth: [], model };
  const state = {
    config: model,
    parameters: mergedArrays(model, checkpoint.state.parameters, added),
    lineage,
    moments: undefined,
    step: 0,
    updates: 0,
    ramps: [],
    rewarm: undefined,
  };
  const skill = { generation, ...(await originOf(checkpoint, base, corpus.tokenizer, where)) };
  return { config, corpus, state, progress: NO_PROGRESS, part: { parameters: [...added.keys()], skill } };
}

/**
 * The model of a checkpoint, and what it is with the tokens of a skill.
 * @throws UserError as `adaptation` does
 */
export function adaptedModel({ state }: Checkpoint, { add, layers }: Pick<SkillPlan, "add" | "layers">, where: string) {
  const base = requireTokenFormer(state.config, where);
  const { data: plan, error } = checkPlainly(tokenPlanSchema, { add, layers, init: "zero-value" });
  if (plan !== undefined) return { base, model: withGeneration(base, plan) };
  const [issue] = error.issues;
  throw new UserError(["the skill", ...(issue?.path ?? []), issue?.message].map(String).join(": "));
}

/** The model with one more generation, which has a norm of its own whatever the model's rule for growth is. */
function withGeneration(base: CompleteModelConfig<TokenFormerConfig>, plan: Parameters<typeof grownConfig>[1]) {
  const { tokenNorm, ...others } = base;
  const grown = requireTokenFormer(
    { ...grownConfig({ ...others, tokenNorm: "generation" }, plan), vocabulary: base.vocabulary },
    "the model",
  );
  const { tokenNorm: _, ...rest } = grown;
  return tokenNorm === undefined ? rest : { ...rest, tokenNorm };
}

async function originOf(
  { state }: Checkpoint,
  { layers, width, activation }: TokenFormerConfig,
  tokenizer: Tokenizer,
  where: string,
): Promise<Omit<NonNullable<LearningPart["skill"]>, "generation">> {
  const weights = await weightsHash(state.parameters);
  return {
    base: { name: shortName(where), weights, layers, width, activation },
    tokenizer: await hashTokenizer(tokenizer),
  };
}

/**
 * The skill of a checkpoint of a run that trains one.
 * @param checkpoint with all parameters, or with those that learn
 * @param where what messages call it
 * @throws UserError where its run trains none
 */
export function skillOf(
  { state, config, progress, dataName, part }: Checkpoint,
  where = "the checkpoint",
): Pick<Skill, "record" | "tensors"> {
  if (part?.skill === undefined) throw new UserError(`${where}: is of a run that trains no skill; begin one beside it`);
  const { generation, ...origin } = part.skill;
  const model = requireTokenFormer(state.config, where);
  const tensors = new Map<string, HostArray>();
  for (const { path, place } of sitesOf(model).filter((site) => site.generation === generation)) {
    for (const part of ["keys", "values"])
      tensors.set(`${place}.${part}`, required(state.parameters, `${path}.${part}`));
  }
  const { best, tokens, seconds } = progress;
  const record: SkillRecord = {
    formatVersion: 1,
    ...origin,
    generation: generationOf(model, generation, state.parameters),
    training: {
      // Without folders: a skill goes elsewhere.
      data: dataName.split(", ").map(shortName).join(", "),
      config: config.training,
      steps: state.step,
      tokens,
      seconds,
      ...(best?.step === state.step && { validationLoss: best.validationLoss }),
    },
  };
  return { record, tensors };
}

/** The sizes of a generation, with each τ as it has been learned. */
function generationOf(
  model: CompleteModelConfig<TokenFormerConfig>,
  generation: number,
  parameters: ReadonlyMap<string, HostArray>,
): SkillRecord["generation"] {
  const sites = sitesOf(model).map((site) => ({
    ...site,
    tau: parameters.get(`${site.path}.tau`)?.data[0] ?? site.tau,
  }));
  const own = withSites(model, sites).generations?.[generation - 1];
  if (own === undefined) throw new Error("internal: a skill without a generation");
  return own;
}
