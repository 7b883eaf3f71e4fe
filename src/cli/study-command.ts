/** `tokenformer study`: plans, runs and reports a comparison of growing with its alternatives. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Command } from "commander";
import { z } from "zod";
import { type Ranks, requireSame, together } from "../cluster/index.ts";
import { EMBEDDED, openCorpus } from "../data/index.ts";
import { UserError } from "../errors.ts";
import { fileExists, LockedFolder, readJson, writeJson } from "../formats/index.ts";
import { formatDuration } from "../lab/report/format.ts";
import {
  assemble,
  type CompleteStudy,
  measureSpeed,
  planStudy,
  runStudy,
  type StudyConfig,
  type StudyPlan,
  studyPresets,
  studySchema,
} from "../lab/study/index.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import type { Corpus } from "../text/index.ts";
import { factsOfData, factsOfKeys } from "../training/index.ts";
import { machine, software, today } from "./circumstances.ts";
import { noteData } from "./data-notes.ts";
import { withInterrupt } from "./interrupt.ts";
import { wholeOption } from "./numbers.ts";
import { dataOption, validationOption } from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { type RankOptions, rankOptions, sharesOf, withRanks } from "./ranks.ts";
import { type StudyConfigurationOptions, studyConfigOf } from "./study-configuration.ts";
import { notePlan, planSummary } from "./study-plan.ts";
import { StudyProgress } from "./study-progress.ts";
import { dataListOption, namedData } from "./text-input.ts";
import { collect, deviceOption } from "./train-command.ts";

interface Options extends StudyConfigurationOptions, RankOptions {
  readonly data?: string[];
  readonly dataList?: string;
  readonly validation?: string[];
  readonly out?: string;
  readonly device: DeviceName;
  readonly parallel?: number;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export const studyCommand = () => new Command("study").addCommand(progressiveCommand()).addCommand(presetsCommand());

function progressiveCommand(): Command {
  const command = new Command("progressive")
    .description("a ladder of sizes: growing, training from scratch, Transformers, Net2Net, and ways to grow")
    .option("--preset <name>", `a named study: ${Object.keys(studyPresets).join(", ")} (default: mini)`)
    .option("--config <file>", "a JSON file with a study, instead of a preset")
    .option("--set <key=value>", "change the study, for example training.batch=8", collect, [])
    .option("--seeds <n>", "runs of each recipe", wholeOption("--seeds"))
    .option("--arms <names>", "only these arms, separated by commas")
    .addOption(dataOption())
    .addOption(dataListOption())
    .addOption(validationOption())
    .option("--out <folder>", "where runs, results and the report go; the same folder goes on where it was stopped")
    .addOption(deviceOption())
    .option("--parallel <n>", "runs at a time; default: one for each core on the cpu", wholeOption("--parallel"))
    .option("--dry-run", "print the plan and its cost, and do nothing", false)
    .option("--json", "print the plan, or the results, as JSON", false)
    .action(runProgressive);
  for (const option of rankOptions()) command.addOption(option);
  return command;
}

const presetsCommand = () =>
  new Command("presets")
    .description("the named studies")
    .option("--json", "print them as JSON", false)
    .action(({ json }: { readonly json: boolean }) => {
      if (json) printJson(studyPresets);
      else for (const { name, doc } of Object.values(studyPresets)) print(`  ${name.padEnd(10)} ${doc}`);
    });

async function runProgressive(options: Options): Promise<void> {
  await withRanks(options, async (ranks) => {
    const { plan, corpus } = await together(ranks?.communicator, () => planned(options));
    if (ranks !== undefined) {
      await requireSame(ranks.communicator, { ...factsOfKeys(plan.study), ...factsOfData(corpus) });
    }
    const { out, dryRun } = options;
    if (out === undefined || dryRun) return planAndRun(plan, corpus, options, ranks);
    // Rank 0 has the folder, and the others take runs from it too.
    const folder = await together(ranks?.communicator, async () => {
      if (ranks !== undefined && ranks.communicator.rank > 0) return undefined;
      const taken = await LockedFolder.take(out);
      await claim(out, plan.study, corpus).catch(async (error: unknown) => {
        await taken.release();
        throw error;
      });
      return taken;
    });
    try {
      await together(ranks?.communicator, () => planAndRun(plan, corpus, options, ranks));
    } finally {
      await folder?.release();
    }
  });
}

async function planned(options: Options): Promise<{ plan: StudyPlan; corpus: Corpus }> {
  const config = await studyConfigOf(options);
  if (options.out === undefined && !options.dryRun) {
    throw new UserError("study: needs --out, a folder for its runs and report; or --dry-run to see the plan alone");
  }
  const { validation } = options;
  const train = (await namedData(options)) ?? [EMBEDDED];
  const data = { train, ...(validation !== undefined && { validation }) };
  await noteData(data);
  const corpus = await openCorpus(data, config.tokenizer);
  return { plan: planStudy(withVocabulary(config, corpus)), corpus };
}

async function planAndRun(plan: StudyPlan, corpus: Corpus, options: Options, ranks: Ranks | undefined): Promise<void> {
  const devices = await openDevices(options, ranks);
  try {
    const [device] = devices;
    if (device === undefined) throw new UserError("--parallel 0: expected at least 1");
    const speed = await measureSpeed(device, corpus);
    const all = devices.length * (ranks?.communicator.size ?? 1);
    if (!options.dryRun || !options.json) notePlan(plan, speed, all);
    if (options.dryRun && options.json) printJson(planSummary(plan, speed, all));
    if (options.dryRun || options.out === undefined) return;
    const isFirst = ranks === undefined || ranks.communicator.rank === 0;
    await run(plan, corpus, devices, options.out, options, new StudyProgress(plan, speed), isFirst);
  } finally {
    for (const device of devices) await device.close();
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
  const begun = performance.now();
  const outcome = await withInterrupt("stopping after the updates under way", (signal) =>
    runStudy({ plan, corpus, devices, directory: out, signal, onEvent: (event) => progress.show(event) }),
  ).finally(() => progress.stop());
  if (outcome.interrupted) process.exitCode = 130;
  if (!isFirst) return;
  const results = assemble(plan, outcome, corpus, {
    ...{ date: today(), machine: machine(), software: await software(), command: commandOf(process.argv) },
  });
  // Loaded only when asked for: plots take time to load.
  const { writeStudyReport } = await import("../lab/study/report/index.ts");
  await writeStudyReport(results, out);
  if (json) printJson(results);
  if (outcome.interrupted) {
    note(`stopped; the same command goes on. What is done so far: ${join(out, "report.html")}`);
    return;
  }
  note(`done in ${formatDuration((performance.now() - begun) / 1000)}`);
  if (!json) print(`report: ${join(out, "report.html")}`);
}

function withVocabulary(study: StudyConfig, { tokenizer, name }: Corpus): CompleteStudy {
  const vocabulary = study.model.vocabulary ?? tokenizer.vocabularySize;
  if (vocabulary >= tokenizer.vocabularySize) return { ...study, model: { ...study.model, vocabulary } };
  throw new UserError(
    `model.vocabulary is ${vocabulary}, but the tokenizer of ${name} has ${tokenizer.vocabularySize} tokens; leave it out, or raise it`,
  );
}

/** Small models are fastest one to a core. */
async function openDevices({ device, parallel }: Options, ranks: Ranks | undefined): Promise<Device[]> {
  const cores = sharesOf(ranks, device).threads ?? availableParallelism();
  const count = parallel ?? (device === "cpu" ? cores : 1);
  const threads = Math.max(1, Math.floor(cores / Math.max(1, count)));
  return Promise.all(Array.from({ length: count }, () => openDevice(device, { threads })));
}

