/** The page of the recipes, and which cells it lacks. */

import { expect, it } from "vitest";
import { type Cell, cellsThatLack, joined } from "../../bench/recipes/cells.ts";
import { page } from "../../bench/recipes/page.ts";
import { recipesOf } from "../../bench/recipes/recipes.ts";
import { termsOf } from "../../bench/recipes/terms.ts";

const recipes = recipesOf(1e-3);

function cell(recipe: string, seed: number, commit: string, loss: number, after1 = 2): Cell {
  const around = { before: 2, after1, after20: 1.5 };
  return { recipe, seed, commit, loss, around, updates: 7, flops: 3, seconds: 5, date: "2026-01-02", machine: "m" };
}

const cells = [
  ...[
    cell("reference", 1, "old", 1.2, 2.1),
    cell("reference", 1, "new", 1.4, 2.3),
    cell("reference", 2, "old", 1.6, 2.5),
  ],
  ...[cell("split", 1, "old", 1.3), cell("split", 2, "old", 1.8), cell("random", 1, "newest", 1.1)],
];

it("counts a seed once, whichever commits ran it, and tells what has no reference of its commit", () => {
  const told = page(cells, recipes, termsOf(12, 61, 1e-3));
  const rows = told.split("\n").filter((line) => /^\| (reference|split|random) /.test(line));
  const columns = rows.map((row) => row.split("|").map((column) => column.trim()));
  expect(columns.map(([, name, , loss, delta, after1, after20, seeds]) => [name, loss, delta, after1, after20, seeds]))
    // The two runs of seed 1 lose 0.2 on average, that of seed 2 loses 0.5; Student's t of one degree of freedom is 12.71.
    .toEqual([
      ["reference", "1.4500", "", "+0.3500", "−0.5000", "2"],
      ["split", "1.5500", "+0.1500 ± 0.6353", "+0.0000", "−0.5000", "2"],
      ["random", "1.1000", "", "+0.0000", "−0.5000", "1"],
    ]);
});

it("makes what no commit has made, beside a reference of its own commit", () => {
  const lacking = (wanted: readonly string[], commit: string) =>
    cellsThatLack(cells, recipes, { wanted, seeds: 2, commit }).map(({ recipe, seed }) => [recipe.name, seed]);
  expect(lacking(["split", "reference"], "third")).toEqual([]);
  expect(lacking(["split", "random"], "old")).toEqual([["random", 2]]);
  expect(lacking(["random"], "new")).toEqual([
    ["reference", 2],
    ["random", 2],
  ]);
  expect(cellsThatLack([], recipes, { wanted: ["split"], seeds: 1, commit: "c" })).toHaveLength(2);
  const again = cell("split", 2, "old", 1.7);
  expect(joined(cells, [again])).toEqual(cells.map((known) => (known.loss === 1.8 ? again : known)));
});
