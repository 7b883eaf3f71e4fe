/** From a study's plan and outcome to the results that its report is made of. */

import type { Corpus } from "../../text/index.ts";
import { Validation } from "../../training/portable.ts";
import type { StudyPlan } from "./plan.ts";
import { REFERENCE, referenceOf } from "./reference.ts";
import type { StudyResults } from "./results.ts";
import { describeStages } from "./sizes.ts";
import type { StudyOutcome } from "./study.ts";

/** What a study cannot know of itself. */
export type Circumstances = Pick<StudyResults, "date" | "machine" | "software" | "command">;

/** The results so far: cells that are not done are missing. */
export function studyResults(
  { study, arms, questions }: StudyPlan,
  { cells, runs, flops, seconds }: StudyOutcome,
  corpus: Corpus,
  circumstances: Circumstances,
): StudyResults {
  const { layers, heads, width, context } = study.model;
  const { batch, evaluationTokens, schedule, warmup } = study.training;
  const validation = new Validation(corpus, { context, evaluationTokens });
  const resultOf = (id: string) => {
    const cell = cells.get(id);
    return cell === undefined ? [] : [cell];
  };
  return {
    name: study.name,
    ...circumstances,
    data: {
      name: corpus.name,
      trainTokens: corpus.train.length,
      validationTokens: corpus.validation.length,
      evaluationTokens: validation.tokens,
      vocabulary: study.model.vocabulary,
      bytesPerToken: validation.bytes / validation.tokens,
    },
    model: { layers, heads, width, context, batch },
    training: { schedule, warmup },
    stages: describeStages(study),
    seeds: Array.from({ length: study.seeds }, (_, index) => index + 1),
    arms: arms.map((arm) => ({ ...arm, cells: arm.cells.flatMap(({ id }) => resultOf(id)) })),
    ...ablationOf(study, questions, resultOf),
    spent: { runs, flops, seconds },
  };
}

function ablationOf(
  study: StudyPlan["study"],
  questions: StudyPlan["questions"],
  resultOf: (id: string) => StudyResults["arms"][number]["cells"],
): Pick<StudyResults, "ablation"> {
  const { ablation } = study;
  return {
    ablation: {
      doc: ablation === undefined ? "" : referenceOf(study, ablation.stage).doc,
      stage: ablation?.stage ?? 0,
      reference: REFERENCE,
      questions: questions.map(({ id, question, variants, leftOut }) => ({
        id,
        question,
        leftOut,
        variants: variants.flatMap(({ cell, ...variant }) =>
          resultOf(cell.id).map((result) => ({ ...variant, cell: result })),
        ),
      })),
    },
  };
}
