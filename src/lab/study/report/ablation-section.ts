/** The ablations: what each way to grow made of it. */

import { formatLoss } from "../../report/format.ts";
import { type AblationVerdicts, type QuestionVerdict, signed, type Variant } from "../ablations.ts";
import type { StudyResults } from "../results.ts";
import { decimals } from "../verdicts.ts";
import { type Block, type Cell, dash, details, figure, note, paragraph, type Section, table } from "./document.ts";
import { questionPanels } from "./loss-panels.ts";

export function ablationSection(results: StudyResults, ablations: AblationVerdicts): Section[] {
  if (ablations.questions.length === 0) return [];
  const blocks: Block[] = [
    paragraph(`${results.ablation.doc} Each question changes one thing of the reference.`),
    ...ablations.sentences.map(paragraph),
    ...figure(
      questionPanels(results, ablations),
      "Final loss less that of the reference, paired by seed: left of 0 is better. Large dots: means; bars: 95 % intervals; small dots: seeds. Shaded: within two standard errors. Blue: better by the rule; orange: worse; grey: neither.",
    ),
    ...ablations.questions.flatMap(questionBlocks),
    note(
      "Jump: loss just after the growth less the loss just before, summed where a variant grows several times. After the lag: loss after 2 % of the updates; only where a variant grew once and at the same step as the reference.",
    ),
  ];
  return [{ title: "How to grow", blocks }];
}

const variantColumns = [
  { title: "Variant" },
  { title: "Jump", number: true },
  { title: "After the lag", number: true },
  { title: "Final loss", number: true },
  { title: "Difference", number: true },
  { title: "95 % interval", number: true },
  { title: "2 SE", number: true },
  { title: "Seeds", number: true },
];

function questionBlocks({ question, variants, sentences }: QuestionVerdict): Block[] {
  return [
    { kind: "heading", text: question },
    ...(sentences.length === 0 ? [] : [{ kind: "list", items: sentences } as const]),
    ...details("Numbers", table(question, variantColumns, variants.map(variantRow))),
  ];
}

function variantRow({ label, doc, jump, lag, final, difference, diverged }: Variant): Cell[] {
  const failed = diverged > 0 ? `, ${diverged} diverged` : "";
  return [
    { text: label, detail: doc },
    ...[jump === undefined ? dash : signed(jump), lag === undefined ? dash : formatLoss(lag)],
    ...[final === undefined ? dash : formatLoss(final.mean), difference === undefined ? dash : signed(difference.mean)],
    difference === undefined ? dash : `${decimals(difference.low)} to ${decimals(difference.high)}`,
    difference === undefined ? dash : decimals(2 * difference.standardError),
    `${final?.count ?? 0}${failed}`,
  ];
}
