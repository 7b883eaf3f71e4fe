/** The plan of a study: everything that it trains, as a pure function of its configuration. */

import { armOf, type PlannedArm } from "./arms.ts";
import type { Cell } from "./cells.ts";
import type { CompleteStudy } from "./models.ts";
import { type PlannedQuestion, questionsOf } from "./questions.ts";
import { Sizes, scratchOf } from "./sizes.ts";

/** Everything that a study trains. */
export interface StudyPlan {
  readonly study: CompleteStudy;
  readonly arms: readonly PlannedArm[];
  readonly questions: readonly PlannedQuestion[];
  /** The small models that the questions start from; an arm may have them too. */
  readonly bases: readonly Cell[];
}

export function planStudy(study: CompleteStudy): StudyPlan {
  const sizes = new Sizes(study);
  const arms = study.arms.map((id) => armOf(sizes, id));
  const { ablation } = study;
  if (ablation === undefined || ablation.questions.length === 0) return { study, arms, questions: [], bases: [] };
  const bases = [scratchOf(sizes, ablation.stage - 1)];
  return { study, arms, questions: questionsOf(sizes, ablation), bases };
}

/** The cell that questions start from, also where none is asked yet: they may be added to a study later. */
export function baseOf({ study }: StudyPlan): Cell | undefined {
  return study.ablation && scratchOf(new Sizes(study), study.ablation.stage - 1);
}

/** All cells, each once. */
export function cellsOf({ arms, questions, bases }: StudyPlan): Cell[] {
  const variants = questions.flatMap((question) => question.variants.map(({ cell }) => cell));
  const all = [...arms.flatMap(({ cells }) => cells), ...bases, ...variants];
  return [...new Map(all.map((cell) => [cell.id, cell])).values()];
}
