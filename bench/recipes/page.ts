/** The page of the recipes: what each ended at, beside the reference of the same seed. */

import { mean } from "simple-statistics";
import { studentHalfWidth } from "#tokenformer/lab/frontier";
import type { Cell } from "./cells.ts";
import { REFERENCE, type Recipe } from "./recipes.ts";
import { budgetOf, PROTOCOL, type Terms } from "./terms.ts";

/** Markdown, by the differences to the reference. */
export function page(cells: readonly Cell[], recipes: readonly Recipe[], terms: Terms): string {
  const rows = recipes
    .map((recipe) => rowOf(recipe, cells))
    .filter(({ losses }) => losses.length > 0)
    .toSorted((a, b) => orderOf(a) - orderOf(b));
  const [date] = cells
    .map((cell) => cell.date)
    .toSorted()
    .reverse();
  return [
    `# Recipes of growth: ${terms.from}/${4 * terms.from} → ${terms.to}/${4 * terms.to} parameter tokens`,
    `${PROTOCOL} ${(budgetOf(terms) / 1e12).toFixed(1)} TFLOP each.`,
    `Δ is the mean difference to the reference of the same seed and commit, with its 95 % interval over seeds by Student's t: exploratory, not corrected for so many comparisons, and of one seed no interval at all. After 1 and 20 updates: what the first ${"16,384"} held-out tokens lose from just before the growth on. ${cells[0]?.machine ?? ""}, ${date ?? ""}, \`npm run bench:recipes -- --from ${terms.from}\`; each cell, with its commit, is in [results-${terms.from}.json](results-${terms.from}.json).`,
    [
      "| recipe | what it is | loss | Δ to the reference | after 1 | after 20 | seeds |",
      "| --- | --- | --- | --- | --- | --- | --- |",
      ...rows.map(({ recipe, losses, differences, after1, after20 }) => {
        const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
        const jump = (values: readonly number[]) => (values.length === 0 ? "" : signed(mean([...values])));
        const delta = recipe.name === REFERENCE ? "" : interval(differences, signed);
        return `| ${recipe.name} | ${recipe.what} | ${mean(losses).toFixed(4)} | ${delta} | ${jump(after1)} | ${jump(after20)} | ${losses.length} |`;
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
  // A seed that two commits ran is one seed: its initial values and batches are the same.
  const bySeed = (pick: (cell: Cell) => number | undefined) =>
    seeds.flatMap((seed) => {
      const found = own.flatMap((cell) => (cell.seed === seed ? (pick(cell) ?? []) : []));
      return found.length === 0 ? [] : [mean(found)];
    });
  return {
    recipe,
    losses: bySeed(({ loss }) => loss),
    differences: bySeed((cell) => {
      const beside = reference.get(pairOf(cell));
      return beside === undefined ? undefined : cell.loss - beside;
    }),
    after1: bySeed(({ around }) => around && around.after1 - around.before),
    after20: bySeed(({ around }) => around && around.after20 - around.before),
  };
}

/** Recipes without a reference beside them come last. */
const orderOf = ({ differences }: ReturnType<typeof rowOf>) =>
  differences.length === 0 ? Number.POSITIVE_INFINITY : mean(differences);

function interval(differences: readonly number[], signed: (value: number) => string): string {
  if (differences.length === 0) return "";
  const half = studentHalfWidth(differences);
  return `${signed(mean([...differences]))}${half === undefined ? "" : ` ± ${half.toFixed(4)}`}`;
}
