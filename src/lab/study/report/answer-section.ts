/** The question and the short answer. */

import type { AblationVerdicts } from "../ablations.ts";
import type { StudyResults } from "../results.ts";
import { type Comparison, rule, sizeName, type Verdict } from "../verdicts.ts";
import { type Block, note, paragraph, percent, type Section } from "./document.ts";
import { missingItems } from "./setup-section.ts";

export function answerSection(
  results: StudyResults,
  comparisons: readonly Comparison[],
  ablations: AblationVerdicts,
): Section {
  const main = comparisons.find(({ id }) => id === "scratch-flops");
  const never = comparisons.find(({ id }) => id === "no-growth");
  const verdicts = comparisons.map(({ verdict, sentence }) => ({ verdict, text: sentence }));
  const speed = main === undefined ? [] : speedSentence(main, results);
  const blocks: Block[] = [
    ...(missingItems(results).length === 0 ? [] : [note(underWay)]),
    { kind: "lead", text: `${leads[main?.verdict ?? "unknown"]}${againstNoGrowth[never?.verdict ?? "unknown"]}` },
    ...speed.map(paragraph),
    ...(verdicts.length === 0 ? [] : [{ kind: "verdicts", items: verdicts } as const]),
    note(`${rule} The sizes counted are those reached by growing, the first one is not.`),
  ];
  const told = ablations.questions.length === 0 ? [] : ablations.sentences;
  return { title: "The short answer", blocks: [...blocks, ...told.map(paragraph)] };
}

const underWay =
  "Parts of this study are missing or failed, as “What was compared” lists; what follows is of the rest.";

const leads: Readonly<Record<Verdict, string>> = {
  better: "For the same compute, the grown model ends at a lower loss than one trained from scratch.",
  worse: "For the same compute, the grown model ends at a higher loss than one trained from scratch.",
  none: "For the same compute, no difference was found between growing and training from scratch.",
  mixed: "It depends: for the same compute, growing is not better or worse than training from scratch throughout.",
  unknown:
    "Not known yet: the runs that compare growing with training from scratch at the same compute are not all done.",
};

/** What to say of the arm that never grows: without it, growing could seem to pay where only starting small does. */
const againstNoGrowth: Readonly<Record<Verdict, string>> = {
  better: " Training the smallest model on, without growth, ends higher than growing.",
  worse: " Training the smallest model on, without growth, ends lower than growing.",
  none: " No difference was found to training the smallest model on, without growth.",
  mixed: "",
  unknown: "",
};

/** The sentence about speed, at the largest size of which it is known. */
function speedSentence({ sizes }: Comparison, { stages }: StudyResults): string[] {
  const last = sizes.findLast(({ speedUp }) => speedUp !== undefined);
  if (last?.speedUp === undefined) return [];
  const size = `At ${sizeName(stages[last.stage])} parameters`;
  const factor = 1 + last.speedUp;
  const reach = "to reach the same loss";
  if (Math.abs(last.speedUp) < 0.005) return [`${size}, both spent as many FLOPs ${reach}.`];
  return factor > 1
    ? [`${size}, training from scratch spent ${percent(last.speedUp)} more FLOPs than growing ${reach}.`]
    : [`${size}, growing spent ${percent(1 / factor - 1)} more FLOPs than training from scratch ${reach}.`];
}
