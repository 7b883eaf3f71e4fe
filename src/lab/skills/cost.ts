/** What the study `skills` costs, before any of it is done. */

import { countParameters, trainingFlopsPerToken } from "../../model/index.ts";
import type { SkillsStudy } from "./config.ts";
import { gptBeside } from "./lora.ts";
import { variantsOf } from "./study.ts";

export interface SkillsCost {
  /** Models that are trained from nothing. */
  readonly bases: number;
  /** Trainings of a new text. */
  readonly adapting: number;
  readonly updates: number;
  /** Operations, at most: as if all parameters learned each time. */
  readonly flops: number;
}

/** A tokenizer's vocabulary where it is not known yet. */
const VOCABULARY = 512;

/** @param texts how many there are beside the base's */
export function costOfSkills(study: SkillsStudy, texts: number): SkillsCost {
  const { seeds, ways, rates, base, adapting, model: given, tokenizer } = study;
  const variants = variantsOf(study).length;
  const others = seeds.length - 1;
  const oneAfterTheOther = ways.includes("full") ? seeds.length * texts : 0;
  const trainings = texts * variants * (rates.length + others) + oneAfterTheOther;
  const vocabulary = Number(/^bpe:(\d+)$/.exec(tokenizer)?.[1] ?? VOCABULARY);
  const model = { ...given, vocabulary };
  const flopsOf = (of: typeof model, { steps, batch }: SkillsStudy["base"]) =>
    steps * batch * of.context * trainingFlopsPerToken(of);
  const isBeside = ways.includes("lora") && model.type === "tokenformer";
  const beside = isBeside ? flopsOf(gptBeside(model, countParameters(model).total), base) : 0;
  return {
    bases: seeds.length * (isBeside ? 2 : 1),
    adapting: trainings,
    updates: seeds.length * (isBeside ? 2 : 1) * base.steps + trainings * adapting.steps,
    flops: seeds.length * (flopsOf(model, base) + beside) + trainings * flopsOf(model, adapting),
  };
}
