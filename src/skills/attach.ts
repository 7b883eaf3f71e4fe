/**
 * Attaching skills to a model: each is a generation of parameter tokens with a norm of its own, so that what they give adds up in any
 * order, and the model without them is what it was.
 */

import { type Checkpoint, type CheckpointSummary, withoutPart } from "../checkpoint/portable.ts";
import { UserError } from "../errors.ts";
import type { Generation, HostArray, ModelState } from "../growth/index.ts";
import {
  type CompleteModelConfig,
  generationPath,
  parametersOf,
  type TokenFormerConfig,
  tauRule,
} from "../model/index.ts";
import { required } from "../required.ts";
import { hashTokenizer, type Tokenizer } from "../text/portable.ts";
import { type Skill, sitesOfSkill } from "./skill.ts";
import { weightsHash } from "./weights-hash.ts";

/** Digits of a hash in a message. */
const TOLD = 16;

/** The model of a checkpoint as one that skills can be attached to. Throws a `UserError` where it is none. */
export function requireTokenFormer(config: CompleteModelConfig, where: string): CompleteModelConfig<TokenFormerConfig> {
  if (config.type === "tokenformer") return config;
  const remedy = config.type === "transformer" ? "; fine-tune it with train --from" : "";
  throw new UserError(
    `${where}: is a ${config.type}, which takes no skills: they are parameter tokens of a tokenformer${remedy}`,
  );
}

/**
 * Throws a `UserError` where a skill is one of another model, or is attached twice.
 * @param where what messages call the model
 * @param weights the hash of its weights
 */
export async function checkSkills(
  { config }: CheckpointSummary["state"],
  skills: readonly Skill[],
  where: string,
  weights: () => Promise<string>,
): Promise<void> {
  if (skills.length === 0) return;
  const { layers, width, activation } = requireTokenFormer(config, where);
  for (const { name, record } of skills) {
    const { base } = record;
    if (base.layers === layers && base.width === width && base.activation === activation) continue;
    throw new UserError(
      `${name}: was trained for a model of ${base.layers} layers, width ${base.width} and ${base.activation}, and ${where} has ${layers}, ${width} and ${activation}; attach it to ${base.name}`,
    );
  }
  const seen = new Map<string, string>();
  for (const { name, tensors } of skills) {
    const own = await weightsHash(tensors);
    const twin = seen.get(own);
    if (twin !== undefined) {
      const same = twin === name ? "is given twice" : `is the same skill as ${twin}`;
      throw new UserError(`${name}: ${same}; attach it once`);
    }
    seen.set(own, name);
  }
  const found = await weights();
  for (const { name, record } of skills) {
    if (record.base.weights === found) continue;
    throw new UserError(
      `${name}: belongs to a model with the weights ${record.base.weights.slice(0, TOLD)} (${record.base.name}), and those of ${where} are ${found.slice(0, TOLD)}; attach it to that one, or adapt this one`,
    );
  }
}

/** Throws a `UserError` where texts are read by another tokenizer than that of a skill. */
export async function checkTokenizer(skills: readonly Skill[], tokenizer: Tokenizer, where: string): Promise<void> {
  if (skills.length === 0) return;
  const found = await hashTokenizer(tokenizer);
  for (const { name, record } of skills) {
    if (record.tokenizer === found) continue;
    throw new UserError(
      `${name}: was trained with the tokenizer ${record.tokenizer.slice(0, TOLD)}, and that of ${where} is ${found.slice(0, TOLD)}; use the same tokenizer`,
    );
  }
}

/** What skills add to a model. */
interface Attached {
  readonly config: CompleteModelConfig<TokenFormerConfig>;
  /** The parameters of the skills, by their names in the model. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly lineage: ReadonlyMap<string, readonly Generation[]>;
}

/** A model with skills, which are checked to be its own. */
export function withSkills({ config, lineage, step }: CheckpointSummary["state"], skills: readonly Skill[]): Attached {
  const base = requireTokenFormer(config, "the model");
  const before = base.generations ?? [];
  const tensors = new Map<string, HostArray>();
  const born = new Map(lineage);
  for (const [index, { name, record, tensors: own }] of skills.entries()) {
    for (const { path: place, tokens, tau } of sitesOfSkill(record)) {
      const path = generationPath(place, before.length + index + 1);
      for (const part of ["keys", "values"]) tensors.set(`${path}.${part}`, required(own, `${place}.${part}`));
      const lineageOf = (rows: number): Generation[] => [
        { tokens: rows, born: step, init: shortName(name), updates: 0, frozenUntil: 0 },
      ];
      if (tauRule(base) === "learned") {
        tensors.set(`${path}.tau`, { shape: [], data: Float32Array.of(tau) });
        born.set(`${path}.tau`, lineageOf(1));
      }
      born.set(path, lineageOf(tokens));
    }
  }
  const generations = [...before, ...skills.map(({ record }) => record.generation)];
  return { config: { ...base, generations }, tensors, lineage: born };
}

/** The last part of a path. */
export const shortName = (name: string): string => name.split(/[/\\]/).findLast((part) => part !== "") ?? name;

/** The summary of a checkpoint with skills. The lowest loss so far was another model's. */
export function attachedSummary(
  { part: _, progress: { best: __, ...progress }, ...summary }: CheckpointSummary,
  { config, lineage }: Attached,
) {
  const state = { ...summary.state, config, lineage };
  return { ...summary, progress, config: { ...summary.config, model: config }, state };
}

/** A whole checkpoint with skills: Adam's moments of what is new are zero. */
export function attachedCheckpoint(checkpoint: Checkpoint, attached: Attached): Checkpoint {
  const whole = withoutPart(checkpoint);
  return { ...attachedSummary(whole, attached), state: attachedState(whole.state, attached) };
}

/** An array for each parameter of a model, in its order: of its own, or of what was added to it. */
export function mergedArrays(
  config: CompleteModelConfig,
  own: ReadonlyMap<string, HostArray>,
  added: ReadonlyMap<string, HostArray>,
): Map<string, HostArray> {
  return new Map(parametersOf(config).map(({ name }) => [name, own.get(name) ?? required(added, name)]));
}

function attachedState(state: ModelState, { config, tensors, lineage }: Attached): ModelState {
  const merged = (own: ReadonlyMap<string, HostArray>, added: ReadonlyMap<string, HostArray>) =>
    mergedArrays(config, own, added);
  const zeros = new Map(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]),
  );
  const { moments, parameters } = state;
  return {
    ...state,
    config,
    lineage,
    parameters: merged(parameters, tensors),
    moments: moments && { first: merged(moments.first, zeros), second: merged(moments.second, zeros) },
  };
}

/**
 * A checkpoint with skills, as any other: to write with, to train on from, or to save.
 * @param where what messages call the checkpoint
 * @throws UserError where a skill belongs to other weights or another tokenizer, or is given twice
 */
export async function attachSkills(
  checkpoint: Checkpoint,
  skills: readonly Skill[],
  where = "the checkpoint",
): Promise<Checkpoint> {
  if (skills.length === 0) return checkpoint;
  const { state, tokenizer } = checkpoint;
  await checkSkills(state, skills, where, () => weightsHash(state.parameters));
  if (tokenizer !== undefined) await checkTokenizer(skills, tokenizer, where);
  return attachedCheckpoint(checkpoint, withSkills(state, skills));
}
