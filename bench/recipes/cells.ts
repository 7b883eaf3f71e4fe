/** The cells: each a recipe with a seed, made by one commit, and kept as a file of its own. */

import { z } from "zod";
import { REFERENCE, type Recipe } from "./recipes.ts";

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

/** What makes a cell another one. */
export const nameOf = ({ recipe, seed, commit }: Pick<Cell, "recipe" | "seed" | "commit">) =>
  `${recipe}-seed-${seed}-${commit}`;

/** Each cell once, in the order in which they are told first. */
export const joined = (...told: readonly (readonly Cell[])[]): Cell[] => [
  ...new Map(told.flat().map((cell) => [nameOf(cell), cell])).values(),
];

/** A cell that is to be made. */
export interface Lacking {
  readonly recipe: Recipe;
  readonly seed: number;
}

/**
 * The cells to make: those that no commit has made yet, and of each of their seeds the reference by this commit, beside which they are set.
 * @param recipes all of them
 * @param wanted the names of those that are asked for
 */
export function cellsThatLack(
  known: readonly Cell[],
  recipes: readonly Recipe[],
  { wanted, seeds, commit }: { readonly wanted: readonly string[]; readonly seeds: number; readonly commit: string },
): Lacking[] {
  return Array.from({ length: seeds }, (_, index) => index + 1).flatMap((seed) => {
    const own = known.filter((cell) => cell.seed === seed);
    const lacking = wanted.filter((name) => !own.some(({ recipe }) => recipe === name));
    const hasReference = own.some((cell) => cell.recipe === REFERENCE && cell.commit === commit);
    const names = lacking.length > 0 && !hasReference ? [REFERENCE, ...lacking] : lacking;
    return recipes.filter(({ name }) => names.includes(name)).map((recipe) => ({ recipe, seed }));
  });
}
