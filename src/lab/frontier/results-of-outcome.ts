/** From a plan and what has been done of it to the results that the report is made of. */

import { countParameters } from "../../model/index.ts";
import type { Corpus } from "../../text/index.ts";
import { matchingWidth, tokenFormerOf, transformerOf } from "../study/index.ts";
import { seedsAt } from "./config.ts";
import { documentsOf } from "./documents.ts";
import type { FrontierPlan } from "./plan.ts";
import type { FrontierResults, Rung } from "./results.ts";
import type { FrontierOutcome } from "./study.ts";

/** What a frontier cannot know of itself. */
export type FrontierCircumstances = Pick<FrontierResults, "date" | "machine" | "software" | "command">;

/** The results so far: what is not done is missing. */
export function frontierResults(
  plan: FrontierPlan,
  { points, tunings }: Pick<FrontierOutcome, "points" | "tunings">,
  corpus: Corpus,
  circumstances: FrontierCircumstances,
): FrontierResults {
  const { study, budgets, tracks } = plan;
  const measured = points.find(({ diverged }) => diverged === undefined);
  return {
    name: study.name,
    ...circumstances,
    data: {
      name: corpus.name,
      documents: documentsOf(corpus, study.model.context).length,
      heldOutTokens: measured?.documents.reduce((sum, { tokens }) => sum + tokens, 0) ?? study.heldOutTokens,
    },
    rungs: rungsOf(plan),
    budgets,
    tracks: tracks.map(({ id, arm, branches }) => ({ id, arm, budgets: branches.map(({ budget }) => budget) })),
    seeds: budgets.map((_, budget) => seedsAt(study, budget)),
    points,
    tunings,
  };
}

/** Parameters of the models of each size. */
export function rungsOf({ study }: FrontierPlan): Rung[] {
  return study.rungs.map((rung) => ({
    ...rung,
    parameters: countParameters(tokenFormerOf(study, rung)).total,
    transformerParameters: countParameters(transformerOf(study, matchingWidth(study, rung), "rotary")).total,
  }));
}
