/**
 * Ways to grow, from the same base and at the same cost in all: which of them ends lowest? Each cell, a recipe with a seed, is kept as
 * a file of its own, so that it goes on where it was stopped; in the end it writes the page of all that are there;
 * with --seeds 0, that alone.
 *
 *     npm run bench:recipes -- [--from 12] [--seeds 4] [--recipes reference,split] [--parallel 2] [--work FOLDER] [--out FOLDER]
 */

import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Checkpoint, openCorpus, openDevice } from "tokenformer";
import { machine } from "../measure.ts";
import { countOf, parsedOptions, someOf } from "../options.ts";
import { type Cell, cellSchema, page } from "./page.ts";
import { type Recipe, recipesOf } from "./recipes.ts";
import { outcomeOf, type Place, trainedBase } from "./run.ts";
import { TEXT, termsOf } from "./terms.ts";

const LEARNING_RATE = 1e-3;

const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();

const { values: options } = parsedOptions({
  options: {
    from: { type: "string", default: "12" },
    seeds: { type: "string", default: "4" },
    recipes: { type: "string" },
    parallel: { type: "string", default: "2" },
    work: { type: "string", default: "runs/recipes" },
    out: { type: "string", default: "docs/studies/recipes" },
  },
});

const from = countOf(options.from, "--from");
const recipes = recipesOf(LEARNING_RATE);
const names = recipes.map(({ name }) => name);
const named = options.recipes === undefined ? names : someOf(names, options.recipes, "--recipes");
const wanted = recipes.filter(({ name }) => named.includes(name));
const work = join(options.work, String(from));
await mkdir(work, { recursive: true });

const corpus = await openCorpus(TEXT, "character");
const terms = termsOf(from, corpus.tokenizer.vocabularySize, LEARNING_RATE);
const bases = new Map<number, Promise<Checkpoint>>();
const missing = cellsThatLack(await readdir(work));
await Promise.all(Array.from({ length: countOf(options.parallel, "--parallel") }, lane));
await mkdir(options.out, { recursive: true });
const cells = await Promise.all((await readdir(work)).filter((name) => name.endsWith(".json")).map(readCell));
await writeFile(join(options.out, `results-${from}.json`), `${JSON.stringify(cells, null, 2)}\n`);
await writeFile(join(options.out, `${from}.md`), page(cells, wanted, terms));

function cellsThatLack(files: readonly string[]) {
  const count = options.seeds === "0" ? 0 : countOf(options.seeds, "--seeds");
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const all = seeds.flatMap((seed) =>
    wanted.map((recipe) => ({ recipe, seed, file: `${recipe.name}-seed-${seed}.json` })),
  );
  return all.filter(({ file }) => !files.includes(file));
}

/** Makes cells one after the other, until none is missing. */
async function lane(): Promise<void> {
  const device = await openDevice("cpu", { threads: 1 });
  const place: Place = { terms, corpus, device };
  for (let next = missing.shift(); next !== undefined; next = missing.shift()) await make(next, place);
  await device.close();
}

async function make({ recipe, seed, file }: { recipe: Recipe; seed: number; file: string }, place: Place) {
  const base = bases.get(seed) ?? trainedBase(place, seed);
  bases.set(seed, base);
  const outcome = await outcomeOf(recipe, await base, place, seed);
  const date = new Date().toISOString().slice(0, 10);
  const cell: Cell = { recipe: recipe.name, seed, ...outcome, date, machine, commit };
  console.log(JSON.stringify(cell));
  await writeFile(join(work, `${file}.part`), `${JSON.stringify(cell, null, 2)}\n`);
  await rename(join(work, `${file}.part`), join(work, file));
}

async function readCell(file: string): Promise<Cell> {
  return cellSchema.parse(JSON.parse(await readFile(join(work, file), "utf8")));
}
