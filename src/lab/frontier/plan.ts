/**
 * The plan of the study `frontier`: trunks with a constant learning rate, and the branches that cool them down where a budget
 * is spent. A trunk consists of segments, one for each of its branches, so that several processes can share the work.
 */

import { z } from "zod";
import { type Config, configSchema } from "../../configuration/index.ts";
import { UserError } from "../../errors.ts";
import { withModelDefaults } from "../../growth/index.ts";
import { type CompleteModelConfig, countParameters } from "../../model/index.ts";
import { required } from "../../required.ts";
import { checkGrowth, flopsPerStep, matchingWidth, tokenFormerOf, transformerOf } from "../study/index.ts";
import { bracketAt, type CompleteFrontier, type FrontierArm } from "./config.ts";

/** A branch, and the segment of the trunk before it. */
export interface Branch {
  /** Index of the budget. */
  readonly budget: number;
  readonly model: CompleteModelConfig;
  /** Updates of the trunk up to here, and of the cooldown. */
  readonly trunkSteps: number;
  readonly cooldownSteps: number;
  /** Floating-point operations of this run's earlier branches, which count as spent. */
  readonly spentBefore: number;
  /** Floating-point operations of this segment and its cooldown. */
  readonly flops: number;
  /** What makes this segment's model of the one before: a growth plan without its step. Missing where the model stays. */
  readonly growth?: Readonly<Record<string, unknown>> | undefined;
}

/** A trunk with its branches. */
export interface Track {
  /** The name, for example "scratch/1". */
  readonly id: string;
  readonly arm: FrontierArm;
  readonly start: CompleteModelConfig;
  /** Growth of the start, before the first update. */
  readonly first?: Readonly<Record<string, unknown>> | undefined;
  /** The branches, in the order of their budgets. */
  readonly branches: readonly Branch[];
  /** Whether each segment has a learning rate of its own, tuned when the earlier ones are; otherwise each branch has one for all. */
  readonly climbs: boolean;
}

export interface FrontierPlan {
  readonly study: CompleteFrontier;
  /** Floating-point operations. */
  readonly budgets: readonly number[];
  readonly tracks: readonly Track[];
}

/** Throws a `UserError` where a trunk is over before its learning rate is constant, or cannot grow through the sizes. */
export function planFrontier(study: CompleteFrontier): FrontierPlan {
  const ladder = new Ladder(study);
  const tracks = study.arms.flatMap((arm) => tracksOf[arm](ladder));
  const { warmup } = study.training;
  for (const { id, branches } of tracks) {
    const shortest = branches[0]?.trunkSteps ?? 0;
    if (shortest > warmup) continue;
    throw new UserError(
      `training.warmup: is ${warmup} updates, and the first branch of ${id} leaves its trunk after ${shortest}; lower it, or raise tokensPerParameter`,
    );
  }
  const plan = { study, budgets: ladder.budgets, tracks };
  for (const track of tracks) {
    // Whether a model can grow does not depend on rates and seeds.
    const rates = track.branches.map(() => 1);
    checkGrowth(
      trunkConfig(plan, track, track.branches.length - 1, rates, 1),
      (fault) =>
        `arms: ${track.arm} cannot grow so: ${fault}; change rungs or growth, or leave ${track.arm} out of the arms`,
    );
  }
  return plan;
}

const anyPlan = z.record(z.string(), z.unknown());

/** The sizes of a study, and what they may spend. */
class Ladder {
  readonly study: CompleteFrontier;
  readonly tokenFormers: readonly CompleteModelConfig[];
  readonly transformers: readonly CompleteModelConfig[];
  readonly budgets: readonly number[];

  constructor(study: CompleteFrontier) {
    this.study = study;
    this.tokenFormers = study.rungs.map((rung) => tokenFormerOf(study, rung));
    this.transformers = study.rungs.map((rung) => transformerOf(study, matchingWidth(study, rung), "rotary"));
    this.budgets = this.tokenFormers.map(
      (model) => (this.cost(model) * study.tokensPerParameter * countParameters(model).total) / this.tokensPerStep,
    );
  }

  get last(): number {
    return this.budgets.length - 1;
  }

  get tokensPerStep(): number {
    return this.study.training.batch * this.study.model.context;
  }

