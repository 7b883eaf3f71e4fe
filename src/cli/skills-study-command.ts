/** `tokenformer study skills`: new texts by tokens of their own, against training all parameters. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { z } from "zod";
import { parseBy, parseConfig, warningsOf } from "../configuration/index.ts";
import { openCorpus } from "../data/index.ts";
import { UserError } from "../errors.ts";
import { LockedFolder, readJson } from "../formats/index.ts";
import { allOrNothing, freeAll } from "../freeing.ts";
import { formatDuration, formatFlops } from "../lab/report/format.ts";
import {
  costOfSkills,
  runSkills,
  type SkillsOutcome,
  type SkillsResults,
  type SkillsStudy,
  skillsPreset,
  skillsSchema,
  writeSkillsReport,
} from "../lab/skills/index.ts";
import { measureSpeed, secondsOf } from "../lab/study/index.ts";
import { type DeviceName, openDevice } from "../runtime/index.ts";
import { CharacterTokenizer, type Corpus, closeCorpus, createCorpus, memoryTokens } from "../text/index.ts";
import { circumstances } from "./circumstances.ts";
import { assignAll } from "./configuration.ts";
import { noteData } from "./data-notes.ts";
import { deviceOption } from "./device-option.ts";
import { withInterrupt } from "./interrupt.ts";
import { collected } from "./open.ts";
import { note, printJson } from "./output.ts";
import { claimFolder, commandLine, concludeStudy } from "./study-work.ts";

interface Options {
  readonly config?: string;
  readonly set: readonly string[];
  readonly base: readonly string[];
  readonly text?: readonly string[];
  readonly out?: string;
  readonly device: DeviceName;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export const skillsStudyCommand = () =>
  new Command("skills")
    .description(
      "new texts by tokens beside a model that stays as it is, against training all or some of it and LoRA: what is learned, what forgotten",
    )
    .option("--config <file>", "a JSON file with the study, instead of the built-in one")
    .option("--set <key=value>", "change it, for example seeds=[1] or sizes=[4,16]", collected, [])
    .option("--base <files...>", "what the base learns", ["Moby-Dick", "SOTU"])
    .option(
      "--text <name=files>",
      `a new text under a name, its files separated by commas, or one of the studio's by its name alone; given again, several (default: the studio's: ${ownTexts.join(", ")})`,
      collected,
    )
    .option("--out <folder>", "where runs, results and the report go; the same folder goes on where it was stopped")
    .addOption(deviceOption())
    .option("--dry-run", "print the study, and do nothing", false)
    .option("--json", "print the study, or the results, as JSON", false)
    .action(run);

async function run(options: Options): Promise<void> {
  const study = await studyOf(options);
  const texts = options.text?.map(textOf) ?? ownTexts.map(ownText);
  const files = new Map([[nameOfBase(options.base), options.base], ...texts]);
  if (files.size !== 1 + texts.length) throw new UserError("--text: a name is given twice; give each text its own");
  const { out } = options;
  if (options.dryRun) return tellPlan(study, [...files.keys()], options);
  if (out === undefined)
    throw new UserError("study: needs --out, a folder for its runs and report; or --dry-run to see the plan alone");
  const folder = await LockedFolder.take(out);
  try {
    await claim(out, study, files);
    await carryOut(study, files, { ...options, out });
  } finally {
    await folder.release();
  }
}

const noteSchema = z.object({ files: z.record(z.string(), z.array(z.string())), study: z.looseObject({}) });

/** Notes in the folder which study it holds. Throws a `UserError` if it holds another. */
async function claim(out: string, study: SkillsStudy, files: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const { doc, seeds, sizes, rates, ways } = study;
  await claimFolder(join(out, "skills.json"), out, noteOf(Object.fromEntries(files), study), (found) => {
    const noted = noteSchema.safeParse(found);
    // Read as a configuration, so that options which are newer than the note have their defaults.
    const read = noted.success
      ? skillsSchema.safeParse({ doc, ...noted.data.study, seeds, sizes, rates, ways })
      : noted;
    return noted.success && read.success ? noteOf(noted.data.files, read.data) : undefined;
  });
}

/** What makes a study another one: its texts, and all but what may change, as each training is of one of those, and kept. */
function noteOf(
  files: Readonly<Record<string, readonly string[]>>,
  { doc: _doc, seeds: _seeds, sizes: _sizes, rates: _rates, ways: _ways, ...fixed }: SkillsStudy,
): unknown {
  const named = Object.entries(files).map(([name, own]) => [name, own.map(withoutPlace)]);
  return JSON.parse(JSON.stringify({ files: Object.fromEntries(named), study: fixed }));
}

/** The name of a text of the package, wherever that is installed; other files as they are. */
function withoutPlace(file: string): string {
  const path = file.replaceAll("\\", "/");
  return ownTexts.find((name) => path.endsWith(`/studio/gallery/texts/${name}.txt.gz`)) ?? file;
}

async function studyOf({ config, set }: Options): Promise<SkillsStudy> {
  const value = config === undefined ? skillsPreset : await readJson(config);
  return parseBy(
    skillsSchema,
    assignAll(value, set),
    config ?? "the configuration",
    "tokenformer study presets --json",
  );
}

