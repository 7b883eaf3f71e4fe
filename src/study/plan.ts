/** The plan of a study: everything that it trains, as a pure function of its configuration. */

import { armOf, type PlannedArm } from "./arms.ts";
import type { Cell } from "./cells.ts";
import type { CompleteStudy } from "./models.ts";
import { type PlannedQuestion, questionsOf } from "./questions.ts";
import { Sizes } from "./sizes.ts";

/** Everything that a study trains. */
export interface StudyPlan {
  readonly study: CompleteStudy;
  readonly arms: readonly PlannedArm[];
  readonly questions: readonly PlannedQuestion[];
}

export function planStudy(study: CompleteStudy): StudyPlan {
  const sizes = new Sizes(study);
  const arms = study.arms.map((id) => armOf(sizes, id));
  return { study, arms, questions: study.ablation === undefined ? [] : questionsOf(sizes, study.ablation) };
}

/** All cells, each once. */
export function cellsOf({ arms, questions }: StudyPlan): Cell[] {
  const all = [...arms.flatMap(({ cells }) => cells), ...questions.flatMap((q) => q.variants.map(({ cell }) => cell))];
  return [...new Map(all.map((cell) => [cell.id, cell])).values()];
}