/**
 * Notes in the folder which study it holds. Seeds, arms and questions may be added to one later.
 * @throws UserError if the folder holds another study
 */
async function claim(out: string, study: CompleteStudy, { name }: Corpus): Promise<void> {
  const file = join(out, "study.json");
  const own = noteOf(name, study, study.ablation?.stage);
  if (!(await fileExists(file))) return writeJson(file, own);
  const noted = noteSchema.safeParse(await readJson(file));
  // Read as a configuration, so that options which are newer than the note have their defaults.
  const read = noted.success ? studySchema.safeParse(noted.data.study) : noted;
  if (noted.success && read.success) {
    const { data, stage } = noted.data;
    if (isDeepStrictEqual(noteOf(data, read.data, stage), own)) return;
  }
  throw new UserError(
    `${out}: holds another study (see ${file}); go on with its own options, or choose another folder`,
  );
}

const noteSchema = z
  .object({ data: z.string(), study: z.looseObject({ stage: z.number().optional() }) })
  .transform(({ data, study: { stage, ...study } }) => ({ data, study, stage }));

/** What makes a study another one: all but seeds, arms and questions. */
function noteOf(data: string, study: StudyConfig, stage: number | undefined): unknown {
  const { seeds: _seeds, arms: _arms, ablation: _ablation, ...fixed } = study;
  return JSON.parse(JSON.stringify({ data, study: { ...fixed, stage } }));
}

/** The command as a user types it. */
function commandOf([, , ...words]: readonly string[]): string {
  const quoted = words.map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  return `npx tokenformer ${quoted.join(" ")}`;
}
