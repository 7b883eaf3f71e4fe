/** The study `skills` where trainings diverge: it goes on without them, and says which they are. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { openCorpus } from "../../../src/data/index.ts";
import { runSkills, type SkillsStudy, skillsSchema, type Workplace } from "../../../src/lab/skills/index.ts";
import { skillsReport } from "../../../src/lab/skills/report.ts";
import { useDevice } from "../../support/device.ts";
import { useSharedFolder } from "../../support/folder.ts";
import { text } from "../../training/support.ts";

const device = useDevice("cpu", { threads: 1 });
const at = useSharedFolder();

const training = { batch: 3, warmup: 0, evaluateEvery: 0, evaluationTokens: 70, keepBest: false };

const study = skillsSchema.parse({
  name: "test",
  doc: "one base, two texts",
  tokenizer: "character",
  model: {
    type: "tokenformer",
    context: 7,
    layers: 1,
    heads: 2,
    width: 12,
    rotaryFraction: 0.5,
    tied: true,
    tokens: { query: 5, key: 5, value: 5, projection: 5, feedForward: 11 },
  },
  base: { ...training, steps: 3 },
  adapting: { ...training, steps: 30, schedule: "constant" },
  sizes: [2],
  ways: ["skill", "full"],
  rates: [1e-3, 30],
  heldOutTokens: 70,
  seeds: [1],
});

/** What a study comes to in a folder, with the names of the trainings that were made now. */
async function outcomeOf(changed: Partial<SkillsStudy>, name: string) {
  const names = ["one", "two", "three"];
  const texts = [text, text, text.split(" ").reverse().join(" ")];
  const files = names.map((own) => at(`${own}.txt`));
  for (const [index, file] of files.entries()) await writeFile(file, texts[index] ?? "");
  const first = await openCorpus({ train: files.slice(0, 1) }, "character");
  const opened = files.map((file) => openCorpus({ train: [file] }, first.tokenizer));
  const corpora = await Promise.all(opened);
  const made: string[] = [];
  const site: Workplace = {
    study: { ...study, ...changed },
    corpora: new Map(corpora.map((corpus, index) => [names[index] ?? "", corpus])),
    files: new Map(names.map((own, index) => [own, files.slice(index, index + 1)])),
    directory: at(name),
    device: device(),
    onDone: (training, _learned, isNew) => void (isNew && made.push(training)),
  };
  const { interrupted, ...outcome } = await runSkills(site);
  const { sizes, seeds, rates } = site.study;
  const results = {
    ...{ name: "test", date: "", machine: "", software: "", command: "", texts: names, sizes, seeds, rates },
    steps: { base: 3, adapting: 30 },
    ...outcome,
    missing: [],
  };
  return { interrupted, outcome, made, results, report: skillsReport(results) };
}

it("chooses another rate than one that diverges, says which did, and goes on the next time", async () => {
  const { interrupted, outcome, made, report } = await outcomeOf({}, "one rate");
  expect(interrupted).toBe(false);
  expect(outcome.adapted.map(({ text, way, learningRate }) => [text, way, learningRate])).toEqual([
    ["two", "skill", expect.any(Number)],
    ["three", "skill", expect.any(Number)],
    ["two", "full", 1e-3],
    ["three", "full", 1e-3],
  ]);
  expect(outcome.diverged).toEqual(["full-two-30-1", "full-three-30-1"]);
  expect(outcome.continual.map(({ way, means }) => [way, means.length])).toEqual([
    ["all", 2],
    ["own", 2],
    ["full", 2],
  ]);
  expect(report).toMatch(/\*\*Diverged\*\*, .*: .*`full-two-30-1`/);
  expect(report).not.toMatch(/NaN|Infinity/);
  expect(made).toContain("full-two-30-1");
  const again = await outcomeOf({}, "one rate");
  expect(again.made).toEqual([]);
  expect(again.outcome).toEqual(outcome);
});

it("measures a skill that was stopped between the end of its training and its result, as if it had not been", async () => {
  const few: Partial<SkillsStudy> = { ways: ["skill"], rates: [1e-3] };
  const whole = await outcomeOf(few, "whole");
  const names = whole.made.filter((name) => name.startsWith("skill-"));
  expect(names.length).toBeGreaterThan(1);
  const weights = () => Promise.all(names.map((name) => readFile(at("whole", "runs", name, "skill.safetensors"))));
  const before = await weights();
  for (const name of names) await rm(at("whole", "runs", name, "result.json"));
  const again = await outcomeOf(few, "whole");
  expect(again.made).toEqual(names);
  // Its seconds among them, which another training would not have.
  expect(again.outcome).toEqual(whole.outcome);
  expect(await weights()).toEqual(before);
});

it("names a place that cannot be written to", async () => {
  await mkdir(at("taken"));
  await writeFile(at("taken", "runs"), "");
  await expect(outcomeOf({}, "taken")).rejects.toThrow(/^cannot write .*taken.runs.base-1: .*a file where a folder/);
});

it("says what was forgotten by the losses as they are, not as they are rounded", async () => {
  const { results } = await outcomeOf({}, "one rate");
  const withLoss = <Made extends { readonly losses: object }>(made: readonly Made[], one: number) =>
    made.map((own) => ({ ...own, losses: { ...own.losses, one } }));
  const { bases, adapted } = results;
  const report = skillsReport({ ...results, bases: withLoss(bases, 2.4194), adapted: withLoss(adapted, 3.0346) });
  expect(report).toMatch(/\| 2\.419 \| 0 \|/);
  expect(report.match(/\| 3\.035 \| \+0\.615 \|/g)).toHaveLength(4);
});

it("leaves out what has no rate that is low enough", async () => {
  const { interrupted, outcome, report } = await outcomeOf({ ways: ["full"], rates: [30] }, "no rate");
  expect(interrupted).toBe(false);
  expect(outcome).toMatchObject({ adapted: [], continual: [], diverged: ["full-two-30-1", "full-three-30-1"] });
  expect(report).toContain("`full-three-30-1`");
});

it("leaves out skills that diverged where they would be attached, and seeds whose base did", async () => {
  const { outcome } = await outcomeOf({ ways: ["skill"], rates: [1e3] }, "no skill");
  expect(outcome).toMatchObject({ adapted: [], pairs: [], continual: [] });
  const base = { ...study.base, steps: 30, learningRate: 30, schedule: "constant" as const };
  const none = await outcomeOf({ base }, "no base");
  expect(none.interrupted).toBe(false);
  expect(none.outcome).toMatchObject({ bases: [], adapted: [], diverged: ["base-1"] });
  expect(none.report).not.toMatch(/NaN|Infinity/);
});
