/** The ways to grow that a study compares, each different from the reference in one thing. */

import type { z } from "zod";
import type { TrainingConfig } from "../../configuration/index.ts";
import type { tokenPlanSchema } from "../../growth/index.ts";
import { partOf } from "./cells.ts";
import type { QuestionId } from "./config.ts";

export interface Variant {
  readonly id: string;
  /** A few words, for a figure. */
  readonly label: string;
  /** One sentence. */
  readonly doc: string;
  /** What differs from the study's plan. */
  readonly plan?: Partial<Omit<z.input<typeof tokenPlanSchema>, "add">>;
  /** What differs in training after the growth. */
  readonly training?: Partial<Pick<TrainingConfig, "schedule" | "warmup">>;
  /** Which sites get the new parameters; as many in all. Default: all, in proportion. */
  readonly where?: "attention" | "feedForward";
  /** Growths that the step is cut into. Default 1. */
  readonly pieces?: number;
  /** Share of the small model's updates that it gets before growing; what is left of the FLOPs goes to the large one. Default 1. */
  readonly share?: number;
  /** Whether the learning rate's schedule begins again at the growth. Default true. */
  readonly restart?: boolean;
}

/** The steps of the old tokens' frozen time and of slow ramps are shares of the stage, so that they fit every study. */
export function variantsOf(question: QuestionId, stageSteps: number): readonly Variant[] {
  return variants[question](stageSteps);
}

const variants: Readonly<Record<QuestionId, (steps: number) => readonly Variant[]>> = {
  init: () => [
    {
      id: "init-split",
      label: "split",
      doc: "Each old token in two copies whose values share the old one.",
      plan: { init: "split" },
    },
    {
      id: "init-random",
      label: "random keys, τ = √n",
      doc: "As the published code: not function-preserving.",
      plan: { init: "random", tau: "sqrt-n" },
    },
    {
      id: "init-zero-abrupt",
      label: "zero keys, τ = √n",
      doc: "Zero keys with τ = √n at once: not function-preserving.",
      plan: { init: "zero-key", tau: "sqrt-n" },
    },
    {
      id: "init-random-fixed",
      label: "random keys, τ fixed",
      doc: "Random keys with the old τ: not function-preserving.",
      plan: { init: "random", tau: "fixed" },
    },
  ],
  tau: (steps) => [
    { id: "tau-fixed", label: "fixed", doc: "τ stays what it was before the growth.", plan: { tau: "fixed" } },
    {
      id: "tau-slow",
      label: "ramp over half the stage",
      doc: "τ reaches √n after half of the stage.",
      plan: { tau: "ramp", rampSteps: partOf(0.5, steps) },
    },
    {
      id: "tau-fast",
      label: "ramp over 2 % of the stage",
      doc: "τ reaches √n after a fiftieth of the stage.",
      plan: { tau: "ramp", rampSteps: partOf(0.02, steps) },
    },
    {
      id: "tau-learned",
      label: "learned",
      doc: "τ becomes a learned number at the growth, from its old value on.",
      plan: { tau: "learned" },
    },
  ],
  optimizer: () => [
    {
      id: "optimizer-keep",
      label: "moments kept, one count",
      doc: "New tokens share the old ones' count of updates in Adam's bias correction.",
      plan: { optimizer: "keep" },
    },
    {
      id: "optimizer-reset",
      label: "moments reset",
      doc: "All moments start again from zero.",
      plan: { optimizer: "reset" },
    },
  ],
  freeze: (steps) => [
    {
      id: "freeze-part",
      label: "old frozen for 20 %",
      doc: "The old tokens are frozen for the first fifth of the stage.",
      plan: { freeze: partOf(0.2, steps) },
    },
    {
      id: "freeze-all",
      label: "old frozen",
      doc: "The old tokens are frozen for the whole stage.",
      plan: { freeze: steps },
    },
  ],
  schedule: () => [
    {
      id: "schedule-stable",
      label: "warm-up, stable, decay",
      doc: "The learning rate stays at its highest until the last fifth of the stage, then falls.",
      training: { schedule: "warmup-stable-decay" },
    },
    {
      id: "schedule-constant",
      label: "constant",
      doc: "The learning rate stays constant after its warm-up.",
      training: { schedule: "constant" },
    },
    {
      id: "schedule-cold",
      label: "no warm-up",
      doc: "The schedule begins again at its highest rate at once.",
      training: { warmup: 0 },
    },
    {
      id: "schedule-one",
      label: "one schedule over both",
      doc: "The schedule does not begin again: it goes on from the first update to the last.",
      restart: false,
    },
  ],
  when: () => [
    {
      id: "when-10",
      label: "after 10 %",
      doc: "The small model gets a tenth of its updates, the large one the FLOPs that are left.",
      share: 0.1,
    },
    {
      id: "when-30",
      label: "after 30 %",
      doc: "The small model gets three tenths of its updates, the large one the FLOPs that are left.",
      share: 0.3,
    },
    { id: "when-0", label: "never small", doc: "The large model from scratch for all of the FLOPs.", share: 0 },
  ],
  where: () => [
    {
      id: "where-attention",
      label: "attention alone",
      doc: "All new parameters go to the attention projections.",
      where: "attention",
    },
    {
      id: "where-feed-forward",
      label: "feed-forward alone",
      doc: "All new parameters go to the feed-forward layers.",
      where: "feedForward",
    },
  ],
  "step-size": () => [
    {
      id: "step-quarters",
      label: "four quarters",
      doc: "Four growths by a quarter of the new tokens each, over the stage; fewer where a quarter is no whole token.",
      pieces: 4,
    },
  ],
};

export const questionTexts: Readonly<Record<QuestionId, string>> = {
  init: "How should new tokens start?",
  tau: "What should become of τ?",
  optimizer: "What should become of the optimiser's state?",
  freeze: "Should the old tokens be frozen?",
  schedule: "Which learning-rate schedule after growing?",
  when: "When to grow?",
  where: "Where to grow?",
  "step-size": "In one step or several?",
};
