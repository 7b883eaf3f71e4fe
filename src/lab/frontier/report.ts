/** The report of a frontier: tables in Markdown, with the figure as a file beside it. */

import { rm } from "node:fs/promises";
import path from "node:path";
import { explainFileError } from "../../formats/files/atomic.ts";
import { commitTexts } from "../../formats/files/directory.ts";
import { formatJson } from "../../formats/json/json-text.ts";
import { formatCount, formatFlops, formatLoss } from "../report/format.ts";
import { halfOf } from "./documents.ts";
import { frontierFigure, hasFigure } from "./figure.ts";
import { type Difference, familySaving, gapAt, gapBetween, splitOfGain } from "./metrics.ts";
import { bestOf, type FrontierResults, meanOver, pointsOf } from "./results.ts";

/**
 * Writes what a frontier has found so far into `directory`, which it makes: `report.md`, `frontier.svg` and `results.json`, together.
 * What is missing is said.
 * @throws UserError where a file cannot be written; then those of before are still there
 */
export async function writeFrontierReport(results: FrontierResults, directory: string): Promise<void> {
  const figure = frontierFigure(results);
  await commitTexts(directory, {
    ...(figure !== undefined && { "frontier.svg": figure }),
    "report.md": frontierMarkdown(results),
    "results.json": formatJson(results),
  });
  if (figure !== undefined) return;
  const picture = path.join(directory, "frontier.svg");
  await rm(picture, { force: true }).catch((error: unknown) => {
    throw explainFileError(error, "write", picture);
  });
}

