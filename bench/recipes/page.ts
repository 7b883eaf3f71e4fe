/** The page of the recipes: what each ended at, beside the reference of the same seed. */

import { mean, sampleStandardDeviation } from "simple-statistics";
import { z } from "zod";
import { REFERENCE, type Recipe } from "./recipes.ts";
import { budgetOf, PROTOCOL, type Terms } from "./terms.ts";

export const cellSchema = z.strictObject({
  recipe: z.string(),
  seed: z.int(),
  loss: z.number(),
  around: z.strictObject({ before: z.number(), after1: z.number(), after20: z.number() }).optional(),
  updates: z.int(),
  flops: z.number(),
  seconds: z.number(),
  date: z.string(),
  machine: z.string(),
  /** The software's. Other roundings make another run of the same seed: only cells of one commit are paired. */
  commit: z.string(),
});

export type Cell = z.infer<typeof cellSchema>;

/** Of Student's t, 97.5 %, by degrees of freedom from 1. */
const T = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365];

/** Markdown, by the differences to the reference. */
export function page(cells: readonly Cell[], recipes: readonly Recipe[], terms: Terms): string {
  const rows = recipes
    .map((recipe) => rowOf(recipe, cells))
    .filter(({ losses }) => losses.length > 0)
    .toSorted((a, b) => mean(a.differences) - mean(b.differences));
  const [date] = cells
    .map((cell) => cell.date)
    .toSorted()
    .reverse();
  return [
    `# Recipes of growth: ${terms.from}/${4 * terms.from} → ${terms.to}/${4 * terms.to} parameter tokens`,
    `${PROTOCOL} ${(budgetOf(terms) / 1e12).toFixed(1)} TFLOP each.`,
    `Δ is the mean difference to the reference of the same seed and commit, with its 95 % interval over seeds by Student's t: exploratory, not corrected for so many comparisons, and of one seed no interval at all. After 1 and 20 updates: what the first ${"16,384"} held-out tokens lose from just before the growth on. ${cells[0]?.machine ?? ""}, ${date ?? ""}, \`npm run bench:recipes -- --from ${terms.from}\`.`,
    [
      "| recipe | what it is | loss | Δ to the reference | after 1 | after 20 | seeds |",
      "| --- | --- | --- | --- | --- | --- | --- |",
      ...rows.map(({ recipe, seeds, losses, differences, jumps }) => {
        const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
        const jump = (at: number) =>
          jumps.length === 0 ? "" : signed(mean(jumps.map((pair) => pair[at] ?? Number.NaN)));
        const delta = recipe.name === REFERENCE ? "" : interval(differences, signed);
        return `| ${recipe.name} | ${recipe.what} | ${mean(losses).toFixed(4)} | ${delta} | ${jump(0)} | ${jump(1)} | ${seeds} |`;
      }),
    ].join("\n"),
    "",
  ].join("\n\n");
}

function rowOf(recipe: Recipe, cells: readonly Cell[]) {
  const own = cells.filter((cell) => cell.recipe === recipe.name);
  const pairOf = ({ seed, commit }: Cell) => `${seed} ${commit}`;
  const references = cells.filter((cell) => cell.recipe === REFERENCE);
  const reference = new Map(references.map((cell) => [pairOf(cell), cell.loss]));
  const seeds = [...new Set(own.map(({ seed }) => seed))];
  return {
    recipe,
    seeds: seeds.length,
    losses: own.map(({ loss }) => loss),
    // A seed that two commits ran is one seed: its initial values and batches are the same.
    differences: seeds.flatMap((seed) => {
      const found = own.flatMap((cell) => {
        const beside = cell.seed === seed ? reference.get(pairOf(cell)) : undefined;
        return beside === undefined ? [] : [cell.loss - beside];
      });
      return found.length === 0 ? [] : [mean(found)];
    }),
    jumps: own.flatMap(({ around }) =>
      around === undefined ? [] : [[around.after1 - around.before, around.after20 - around.before]],
    ),
  };
}

function interval(differences: readonly number[], signed: (value: number) => string): string {
  if (differences.length === 0) return "";
  const [first = 0] = differences;
  const t = T[differences.length - 2];
  if (t === undefined) return signed(first);
  const half = (t * sampleStandardDeviation([...differences])) / Math.sqrt(differences.length);
  return `${signed(mean([...differences]))} ± ${half.toFixed(4)}`;
}
