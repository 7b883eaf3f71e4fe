/**
 * Ways to grow, from the same base and at the same cost in all: which of them ends lowest? Each cell, a recipe with a seed, is kept as
 * a file of its own, so that it goes on where it was stopped; those that were published count as made. In the end it writes the results
 * and the page of all that are there; with --seeds 0, that alone.
 *
 *     npm run bench:recipes -- [--from 12] [--seeds 4] [--recipes reference,split] [--parallel 2] [--work FOLDER] [--out FOLDER]
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Checkpoint, openCorpus, openDevice } from "tokenformer";
import { z } from "zod";
import { machine } from "../measure.ts";
import { countOf, parsedOptions, someOf } from "../options.ts";
import { type Cell, cellSchema, cellsThatLack, joined, type Lacking, nameOf } from "./cells.ts";
import { page } from "./page.ts";
import { recipesOf } from "./recipes.ts";
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
const seeds = options.seeds === "0" ? 0 : countOf(options.seeds, "--seeds");
const work = join(options.work, String(from));
await mkdir(work, { recursive: true });

const corpus = await openCorpus(TEXT, "character");
const terms = termsOf(from, corpus.tokenizer.vocabularySize, LEARNING_RATE);
const bases = new Map<number, Promise<Checkpoint>>();
const results = join(options.out, `results-${from}.json`);
const published = existsSync(results) ? z.array(cellSchema).parse(await readJson(results)) : [];
const missing = cellsThatLack(joined(published, await cellsMade()), recipes, { wanted: named, seeds, commit });
await Promise.all(Array.from({ length: countOf(options.parallel, "--parallel") }, lane));
await mkdir(options.out, { recursive: true });
const cells = joined(published, await cellsMade());
await writeFile(results, `${JSON.stringify(cells, null, 2)}\n`);
await writeFile(join(options.out, `${from}.md`), page(cells, recipes, terms));

/** Makes cells one after the other, until none is missing. */
async function lane(): Promise<void> {
  const device = await openDevice("cpu", { threads: 1 });
  const place: Place = { terms, corpus, device };
  for (let next = missing.shift(); next !== undefined; next = missing.shift()) await make(next, place);
  await device.close();
}

async function make({ recipe, seed }: Lacking, place: Place) {
  const base = bases.get(seed) ?? trainedBase(place, seed);
  bases.set(seed, base);
  const outcome = await outcomeOf(recipe, await base, place, seed);
  const date = new Date().toISOString().slice(0, 10);
  const cell: Cell = { recipe: recipe.name, seed, ...outcome, date, machine, commit };
  console.log(JSON.stringify(cell));
  const file = join(work, `${nameOf(cell)}.json`);
  await writeFile(`${file}.part`, `${JSON.stringify(cell, null, 2)}\n`);
  await rename(`${file}.part`, file);
}

async function cellsMade(): Promise<Cell[]> {
  const files = (await readdir(work)).filter((name) => name.endsWith(".json"));
  return Promise.all(files.map(async (name) => cellSchema.parse(await readJson(join(work, name)))));
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, "utf8"));
}