  /** The width of the Transformer of a size. */
  width(size: number): number {
    return matchingWidth(this.study, at(this.study.rungs, size));
  }

  /** Floating-point operations of an update. */
  cost(model: CompleteModelConfig): number {
    return flopsPerStep(this.study, model);
  }

  budget(index: number): number {
    return at(this.budgets, index);
  }

  /** Updates of a cooldown at a budget, at least one. */
  cooldownSteps(model: CompleteModelConfig, budget: number): number {
    return Math.max(1, Math.round((this.study.cooldown * this.budget(budget)) / this.cost(model)));
  }

  /** A model from scratch, for some budgets. */
  constant(id: string, arm: FrontierArm, model: CompleteModelConfig, budgets: readonly number[]): Track {
    let before = 0;
    const branches = budgets.map((budget): Branch => {
      const cooldownSteps = this.cooldownSteps(model, budget);
      const steps = Math.round(this.budget(budget) / this.cost(model));
      const trunkSteps = Math.max(before + 1, steps - cooldownSteps);
      const flops = (trunkSteps - before + cooldownSteps) * this.cost(model);
      before = trunkSteps;
      return { budget, model, trunkSteps, cooldownSteps, spentBefore: 0, flops };
    });
    return { id, arm, start: model, branches, climbs: false };
  }

  /** One run through all sizes: each segment ends where what was spent, all its cooldowns included, is the budget of its size. */
  climbing(arm: FrontierArm, models: readonly CompleteModelConfig[], growthTo: (size: number) => object): Track {
    const branches: Branch[] = [];
    let [trunk, cooled, steps] = [0, 0, 0];
    for (const [budget, model] of models.entries()) {
      const cost = this.cost(model);
      const cooldownSteps = this.cooldownSteps(model, budget);
      const left = this.budget(budget) - trunk - cooled - cooldownSteps * cost;
      const own = Math.max(1, Math.round(left / cost));
      steps += own;
      const growth = budget === 0 ? undefined : { ...growthTo(budget) };
      branches.push({
        budget,
        model,
        trunkSteps: steps,
        cooldownSteps,
        spentBefore: cooled,
        flops: (own + cooldownSteps) * cost,
        growth,
      });
      trunk += own * cost;
      cooled += cooldownSteps * cost;
    }
    return { id: arm, arm, start: at(models, 0), branches, climbs: true };
  }

  /** What a size has more than another at each site. */
  added(from: number, to: number): Readonly<Record<string, number>> {
    const [old, now] = [at(this.study.rungs, from), at(this.study.rungs, to)];
    const attention = now.attention - old.attention;
    const add = { query: attention, key: attention, value: attention, projection: attention };
    return { ...add, feedForward: now.feedForward - old.feedForward };
  }

  /** The plan that appends what a size has more than another, as the study says. */
  growth(from: number, to: number): Readonly<Record<string, unknown>> {
    return { ...this.study.growth, add: this.added(from, to) };
  }

  /** The same, as `grow` does unless told otherwise. */
  growthByDefault(from: number, to: number): Readonly<Record<string, unknown>> {
    return anyPlan.parse(withModelDefaults({ add: this.added(from, to) }, this.study.model));
  }

  /** The budgets near that of a size, and further on where asked for. */
  near(size: number, farther = false): number[] {
    return [...this.budgets.keys()].filter(
      (budget) => Math.abs(budget - size) <= bracketAt(this.study, budget) || (farther && budget > size),
    );
  }
}

