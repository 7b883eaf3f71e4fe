/** Dot plots: the final loss of all arms at each size, and of the variants beside their reference. */

import { extent, padded, type Range } from "../../report/curve.ts";
import { formatLoss } from "../../report/format.ts";
import { tickFormat } from "../../report/loss-figure.ts";
import type { AblationVerdicts, QuestionVerdict, Variant } from "../ablations.ts";
import { signed } from "../ablations.ts";
import { cellOf, lossesOf, studySpread } from "../outcomes.ts";
import type { StudyResults } from "../results.ts";
import { estimate } from "../statistics.ts";
import { sizeName } from "../verdicts.ts";
import { dotPanel, type Row } from "./dot-panel.ts";
import { lookOf } from "./palette.ts";
import type { Panel } from "./panel.ts";

/** A panel for each size that anything is known of; all span as many nats, so that distances compare. */
export function sizePanels(results: StudyResults): Panel[] {
  const sizes = results.stages.flatMap((stage, at) => {
    const rows = rowsOf(results, at);
    return rows.length === 0 ? [] : [{ stage, at, rows, range: extent(rows.flatMap(({ values }) => values)) }];
  });
  const span = Math.max(0.05, ...sizes.map(({ range: [low, high] }) => high - low));
  return sizes.map(({ stage, at, rows, range: [low, high] }) => {
    const title = `${sizeName(stage)} parameters`;
    const x = padded([(low + high - span) / 2, (low + high + span) / 2]);
    const grown = rows.find(({ id }) => id === "grown")?.estimate;
    return dotPanel({
      name: `final-loss-${at + 1}`,
      title,
      rows,
      x,
      xLabel: "final validation loss (nats per token)",
      description: `Final validation loss at ${title}: ${rows.map(({ label, value }) => `${label} ${value}`).join(", ")}`,
      xFormat: tickFormat(x),
      ...(grown && { at: { x: grown.mean, colour: "var(--blue)" } }),
    });
  });
}

/** The rows of a size, the best arm first. */
function rowsOf({ arms }: StudyResults, stage: number): (Row & { readonly id: string })[] {
  const rows = arms.flatMap((arm) => {
    const values = [...lossesOf(cellOf(arm, stage), stage).values()];
    const found = estimate(values);
    const look = lookOf(arm.id);
    if (found === undefined) return [];
    const { id, label } = arm;
    const hollow = look.dashes !== undefined;
    return [{ id, label, value: formatLoss(found.mean), estimate: found, values, colour: look.colour, hollow }];
  });
  return rows.sort((a, b) => a.estimate.mean - b.estimate.mean);
}

/** A panel for each question; the band is two standard errors wide. */
export function questionPanels(results: StudyResults, { questions }: AblationVerdicts): Panel[] {
  const spread = studySpread(results);
  const seeds = results.seeds.length;
  const error = spread === undefined || seeds === 0 ? undefined : 2 * spread.deviation * Math.sqrt(2 / seeds);
  return questions.map((question) => questionPanel(question, error));
}

function questionPanel({ id, question, variants }: QuestionVerdict, error: number | undefined): Panel {
  const rows = variants.map(variantRow);
  const values = rows.flatMap((row) => [...row.values]);
  const least = error === undefined ? 0.01 : 1.4 * error;
  const x = padded(extent([-least, least, ...values]), 0.04);
  const band: Range | undefined = error === undefined ? undefined : [-error, error];
  return dotPanel({
    name: `ablation-${id}`,
    title: question,
    rows,
    x,
    xLabel: "final loss less the reference's (nats per token)",
    description: `${question} ${rows.map(({ label, value }) => `${label} ${value}`).join(", ")}`,
    xFormat: (value) =>
      Math.abs(value) < 1e-9 ? "0" : `${value < 0 ? "−" : "+"}${Number(Math.abs(value).toFixed(4))}`,
    at: { x: 0, colour: "var(--muted)" },
    ...(band && { band }),
  });
}

/** Colours say the verdict, as do position and words: blue is better, orange worse, grey neither. */
const colours = { better: "blue", worse: "orange", none: "grey", mixed: "grey", unknown: "grey" } as const;

function variantRow({ label, reference, difference, verdict, diverged }: Variant): Row {
  const colour = colours[verdict];
  if (reference) {
    const name = label.includes("reference") ? label : `${label} (reference)`;
    return { label: name, value: "0", estimate: { mean: 0, low: 0, high: 0, count: 0 }, values: [], colour };
  }
  if (difference === undefined) {
    return { label, value: diverged > 0 ? "diverged" : "not run yet", values: [], colour };
  }
  return {
    label,
    value: signed(difference.mean),
    estimate: difference,
    values: [...difference.values.values()],
    colour,
  };
}
