/** The arms of a study: ways to get a model of each size, as cells. */

import { UserError } from "../../errors.ts";
import type { CompleteModelConfig } from "../../model/index.ts";
import { type Cell, cellOf, checkGrowth, type Phase } from "./cells.ts";
import type { ArmId } from "./config.ts";
import { type CompleteStudy, sizeOf } from "./models.ts";
import { added, type Sizes, scratchOf } from "./sizes.ts";

export interface PlannedArm {
  readonly id: ArmId;
  readonly label: string;
  readonly doc: string;
  readonly cells: readonly Cell[];
}

/** Throws a `UserError` for an arm that cannot grow through the ladder. */
export function armOf(sizes: Sizes, id: ArmId): PlannedArm {
  const cells = armCells[id](sizes);
  for (const { config } of cells) {
    checkGrowth(
      config,
      (fault) => `arms: ${id} cannot grow so: ${fault}; change ladder or growth, or leave it out of the arms`,
    );
  }
  return { id, ...armTexts[id], cells };
}

const armTexts: Readonly<Record<ArmId, { readonly label: string; readonly doc: string }>> = {
  grown: {
    label: "grown",
    doc: "TokenFormer from the smallest size through all others: at the end of each stage parameter tokens are appended and training goes on.",
  },
  "scratch-tokens": {
    label: "scratch, stage's tokens",
    doc: "TokenFormer of each size from scratch, on as many tokens as the grown one gets in that stage alone.",
  },
  "scratch-flops": {
    label: "scratch, equal FLOPs",
    doc: "TokenFormer of each size from scratch, for all the floating-point operations that the grown one has spent up to the end of that stage.",
  },
  "scratch-total": {
    label: "scratch, all tokens",
    doc: "TokenFormer of the largest size from scratch, on as many tokens as the grown one has seen in all: more compute than any other arm.",
  },
  "transformer-tokens": {
    label: "Transformer, stage's tokens",
    doc: "The lecture's GPT with as many parameters (GELU, no biases, tied output, learned positions), on the stage's tokens.",
  },
  "transformer-flops": {
    label: "Transformer, equal FLOPs",
    doc: "The lecture's GPT with as many parameters, for the floating-point operations that the grown one has spent up to there.",
  },
  "rotary-flops": {
    label: "rotary Transformer, equal FLOPs",
    doc: "The same GPT with the TokenFormer's rotary positions, for equal floating-point operations: what positions alone change.",
  },
  net2net: {
    label: "Net2Net",
    doc: "The GPT widened through the same sizes, each time preserving its function, on the same tokens a stage as the grown TokenFormer.",
  },
  "no-growth": {
    label: "never grown",
    doc: "The smallest TokenFormer, trained on for all the floating-point operations of the grown one.",
  },
};

const armCells: Readonly<Record<ArmId, (sizes: Sizes) => readonly Cell[]>> = {
  grown: (sizes) => [
    climbing(
      sizes,
      "grown",
      (stage) => sizes.tokenFormer(stage),
      (stage) => growthOf(sizes.study, stage),
    ),
  ],
  "scratch-tokens": (sizes) => sizes.each((stage) => scratchOf(sizes, stage)),
  "scratch-flops": (sizes) => withEqualFlops(sizes, "scratch-flops", (stage) => sizes.tokenFormer(stage)),
  "scratch-total": (sizes) => {
    const steps = sizes.stages.reduce((sum, stage) => sum + sizes.steps(stage), 0);
    return [sizes.single(`scratch-total/${sizes.last}`, sizes.last, sizes.tokenFormer(sizes.last), steps)];
  },
  "transformer-tokens": (sizes) =>
    sizes.each((stage) =>
      sizes.single(`transformer-tokens/${stage}`, stage, sizes.transformer(stage), sizes.steps(stage)),
    ),
  "transformer-flops": (sizes) => withEqualFlops(sizes, "transformer-flops", (stage) => sizes.transformer(stage)),
  "rotary-flops": (sizes) => withEqualFlops(sizes, "rotary-flops", (stage) => sizes.transformer(stage, "rotary")),
  net2net: (sizes) => [
    climbing(
      sizes,
      "net2net",
      (stage) => sizes.transformer(stage),
      (stage) => ({ width: widened(sizes, stage) }),
    ),
  ],
  "no-growth": (sizes) => {
    const model = sizes.tokenFormer(0);
    return [sizes.single("no-growth", sizes.last, model, sizes.stepsFor(model, sizes.flops(sizes.last)))];
  },
};

/** One cell that passes through all sizes, for each as many updates as the ladder says. */
function climbing(
  sizes: Sizes,
  id: ArmId,
  modelOf: (stage: number) => CompleteModelConfig,
  growth: (stage: number) => object,
): Cell {
  const phases = sizes.stages.map((stage): Phase => {
    const own = { model: modelOf(stage), steps: sizes.steps(stage) };
    return stage === 0 ? own : { ...own, growth: { ...growth(stage), restart: true } };
  });
  return cellOf(sizes.study, { id, stage: sizes.last, everyStage: true, phases });
}

/** A model of each size from scratch, for what the grown arm has spent up to the end of that stage. */
function withEqualFlops(sizes: Sizes, id: ArmId, modelOf: (stage: number) => CompleteModelConfig): Cell[] {
  return sizes.each((stage) => {
    const model = modelOf(stage);
    return sizes.single(`${id}/${stage}`, stage, model, sizes.stepsFor(model, sizes.flops(stage)));
  });
}

function widened(sizes: Sizes, stage: number): number {
  const [before, width] = [sizes.width(stage - 1), sizes.width(stage)];
  if (width > before) return width;
  throw new UserError(
    `ladder: sizes ${stage} and ${stage + 1} have Transformers of the same width ${width}, which net2net cannot widen; raise model.heads, set the sizes further apart, or leave net2net out of the arms`,
  );
}

/** The plan from the size before to a size. */
function growthOf(study: CompleteStudy, stage: number) {
  const [old, now] = [sizeOf(study, stage - 1), sizeOf(study, stage)];
  return { ...study.growth, add: added(now.attention - old.attention, now.feedForward - old.feedForward) };
}
