/** What was compared: the arms, the ladder, the data, and what is missing so far. */

import { mean } from "simple-statistics";
import { formatCount, formatFlops, formatInteger, formatRate } from "../../report/format.ts";
import { allCells, cellOf, comparedStages, outcomesOf, spentBy } from "../outcomes.ts";
import type { ArmResult, StudyResults } from "../results.ts";
import { sizeName } from "../verdicts.ts";
import { type Block, type Cell, counted, dash, note, paragraph, type Section, table } from "./document.ts";

export function setupSection(results: StudyResults): Section {
  const { data, model, stages } = results;
  const text = `All arms learn ${data.name} from the same ${formatCount(data.trainTokens)} tokens and are measured on the same ${formatInteger(data.evaluationTokens)} of ${formatCount(data.validationTokens)} held-out tokens (vocabulary ${formatInteger(data.vocabulary)}). TokenFormers have ${counted(model.layers, "layer")} of width ${model.width} with ${counted(model.heads, "head")}; an update is of ${counted(model.batch, "sequence")} of ${model.context} tokens.`;
  const blocks: Block[] = [
    paragraph(text),
    { kind: "heading", text: "Arms" },
    ...table(
      "Arms",
      armColumns,
      results.arms.map((arm) => armRow(arm, results)),
    ),
    { kind: "heading", text: "Ladder" },
    ...table(
      "Sizes",
      sizeColumns,
      stages.map((_, at) => sizeRow(results, at)),
    ),
    note(
      "Steps and cumulative FLOPs are those of the grown arm. A Transformer of a size is of the width whose number of parameters is nearest.",
    ),
    ...missingBlocks(results),
  ];
  return { title: "What was compared", blocks };
}

const armColumns = [
  { title: "Arm" },
  { title: "What is trained, with what budget" },
  { title: "FLOPs of the last size", number: true },
  { title: "Tokens", number: true },
  { title: "Seeds", number: true },
];

function armRow(arm: ArmResult, { stages }: StudyResults): Cell[] {
  const last = stages.length - 1;
  const cell = cellOf(arm, last);
  const [flops, tokens] = [spentBy(cell, last, "flops"), spentBy(cell, last, "tokens")];
  return [
    ...[arm.label, arm.doc, flops === undefined ? dash : formatFlops(flops)],
    ...[tokens === undefined ? dash : formatCount(tokens), formatInteger(outcomesOf(cell, last).size)],
  ];
}

const sizeColumns = [
  { title: "TokenFormer parameters", number: true },
  { title: "Tokens per attention projection", number: true },
  { title: "Feed-forward tokens", number: true },
  { title: "Transformer width", number: true },
  { title: "Its parameters", number: true },
  { title: "Steps", number: true },
  { title: "Cumulative FLOPs", number: true },
];

function sizeRow({ stages, arms }: StudyResults, at: number): Cell[] {
  const flops = spentBy(arms.find(({ id }) => id === "grown")?.cells[0], at, "flops");
  return stages
    .slice(at, at + 1)
    .flatMap((stage) => [
      ...[
        sizeName(stage),
        formatInteger(stage.attention),
        formatInteger(stage.feedForward),
        formatInteger(stage.width),
      ],
      ...[formatCount(stage.transformerParameters), formatInteger(stage.steps)],
      flops === undefined ? dash : formatFlops(flops),
    ]);
}

/** What there is no result of, and what went wrong. */
export const missingItems = (results: StudyResults): string[] => [
  ...results.arms.flatMap((arm) => missingOf(arm, results)),
  ...unfinished(results),
  ...failures(results),
];

function missingBlocks(results: StudyResults): Block[] {
  const items = missingItems(results);
  return items.length === 0
    ? []
    : [
        { kind: "heading", text: "Missing so far" },
        { kind: "list", items },
      ];
}

/** What an arm lacks of the sizes after the first, which not all arms have of their own. */
function missingOf(arm: ArmResult, results: StudyResults): string[] {
  const { stages, seeds } = results;
  const gaps = comparedStages(arm, results).flatMap((at) => {
    const count = outcomesOf(cellOf(arm, at), at).size;
    return count >= seeds.length ? [] : [`${sizeName(stages[at])} has ${count} of ${counted(seeds.length, "seed")}`];
  });
  return gaps.length === 0 ? [] : [`${arm.label}: ${gaps.join(", ")}`];
}

function unfinished({ ablation, seeds }: StudyResults): string[] {
  const variants = new Map(
    ablation.questions.flatMap((asked) => asked.variants.map((variant) => [variant.id, variant])),
  );
  const open = [...variants.values()].filter(({ cell }) => outcomesOf(cell, cell.stage).size < seeds.length);
  const tell = open.map(({ label, cell }) => `${label} (${outcomesOf(cell, cell.stage).size})`);
  return open.length === 0 ? [] : [`ways to grow without all ${counted(seeds.length, "seed")}: ${tell.join(", ")}`];
}

function failures(results: StudyResults): string[] {
  return allCells(results).flatMap((cell) => {
    const failed = cell.runs.filter(({ diverged }) => diverged !== undefined);
    const reasons = [...new Set(failed.flatMap(({ diverged }) => diverged ?? []))];
    if (failed.length === 0) return [];
    return [
      `${cell.id}: ${failed.length} of ${counted(cell.runs.length, "run")} diverged (loss ${reasons.join(", ")})`,
    ];
  });
}

/** The mean tokens per second of all runs, for those who plan their own. */
export function throughput(results: StudyResults): string | undefined {
  const rates = allCells(results).flatMap(({ runs }) =>
    runs.flatMap(({ outcomes }) => outcomes.slice(-1).map(({ tokens, seconds }) => tokens / seconds)),
  );
  const known = rates.filter((rate) => Number.isFinite(rate) && rate > 0);
  return known.length === 0 ? undefined : formatRate(mean(known), "tokens");
}
