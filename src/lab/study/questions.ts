/** The questions of a study on how to grow: one growth, in ways that differ from a reference in one thing each. */

import { UserError } from "../../errors.ts";
import { type Cell, cellOf, checkGrowth, type Phase } from "./cells.ts";
import type { QuestionId } from "./config.ts";
import { type CompleteStudy, flopsPerStep, sizeOf, type TokenCounts, tokenFormerOf } from "./models.ts";
import { REFERENCE, referenceOf } from "./reference.ts";
import type { LeftOut } from "./results.ts";
import { added, type Sizes, scratchOf } from "./sizes.ts";
import { questionTexts, type Variant, variantsOf } from "./variants.ts";

export interface PlannedVariant extends Pick<Variant, "id" | "label" | "doc"> {
  readonly cell: Cell;
}

export interface PlannedQuestion {
  readonly id: QuestionId;
  readonly question: string;
  readonly variants: readonly PlannedVariant[];
  /** Variants that are not possible on this ladder. */
  readonly leftOut: readonly LeftOut[];
}

/** Throws a `UserError` where the reference itself cannot grow so. */
export function questionsOf(
  sizes: Sizes,
  { stage, questions }: NonNullable<CompleteStudy["ablation"]>,
): PlannedQuestion[] {
  const reference = referenceOf(sizes.study, stage);
  return questions.map((id): PlannedQuestion => {
    const all = [reference, ...variantsOf(id, sizes.steps(stage))].map((variant) => plannedOf(sizes, stage, variant));
    const leftOut = all.filter((planned) => "reason" in planned);
    const without = leftOut.length === 0 ? "" : ` (without ${leftOut.map(({ label }) => label).join(", ")})`;
    return {
      id,
      question: `${questionTexts[id]}${without}`,
      variants: all.filter((planned) => "cell" in planned),
      leftOut,
    };
  });
}

/** A variant with its recipe; or why it is not possible on this ladder, which would end the study when its turn came. */
function plannedOf(sizes: Sizes, stage: number, variant: Variant): PlannedVariant | LeftOut {
  const { id, label, doc } = variant;
  try {
    const cell = variantCell(sizes, stage, variant);
    checkGrowth(cell.config);
    return { id, label, doc, cell };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (id !== REFERENCE) return { label, reason: error.message };
    throw new UserError(
      `ablation: its reference cannot grow so: ${error.message}; change ladder or growth, or leave the questions out`,
      { cause: error },
    );
  }
}

/** One growth to a size: the small model for its stage, then the large one, for as many FLOPs as the reference. */
function variantCell(sizes: Sizes, stage: number, variant: Variant): Cell {
  const { id, share = 1, plan = {}, training = {}, restart = true } = variant;
  const { study } = sizes;
  const small = { model: sizes.tokenFormer(stage - 1), steps: Math.round(share * sizes.steps(stage - 1)) };
  const cost = ({ model, steps }: Pick<Phase, "model" | "steps">) => steps * flopsPerStep(study, model);
  const whole = { model: sizes.tokenFormer(stage), steps: sizes.steps(stage) };
  const budget = cost(whole) + cost({ ...small, steps: sizes.steps(stage - 1) }) - cost(small);
  const grown = grownPhases(sizes, stage, variant, budget).map(
    (phase, index): Phase => ({
      ...phase,
      growth: { ...study.growth, ...plan, ...phase.growth, restart: restart && index === 0 },
    }),
  );
  // The base is another arm's run where nothing about it differs, and it is run anew where it does.
  const shared = share === 1 && restart;
  const [first] = grown;
  const phases =
    small.steps === 0 && first !== undefined ? [{ model: first.model, steps: first.steps }] : [small, ...grown];
  return cellOf(study, {
    id: `how/${id}`,
    stage,
    phases,
    training,
    ...(shared && { from: scratchOf(sizes, stage - 1).id }),
  });
}

/** What comes after the small model, for a budget of floating-point operations. Throws a `UserError` for a step that is too small. */
function grownPhases(sizes: Sizes, stage: number, { where, pieces: wanted = 1 }: Variant, budget: number): Phase[] {
  const old = sizeOf(sizes.study, stage - 1);
  const more = extraTokens(sizes, stage, where);
  // Each piece has to append something.
  const pieces = Math.min(wanted, Math.max(more.attention, more.feedForward));
  if (pieces < Math.min(2, wanted)) {
    const { attention, feedForward } = sizeOf(sizes.study, stage);
    throw new UserError(
      `the step from ${old.attention}/${old.feedForward} to ${attention}/${feedForward} tokens is too small for it`,
    );
  }
  const models = Array.from({ length: pieces }, (_, piece) => {
    const at = (count: number, extra: number) => count + Math.round((extra * (piece + 1)) / pieces);
    return { attention: at(old.attention, more.attention), feedForward: at(old.feedForward, more.feedForward) };
  });
  const cost = models.reduce((sum, counts) => sum + flopsPerStep(sizes.study, tokenFormerOf(sizes.study, counts)), 0);
  const steps = Math.max(1, Math.round(budget / cost));
  return models.map((counts, piece): Phase => {
    const before: TokenCounts = models[piece - 1] ?? old;
    const add = added(counts.attention - before.attention, counts.feedForward - before.feedForward);
    return { model: tokenFormerOf(sizes.study, counts), steps, growth: { add } };
  });
}

/** The tokens to append; those of one kind of site alone are as many parameters as those of all. */
function extraTokens(sizes: Sizes, stage: number, where: Variant["where"]): TokenCounts {
  const [old, now] = [sizeOf(sizes.study, stage - 1), sizeOf(sizes.study, stage)];
  const attention = now.attention - old.attention;
  const feedForward = now.feedForward - old.feedForward;
  const all = 4 * attention + feedForward;
  if (where === "attention") return { attention: Math.round(all / 4), feedForward: 0 };
  if (where === "feedForward") return { attention: 0, feedForward: all };
  return { attention, feedForward };
}