export function frontierMarkdown(results: FrontierResults): string {
  const { name, date, machine, software, command, data, points } = results;
  const missing = missingOf(results);
  const parts = [
    `# Study ${name}: does one run that grows trace the frontier?`,
    `${date}, ${software}, on ${machine}. Text: ${data.name}; ${data.documents} held-out documents of ${formatCount(data.heldOutTokens)} tokens, of which every other one chose learning rates and sizes; the others${tokensOfReport(points)} are reported.`,
    `    ${command}`,
    ...makersOf(results),
    missing.length === 0
      ? "All of the plan is done."
      : `**Partial.** Not done yet: ${missing.join("; ")}. ${standingOf(results)}`,
    ...divergedOf(results),
    ...(!hasFigure(results) ? [] : ["![Held-out loss over the FLOPs of training](frontier.svg)"]),
    sizeTable(results),
    budgetTable(results),
    ...OTHER_WAYS.flatMap((way) => otherWay(results, way)),
    ...neverGrown(results),
    ...whenGrown(results),
    "Differences are paired by seed and document. Their intervals of 95 % are by the bootstrap over documents and seeds that was planned; of three seeds that is little more than their range, so ± t is that of Student's t over the seeds alone.",
    ...verdictLines(results),
    tuningTable(results),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Who made the reported branches, where that is not the one who reports them. */
function makersOf({ points, machine, software }: FrontierResults): string[] {
  const unknown = "earlier versions, which do not tell";
  const counts = new Map<string, number>();
  for (const { maker } of points) {
    const told = maker === undefined ? unknown : `${maker.software}, on ${maker.machine}`;
    counts.set(told, (counts.get(told) ?? 0) + 1);
  }
  const isPlain = counts.size === 1 && (counts.has(unknown) || counts.has(`${software}, on ${machine}`));
  if (points.length === 0 || isPlain) return [];
  const makers = [...counts].map(([told, count]) => `${told} (${count} ${count === 1 ? "branch" : "branches"})`);
  return [`Made by: ${makers.join("; ")}.`];
}

/** The runs that diverged, which the figure leaves out. */
function divergedOf(results: FrontierResults): string[] {
  const told = results.budgets.flatMap((flops, budget) =>
    results.tracks.flatMap(({ id }) => {
      const points = pointsOf(results, id, budget);
      const count = points.filter(({ diverged }) => diverged !== undefined).length;
      return count === 0 ? [] : [`${id} at ${formatFlops(flops)} (${count} of ${points.length} seeds)`];
    }),
  );
  if (told.length === 0) return [];
  return [`**Diverged**, so that the mean loss is infinite and the figure leaves it out: ${told.join("; ")}.`];
}

/** A mean loss, as far as there is one. */
const toldLoss = (loss: number): string => (Number.isFinite(loss) ? formatLoss(loss) : "diverged");

/** How many tokens the reported documents have; of a run that diverged none is known. */
function tokensOfReport(points: FrontierResults["points"]): string {
  const measured = points.find(({ diverged }) => diverged === undefined);
  const tokens = halfOf(measured?.documents ?? [], "report").reduce((sum, document) => sum + document.tokens, 0);
  return tokens === 0 ? "" : `, ${formatCount(tokens)} tokens,`;
}

/** What the plan has and the results lack, in words. */
function missingOf(results: FrontierResults): string[] {
  return results.budgets.flatMap((flops, budget) => {
    const lacking = lackingAt(results, budget).map(({ id, made, planned }) => `${id} (${made} of ${planned} seeds)`);
    return lacking.length === 0 ? [] : [`at ${formatFlops(flops)} ${lacking.join(", ")}`];
  });
}

/** The tracks that lack seeds at a budget. */
function lackingAt(results: FrontierResults, budget: number) {
  const planned = results.seeds[budget] ?? 0;
  return results.tracks
    .filter(({ budgets }) => budgets.includes(budget))
    .map(({ id, arm }) => ({ id, arm, planned, made: pointsOf(results, id, budget).length }))
    .filter(({ made }) => made < planned);
}

/** What stands although something is missing. */
function standingOf(results: FrontierResults): string {
  const lacking = new Set(results.budgets.flatMap((_, budget) => lackingAt(results, budget).map(({ arm }) => arm)));
  const whole = [...new Set(results.tracks.map(({ arm }) => arm))].filter((arm) => !lacking.has(arm));
  return whole.length === 0
    ? "Nothing follows from what is below until it is."
    : `All runs of ${whole.join(" and ")} are done, and differences between them are final; what rests on others may change.`;
}

function sizeTable({ rungs, budgets }: FrontierResults): string {
  return table(
    ["size", "tokens a site", "parameters", "rotary GPT", "its budget"],
    rungs.map(({ attention, feedForward, parameters, transformerParameters }, index) => [
      ...[String(index), `${attention} / ${feedForward}`, formatCount(parameters), formatCount(transformerParameters)],
      formatFlops(budgets[index] ?? Number.NaN),
    ]),
  );
}

function budgetTable(results: FrontierResults): string {
  return table(
    ["budget", "best TokenFormer", "best rotary GPT", "grown", "Δ, grown − best TokenFormer"],
    results.budgets.map((flops, budget) => {
      const named = (arm: "scratch" | "rotary") => {
        const best = bestOf(results, arm, budget);
        return best === undefined ? "" : `${toldLoss(best.loss)} (${best.track})`;
      };
      const grown = pointsOf(results, "grown", budget);
      return [
        ...[formatFlops(flops), named("scratch"), named("rotary")],
        grown.length === 0 ? "" : toldLoss(meanOver(grown, "report")),
        told(gapAt(results, budget)),
      ];
    }),
  );
}

/** An arm that grows another way, as it is told: its title, its column, and the families to whose best it is compared. */
interface OtherWay {
  readonly arm: "grown-by-default" | "net2net";
  readonly title: string;
  readonly name: string;
  readonly against: readonly (readonly [family: "scratch" | "rotary", column: string])[];
}

const OTHER_WAYS: readonly OtherWay[] = [
  {
    arm: "grown-by-default",
    title: "Grown as `grow` does unless told otherwise (new tokens learn faster at first):",
    name: "grown by default",
    against: [["scratch", "Δ, it − best TokenFormer"]],
  },
  {
    arm: "net2net",
    title: "The rotary GPT, widened by Net2Net where the TokenFormer grows:",
    name: "GPT widened",
    against: [
      ["rotary", "it − best rotary GPT"],
      ["scratch", "it − best TokenFormer"],
    ],
  },
];

/** How a run does that grows another way, where there is one. */
function otherWay(results: FrontierResults, { arm, title, name, against }: OtherWay): string[] {
  const rows = results.budgets.flatMap((flops, budget) => {
    const points = pointsOf(results, arm, budget);
    if (points.length === 0) return [];
    const gaps = against.map(([family]) => gapAt(results, budget, arm, family));
    const differences = [...gaps, gapBetween(results, budget, arm, "grown")];
    return [[formatFlops(flops), toldLoss(meanOver(points, "report")), ...differences.map(told)]];
  });
  if (rows.length === 0) return [];
  return [title, table(["budget", name, ...against.map(([, column]) => column), "it − grown"], rows)];
}

/** The smallest size at larger budgets, beside the run that began as it did and grew. */
function neverGrown(results: FrontierResults): string[] {
  const smallest = "scratch/0";
  const rows = results.budgets.flatMap((flops, budget) => {
    const points = pointsOf(results, smallest, budget);
    const gap = gapBetween(results, budget, "grown", smallest);
    return budget === 0 || gap === undefined
      ? []
      : [[formatFlops(flops), toldLoss(meanOver(points, "report")), told(gap)]];
  });
  if (rows.length === 0) return [];
  return ["The smallest size, never grown:", table(["budget", "never grown", "grown − it"], rows)];
}

/** One growth early or late, where it was tried. */
function whenGrown(results: FrontierResults): string[] {
  const tracks = results.tracks.filter(({ arm }) => arm === "when");
  const rows = tracks.flatMap(({ id, budgets: [budget = 0] }) => {
    const points = pointsOf(results, id, budget);
    if (points.length === 0) return [];
    const gaps = [
      gapAt(results, budget, id),
      gapBetween(results, budget, id, `scratch/${budget}`),
      gapBetween(results, budget, id, `scratch/${budget - 1}`),
    ];
    const after = id.split("/").at(-1);
    return [[`${after} tokens a parameter`, toldLoss(meanOver(points, "report")), ...gaps.map(told)]];
  });
  const size = tracks[0]?.budgets[0];
  if (rows.length === 0 || size === undefined) return [];
  return [
    `One growth from size ${size - 1} to size ${size} within ${formatFlops(results.budgets[size] ?? Number.NaN)}, early or late:`,
    table(
      [
        "grown after",
        "loss",
        "it − best TokenFormer",
        `it − size ${size} from scratch`,
        `it − size ${size - 1} from scratch`,
      ],
      rows,
    ),
  ];
}

function verdictLines(results: FrontierResults): string[] {
  const { initialisation, reuse } = splitOfGain(results);
  const saving = familySaving(results);
  const lines: string[] = [];
  if (saving !== undefined) {
    const least = saving.unreached === 0 ? "" : `, at least: ${saving.unreached} sizes from scratch never got as low`;
    const percent = (share: number) => `${share < 0 ? "−" : ""}${(100 * Math.abs(share)).toFixed(0)} %`;
    const { interval } = saving;
    const range = interval === undefined ? "" : ` (${percent(interval.low)} to ${percent(interval.high)})`;
    lines.push(`**Family saving** S = ${percent(saving.share)}${range}${least}.`);
  }
  if (initialisation !== undefined)
    lines.push(`**Initialisation** at the last size (scratch − zero-key start): ${told(initialisation)}.`);
  if (reuse !== undefined) lines.push(`**Reuse** at the last size (zero-key start − grown): ${told(reuse)}.`);
  return lines;
}

function tuningTable({ tunings, budgets }: FrontierResults): string {
  const kept = tunings.some(({ grid }) => grid.length === 0) ? "; where none were tried, one was given or kept" : "";
  return [
    `Learning rates, by the tuning half and a seed of their own; where the best is the lowest or the highest, more were tried${kept}:`,
    table(
      ["track", "budget", "loss at each rate", "chosen"],
      tunings.map(({ track, budget, grid, learningRate }) => [
        ...[track, formatFlops(budgets[budget] ?? Number.NaN)],
        grid.length === 0
          ? "not tried"
          : grid.map((tried) => `${tried.learningRate}: ${toldLoss(tried.loss)}`).join(", "),
        String(learningRate),
      ]),
    ),
  ].join("\n\n");
}

/** A difference with its interval and its number of seeds. */
function told(difference: Difference | undefined): string {
  if (difference === undefined) return "";
  const { mean, low, high, bySeeds, seeds } = difference;
  const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  const student = bySeeds === undefined ? "" : `; ± ${bySeeds.toFixed(4)} by t`;
  return `${signed(mean)} (${signed(low)} to ${signed(high)}${student}; ${seeds} ${seeds === 1 ? "seed" : "seeds"})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