const tracksOf: Readonly<Record<FrontierArm, (ladder: Ladder) => readonly Track[]>> = {
  scratch: (ladder) =>
    ladder.tokenFormers.map((model, size) => {
      // The smallest one trained on is the arm of its own: one trunk serves both.
      const farther = size === 0 && ladder.study.arms.includes("never-grown");
      return ladder.constant(`scratch/${size}`, "scratch", model, ladder.near(size, farther));
    }),
  rotary: (ladder) =>
    ladder.transformers.map((model, size) => ladder.constant(`rotary/${size}`, "rotary", model, ladder.near(size))),
  grown: (ladder) => [ladder.climbing("grown", ladder.tokenFormers, (size) => ladder.growth(size - 1, size))],
  "grown-by-default": (ladder) => [
    ladder.climbing("grown-by-default", ladder.tokenFormers, (size) => ladder.growthByDefault(size - 1, size)),
  ],
  "zero-start": (ladder) => {
    const model = at(ladder.tokenFormers, ladder.last);
    const track = ladder.constant("zero-start", "zero-start", model, [ladder.last]);
    // All tokens are there from the start, so that none needs a warm-up of its own.
    const first = { ...ladder.growth(0, ladder.last), newWarmup: 0 };
    return [{ ...track, start: at(ladder.tokenFormers, 0), first }];
  },
  "never-grown": (ladder) => {
    if (ladder.study.arms.includes("scratch")) return [];
    return [ladder.constant("scratch/0", "scratch", at(ladder.tokenFormers, 0), ladder.near(0, true))];
  },
  net2net: (ladder) => [
    ladder.climbing("net2net", ladder.transformers, (size) => {
      const [before, width] = [ladder.width(size - 1), ladder.width(size)];
      if (width > before) return { width };
      throw new UserError(
        `rungs: sizes ${size - 1} and ${size} have Transformers of the same width ${width}, which net2net cannot widen; raise model.heads, set the sizes further apart, or leave net2net out of the arms`,
      );
    }),
  ],
  when: (ladder) => ladder.study.growAfter.flatMap((tokens) => grownAfter(ladder, tokens)),
};

/** One growth to a size after so many tokens for each parameter of the one before it; none where the budget is too small. */
function grownAfter(ladder: Ladder, tokens: number): Track[] {
  const size = ladder.study.growAfterSize ?? ladder.last;
  const [small, model] = [at(ladder.tokenFormers, size - 1), at(ladder.tokenFormers, size)];
  const before = Math.round((tokens * countParameters(small).total) / ladder.tokensPerStep);
  const cooldownSteps = ladder.cooldownSteps(model, size);
  const left = ladder.budget(size) - before * ladder.cost(small);
  const trunkSteps = before + Math.round(left / ladder.cost(model)) - cooldownSteps;
  if (before < 1 || trunkSteps <= before) return [];
  const growth = { ...ladder.growth(size - 1, size), step: before };
  const branch: Branch = {
    budget: size,
    model,
    trunkSteps,
    cooldownSteps,
    spentBefore: 0,
    flops: ladder.budget(size),
    growth,
  };
  return [{ id: `when/${size}/${tokens}`, arm: "when", start: small, branches: [branch], climbs: false }];
}

/**
 * The configuration of a trunk up to a branch.
 * @param rates of its segments
 */
export function trunkConfig(
  { study }: FrontierPlan,
  track: Track,
  index: number,
  rates: readonly number[],
  seed: number,
): Config {
  const segments = track.branches.slice(0, index + 1);
  const growth = segments.flatMap((segment, at) => {
    if (segment.growth === undefined) return [];
    const step = track.branches[at - 1]?.trunkSteps ?? 0;
    // A segment with another rate begins a constant schedule of its own, at once.
    const restart = track.climbs ? { restart: true, learningRate: rates[at], warmup: 0 } : {};
    return [{ step, ...segment.growth, ...restart }];
  });
  return configSchema.parse({
    model: track.start,
    tokenizer: study.tokenizer,
    training: {
      ...study.training,
      schedule: "constant",
      steps: segments.at(-1)?.trunkSteps,
      learningRate: rates[0],
      seed,
      evaluateEvery: 0,
      evaluationTokens: study.model.context,
      keepBest: false,
    },
    growth: [...(track.first === undefined ? [] : [{ step: 0, ...track.first }]), ...growth],
  });
}

/** Whether several learning rates are tried for a branch. */
export function isTuned(
  { learningRates, tunedBudgets }: CompleteFrontier,
  { branches }: Track,
  index: number,
): boolean {
  if (learningRates.length === 1) return false;
  return index === 0 || tunedBudgets === undefined || at(branches, index).budget < tunedBudgets;
}

/** Updates of a branch, with those of its trunk from the branch before on. */
export function stepsOf({ branches }: Track, index: number): number {
  const { trunkSteps, cooldownSteps } = at(branches, index);
  return trunkSteps - (branches[index - 1]?.trunkSteps ?? 0) + cooldownSteps;
}

function at<Item>(items: readonly Item[], index: number): Item {
  return required(new Map(items.entries()), index);
}
