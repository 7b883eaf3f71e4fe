/** The sizes of a study's ladder: their models, and what the grown arm has spent at the end of each. */

import { type CompleteModelConfig, countParameters } from "../../model/index.ts";
import { required } from "../../required.ts";
import { type Cell, cellOf } from "./cells.ts";
import { type CompleteStudy, flopsPerStep, matchingWidth, sizeOf, tokenFormerOf, transformerOf } from "./models.ts";
import type { StageDescription } from "./results.ts";

export class Sizes {
  readonly study: CompleteStudy;
  readonly #widths: readonly number[];

  constructor(study: CompleteStudy) {
    this.study = study;
    this.#widths = study.ladder.map((counts) => matchingWidth(study, counts));
  }

  get stages(): readonly number[] {
    return [...this.study.ladder.keys()];
  }

  get last(): number {
    return this.study.ladder.length - 1;
  }

  steps(stage: number): number {
    return sizeOf(this.study, stage).steps;
  }

  tokenFormer(stage: number): CompleteModelConfig {
    return tokenFormerOf(this.study, sizeOf(this.study, stage));
  }

  transformer(stage: number, positions: "learned" | "rotary" = "learned"): CompleteModelConfig {
    return transformerOf(this.study, this.width(stage), positions);
  }

  width(stage: number): number {
    return required(new Map(this.#widths.entries()), stage);
  }

  /** Floating-point operations of the grown arm up to the end of a stage. */
  flops(stage: number): number {
    return this.stages
      .filter((index) => index <= stage)
      .reduce((sum, index) => sum + this.steps(index) * flopsPerStep(this.study, this.tokenFormer(index)), 0);
  }

  /** Updates of a model that cost what the grown arm has spent up to the end of a stage. */
  stepsFor(model: CompleteModelConfig, flops: number): number {
    return Math.max(1, Math.round(flops / flopsPerStep(this.study, model)));
  }

  /** A model from scratch for some updates. */
  single(id: string, stage: number, model: CompleteModelConfig, steps: number): Cell {
    return cellOf(this.study, { id, stage, phases: [{ model, steps }] });
  }

  each(make: (stage: number) => Cell): Cell[] {
    return this.stages.map(make);
  }
}

/** Parameters of the models of a size. */
export function describeStages(study: CompleteStudy): StageDescription[] {
  const sizes = new Sizes(study);
  return sizes.stages.map((stage) => ({
    ...sizeOf(study, stage),
    parameters: countParameters(sizes.tokenFormer(stage)).total,
    width: sizes.width(stage),
    transformerParameters: countParameters(sizes.transformer(stage)).total,
  }));
}

/** A size from scratch as the arm `scratch-tokens` has it: the model that the questions start from is the same one. */
export function scratchOf(sizes: Sizes, stage: number): Cell {
  return sizes.single(`scratch-tokens/${stage}`, stage, sizes.tokenFormer(stage), sizes.steps(stage));
}

/** What is appended, without the sites that get nothing. */
export function added(attention: number, feedForward: number) {
  return {
    ...(attention > 0 && { query: attention, key: attention, value: attention, projection: attention }),
    ...(feedForward > 0 && { feedForward }),
  };
}
