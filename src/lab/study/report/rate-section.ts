/** The learning rates tried for each recipe, and those chosen. */

import { formatLoss } from "../../report/format.ts";
import { allCells } from "../outcomes.ts";
import type { CellResult, StudyResults } from "../results.ts";
import { sizeName } from "../verdicts.ts";
import { type Cell, counted, details, figure, listed, paragraph, type Section, table } from "./document.ts";
import { formatRate, isAtEdge, ratePanels } from "./rate-panels.ts";

export function rateSection(results: StudyResults): Section[] {
  const panels = ratePanels(results);
  const cells = allCells(results).filter(({ grid }) => grid.length > 0);
  if (cells.length === 0) return [];
  const edges = cells.filter(isAtEdge);
  const edgeText =
    edges.length === 0
      ? "Nowhere is the best the lowest or the highest tried."
      : `The best is at the edge of what was tried, so that a better one may lie beyond, for ${listed(edges.map(({ id }) => id))}.`;
  const blocks = [
    paragraph(
      `For every recipe the highest learning rate was chosen from a grid, by a seed that is used for nothing else. ${edgeText}`,
    ),
    ...figure(panels, "Large dots: the rates chosen. Rings: chosen at the edge of the grid."),
    ...details(
      "All learning rates tried",
      table(
        "Learning rates",
        rateColumns,
        cells.map((cell) => rateRow(cell, results)),
      ),
    ),
  ];
  return [{ title: "The choice of learning rates", blocks }];
}

const rateColumns = [
  { title: "Recipe" },
  { title: "Last size", number: true },
  { title: "Chosen", number: true },
  { title: "Tried: loss" },
];

function rateRow(cell: CellResult, { stages }: StudyResults): Cell[] {
  const tried = cell.grid
    .toSorted((a, b) => a.learningRate - b.learningRate)
    .map(
      ({ learningRate, loss }) =>
        `${formatRate(learningRate)}: ${Number.isFinite(loss) ? formatLoss(loss) : "diverged"}`,
    );
  const edge = isAtEdge(cell) ? " (edge)" : "";
  return [cell.id, sizeName(stages[cell.stage]), `${formatRate(cell.learningRate)}${edge}`, tried.join(", ")];
}

/** "4 learning rates", "4 to 6 learning rates". */
export const gridSizes = (results: StudyResults): string => {
  const counts = allCells(results).flatMap(({ grid }) => (grid.length === 0 ? [] : [grid.length]));
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? counted(most, "learning rate") : `${least} to ${most} learning rates`;
};
