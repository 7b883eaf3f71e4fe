/** `tokenformer study`: plans, runs and reports comparisons of growing with its alternatives. */

import { join } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import type { Ranks } from "../cluster/index.ts";
import { freeAll } from "../freeing.ts";
import { frontierPreset } from "../lab/frontier/index.ts";
import { skillsPreset } from "../lab/skills/index.ts";
import {
  type CompleteStudy,
  costLeft,
  planStudy,
  runStudy,
  runsDone,
  type StudyConfig,
  type StudyPlan,
  speedFor,
  studyPresets,
  studyResults,
  studySchema,
} from "../lab/study/index.ts";
import type { Device } from "../runtime/index.ts";
import type { Corpus } from "../text/index.ts";
import { circumstances } from "./circumstances.ts";
import { frontierCommand } from "./frontier-command.ts";
import { withInterrupt } from "./interrupt.ts";
import { wholeOption } from "./numbers.ts";
import { collected } from "./open.ts";
import { print, printJson } from "./output.ts";
import { skillsStudyCommand } from "./skills-study-command.ts";
import { type StudyConfigurationOptions, studyConfigOf } from "./study-configuration.ts";
import { notePlan, planSummary } from "./study-plan.ts";
import { StudyProgress } from "./study-progress.ts";
import {
  claimFolder,
  commandLine,
  concludeStudy,
  openDevices,
  plannedOn,
  type StudyWorkOptions,
  withStudyOptions,
  withVocabulary,
  workOnStudy,
} from "./study-work.ts";

/** The file that says which study a folder holds. */
const NOTE = "study.json";

interface Options extends StudyConfigurationOptions, StudyWorkOptions {}

export const studyCommand = () =>
  new Command("study")
    .addCommand(progressiveCommand())
    .addCommand(frontierCommand())
    .addCommand(skillsStudyCommand())
    .addCommand(presetsCommand());

function progressiveCommand(): Command {
  const command = new Command("progressive")
    .description("a ladder of sizes: growing, training from scratch, Transformers, Net2Net, and ways to grow")
    .option("--preset <name>", `a named study: ${Object.keys(studyPresets).join(", ")} (default: mini)`)
    .option("--config <file>", "a JSON file with a study, instead of a preset")
    .option("--set <key=value>", "change the study, for example training.batch=8", collected, [])
    .option("--seeds <n>", "runs of each recipe", wholeOption("--seeds"))
    .option("--arms <names>", "only these arms, separated by commas");
  return withStudyOptions(command).action(runProgressive);
}

const presetsCommand = () =>
  new Command("presets")
    .description("the named studies")
    .option("--json", "print them as JSON", false)
    .action(({ json }: { readonly json: boolean }) => {
      const all = { ...studyPresets, frontier: frontierPreset, skills: skillsPreset };
      if (json) printJson(all);
      else for (const { name, doc } of Object.values(all)) print(`  ${name.padEnd(10)} ${doc}`);
    });

const runProgressive = (options: Options): Promise<void> =>
  workOnStudy(options, {
    note: NOTE,
    planned: () => planned(options),
    claim: (out, { plan, corpus }) => claim(out, plan.study, corpus),
    work: ({ plan, corpus }, ranks) => planAndRun(plan, corpus, options, ranks),
  });

async function planned(options: Options): Promise<{ plan: StudyPlan; corpus: Corpus }> {
  const config = await studyConfigOf(options);
  return plannedOn(options, config.tokenizer, (corpus) => planStudy(withVocabulary(config, corpus)));
}

async function planAndRun(plan: StudyPlan, corpus: Corpus, options: Options, ranks: Ranks | undefined): Promise<void> {
  const devices = await openDevices(options, ranks);
  try {
    const { out } = options;
    const done = out === undefined ? [] : await runsDone({ plan, corpus, devices, directory: out });
    const parallel = devices.length * (ranks?.communicator.size ?? 1);
    const left = costLeft(plan, done);
    const speed = await speedFor(left, devices[0], corpus);
    const pace = { speed, parallel, left };
    if (!options.dryRun || !options.json) notePlan(plan, pace);
    if (options.dryRun && options.json) printJson(planSummary(plan, pace));
    if (options.dryRun || out === undefined) return;
    const isFirst = ranks === undefined || ranks.communicator.rank === 0;
    await run(plan, corpus, devices, out, options, new StudyProgress(plan, speed), isFirst);
  } finally {
    await freeAll(...devices.map((device) => () => device.close()));
  }
}

async function run(
  plan: StudyPlan,
  corpus: Corpus,
  devices: readonly Device[],
  out: string,
  { json }: Options,
  progress: StudyProgress,
  isFirst: boolean,
): Promise<void> {
  const startedAt = performance.now();
  const outcome = await withInterrupt("stopping after the updates under way", (signal) =>
    runStudy({ plan, corpus, devices, directory: out, signal, onEvent: (event) => progress.show(event) }),
  ).finally(() => progress.stop());
  if (outcome.interrupted) process.exitCode = 130;
  if (!isFirst) return;
  const results = studyResults(plan, outcome, corpus, await circumstances(commandLine()));
  // Loaded only when asked for: plots take time to load.
  const { writeStudyReport } = await import("../lab/study/report/index.ts");
  await writeStudyReport(results, out);
  concludeStudy(results, { interrupted: outcome.interrupted, startedAt, report: join(out, "report.html"), json });
}

/**
 * Notes in the folder which study it holds. Seeds, arms and questions may be added to one later.
 * @throws UserError if the folder holds another study
 */
async function claim(out: string, study: CompleteStudy, { name }: Corpus): Promise<void> {
  const own = noteOf(name, study, study.ablation?.stage);
  await claimFolder(join(out, NOTE), out, own, (found) => {
    const noted = noteSchema.safeParse(found);
    // Read as a configuration, so that options which are newer than the note have their defaults. Newer notes have no description.
    const read = noted.success ? studySchema.safeParse({ doc: "", ...noted.data.study }) : noted;
    return noted.success && read.success ? noteOf(noted.data.data, read.data, noted.data.stage) : undefined;
  });
}

const noteSchema = z
  .object({ data: z.string(), study: z.looseObject({ stage: z.number().optional() }) })
  .transform(({ data, study: { stage, ...study } }) => ({ data, study, stage }));

/** What makes a study another one: all but its description, seeds, arms and questions. */
function noteOf(data: string, study: StudyConfig, stage: number | undefined): unknown {
  const { doc: _doc, seeds: _seeds, arms: _arms, ablation: _ablation, ...fixed } = study;
  return JSON.parse(JSON.stringify({ data, study: { ...fixed, stage } }));
}
