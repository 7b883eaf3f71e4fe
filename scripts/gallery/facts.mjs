// What the studio's page shows of the gallery's models before one is opened, from their archives.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import { countParameters, parseModel } from "../../dist/index.js";

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const MODELS = root("studio/public/gallery/models");

/** Characters of a sample that are shown. */
const SHOWN = 90;

/** Writes `models.json`, an entry for each archive. */
export async function writeFacts() {
  const facts = [];
  for (const name of (await readdir(MODELS)).toSorted())
    if (name.endsWith(".zip")) facts.push(factsOf(name.slice(0, -".zip".length), await readFile(`${MODELS}/${name}`)));
  await writeFile(root("studio/src/page/gallery/models.json"), `${JSON.stringify(facts, null, 2)}\n`);
}

function factsOf(key, archive) {
  const files = unzipSync(archive);
  const text = (name) => Buffer.from(files[name]).toString("utf8");
  const json = (name) => JSON.parse(text(name));
  const records = text("metrics.jsonl")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { step, lineage } = json("training.json");
  const samples = records.filter((record) => "sample" in record);
  const growths = records.filter((record) => "growth" in record).map((record) => record.step);
  const validation = records.findLast((record) => "validationLoss" in record);
  return {
    key,
    step,
    growths,
    parameters: countParameters(parseModel(json("config.json").model)).total,
    bitsPerByte: validation.bitsPerByte,
    rings: ringsOf(lineage, records.findLast((record) => "usage" in record).usage),
    before: shortened(samples.findLast((sample) => sample.step <= growths[0]).sample),
    now: shortened(samples.at(-1).sample),
  };
}

/** As wide as tokens are many, as bright as they are used: what `ringsOf` of the page makes of a run. */
function ringsOf(lineage, usage) {
  const tokens = new Map();
  for (const generations of Object.values(lineage))
    for (const { born, tokens: amount } of generations) tokens.set(born, (tokens.get(born) ?? 0) + amount);
  return [...tokens]
    .toSorted(([a], [b]) => a - b)
    .map(([born, amount]) => {
      const { contributionShare, tokenShare } = usage.find((share) => share.born === born);
      return { born, tokens: amount, use: Number(Math.min(1, contributionShare / tokenShare).toFixed(2)) };
    });
}

function shortened(text) {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const start = [...line].slice(0, SHOWN).join("");
  const end = start.lastIndexOf(" ");
  return start.length === line.length || end < SHOWN / 2 ? start : start.slice(0, end);
}