const nameOfBase = (base: readonly string[]) => base.map((file) => file.split(/[/\\]/).at(-1) ?? file).join(" and ");

function textOf(given: string): [string, readonly string[]] {
  if (ownTexts.includes(given)) return ownText(given);
  const [, name = "", files = ""] = /^([\w-]+)=(.+)$/s.exec(given) ?? [];
  if (name === "") {
    const own = ownTexts.join(", ");
    throw new UserError(`--text ${given}: expected name=file, such as --text code=index.ts, or one of ${own}`);
  }
  return [name, files.split(",")];
}

/** The texts that come with the package, for the page of the studio: a play by rules, source code, Chinese poems, first names. */
const ownTexts = ["play", "typescript", "tang-quatrains", "first-names"];

const ownText = (name: string): [string, readonly string[]] => [
  name,
  [fileURLToPath(new URL(`../studio/gallery/texts/${name}.txt.gz`, import.meta.url))],
];

async function tellPlan(study: SkillsStudy, texts: readonly string[], { device: name, json }: Options): Promise<void> {
  const { base, adapting } = study;
  const cost = costOfSkills(study, texts.length - 1);
  if (json) return printJson({ study, texts, cost });
  note(`study ${study.name}: ${study.doc}`);
  note(`${texts[0]}, then ${texts.slice(1).join(", ")}`);
  noteWarnings(study);
  note(`${cost.bases} bases of ${base.steps} updates, ${cost.adapting} trainings of ${adapting.steps}`);
  const device = await openDevice(name);
  try {
    const nothing = createCorpus(
      "a calibration",
      CharacterTokenizer.fromText("ab"),
      memoryTokens(new Uint32Array(8192)),
    );
    const seconds = secondsOf({ steps: cost.updates, flops: cost.flops }, await measureSpeed(device, nothing));
    note(`${formatFlops(cost.flops)} at most, about ${formatDuration(seconds)} on this machine as busy as it is now`);
  } finally {
    await device.close();
  }
}

async function carryOut(
  study: SkillsStudy,
  files: ReadonlyMap<string, readonly string[]>,
  { out, device: name, json }: Options & { readonly out: string },
): Promise<void> {
  const startedAt = performance.now();
  noteWarnings(study);
  const corpora = await openCorpora(study, files);
  const closeAll = () => freeAll(...[...corpora.values()].map((corpus) => () => closeCorpus(corpus)));
  const device = await allOrNothing((onFailure) => {
    onFailure(closeAll);
    return openDevice(name);
  });
  try {
    const outcome = await withInterrupt("stopping after this update", (signal) =>
      runSkills({
        study,
        corpora,
        files,
        directory: out,
        device,
        signal,
        onDone: (cell, { losses, diverged }, made) => {
          const told = Object.entries(losses).map(([text, loss]) => `${text} ${loss.toFixed(3)}`);
          note(`${made ? "" : "(known) "}${cell}: ${diverged === undefined ? told.join(", ") : "diverged"}`);
        },
      }),
    );
    if (outcome.interrupted) process.exitCode = 130;
    const results = assembled(study, [...files.keys()], outcome, await circumstances(commandLine()));
    await writeSkillsReport(results, out);
    concludeStudy(results, { interrupted: outcome.interrupted, startedAt, report: join(out, "report.md"), json });
  } finally {
    await freeAll(() => device.close(), closeAll);
  }
}

/** All texts as tokens, by the tokenizer of the base's text. */
async function openCorpora(
  study: SkillsStudy,
  files: ReadonlyMap<string, readonly string[]>,
): Promise<Map<string, Corpus>> {
  return allOrNothing(async (onFailure) => {
    const corpora = new Map<string, Corpus>();
    for (const [name, own] of files) {
      const [first] = corpora.values();
      const data = { train: own };
      await noteData(data);
      const corpus = await openCorpus(data, first?.tokenizer ?? study.tokenizer);
      onFailure(() => closeCorpus(corpus));
      corpora.set(name, corpus);
    }
    return corpora;
  });
}

/** Tells what is hardly meant of both trainings, by the study's own names. */
function noteWarnings({ model, tokenizer, base, adapting }: SkillsStudy): void {
  for (const [name, training] of Object.entries({ base, adapting })) {
    for (const warning of warningsOf(parseConfig({ model, tokenizer, training }))) {
      note(`warning: ${warning.replaceAll("training.", `${name}.`)}`);
    }
  }
}

function assembled(
  study: SkillsStudy,
  texts: readonly string[],
  { interrupted, ...outcome }: SkillsOutcome,
  own: Pick<SkillsResults, "date" | "machine" | "software" | "command">,
): SkillsResults {
  const { name, sizes, seeds, rates, base, adapting } = study;
  const missing = interrupted ? ["the study was stopped: what is not in the tables was not done yet"] : [];
  return {
    name,
    ...own,
    texts,
    sizes,
    seeds,
    rates,
    steps: { base: base.steps, adapting: adapting.steps },
    ...outcome,
    missing,
  };
}
