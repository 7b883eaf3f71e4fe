/** `tokenformer adapt`: trains a skill beside a model that stays as it is. */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { dataOf, hasCheckpoint, loadSummary } from "../checkpoint/index.ts";
import type { CheckpointSummary } from "../checkpoint/portable.ts";
import { type Config, type EndEvent, growthPlansOf, type TrainingConfig } from "../configuration/index.ts";
import type { DataSource } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import { parseSites, siteNamesOf } from "../growth/index.ts";
import { formatBytes } from "../lab/report/format.ts";
import type { DeviceName } from "../runtime/index.ts";
import {
  hasSkill,
  loadSkill,
  loadUnfinished,
  openAdaptation,
  resumeAdaptation,
  unfinishedIn,
} from "../skills/index.ts";
import type { Run } from "../training/index.ts";
import { changed } from "./configuration.ts";
import { noteData } from "./data-notes.ts";
import {
  type DataOptions,
  dataGoingOn,
  lossOnOption,
  readingOf,
  separateOption,
  textKeyOption,
} from "./data-options.ts";
import { deviceOption } from "./device-option.ts";
import { parseLayers } from "./growth-options.ts";
import { withInterrupt } from "./interrupt.ts";
import {
  collected,
  dataOption,
  momentNotes,
  noCheckpoint,
  notePatches,
  tokenizerOption,
  validationOption,
} from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { Progress } from "./progress.ts";
import { notesOfResuming } from "./resuming.ts";
import { dataListOption, namedData } from "./text-input.ts";

interface Options extends DataOptions {
  readonly add?: string;
  readonly layers?: string;
  readonly dataList?: string;
  readonly to: string;
  readonly set: readonly string[];
  readonly tokenizer?: string;
  readonly device: DeviceName;
  readonly resume: boolean;
  readonly json: boolean;
}

export const adaptCommand = () =>
  new Command("adapt")
    .argument("<run>", "folder of a run or checkpoint, which stays as it is")
    .requiredOption("--to <folder>", "where the skill goes")
    .option("--add <sites>", "tokens of the skill: all=16, or q=8,k=8,v=16,proj=16,ffn=64 (default: all=16)")
    .option("--layers <list>", "blocks that get them, from 0: 0,2 (default: all)")
    .addOption(dataOption("none; with --resume that of before"))
    .addOption(dataListOption())
    .addOption(validationOption())
    .addOption(textKeyOption())
    .addOption(lossOnOption())
    .addOption(separateOption())
    .addOption(
      new Option("--set <key=value>", "change the training, for example training.steps=1000")
        .argParser(collected)
        .default([]),
    )
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .option("--resume", "go on with the skill in --to, whose training was stopped", false)
    .option("--json", "print a summary as JSON at the end", false)
    .action(runAdapt);

async function runAdapt(run: string, options: Options): Promise<void> {
  if (!(await hasCheckpoint(run))) throw await noCheckpoint(run);
  const summary = await loadSummary(run);
  notePatches(summary);
  const progress = new Progress();
  const opened = await (options.resume ? resumed : newAdaptation)(run, summary, options, progress);
  let end: EndEvent | undefined;
  try {
    await withInterrupt("stopping after this step", async (signal) => {
      for await (const event of opened.events(signal)) {
        progress.show(event);
        if (event.type === "end") end = event;
      }
    });
  } finally {
    progress.stop();
    await opened.close();
  }
  if (end !== undefined) await conclude(run, options, end);
}

/** A new skill. */
async function newAdaptation(
  from: string,
  summary: CheckpointSummary,
  options: Options,
  progress: Progress,
): Promise<Run> {
  const { to, layers, tokenizer, device, add = "all=16" } = options;
  const data = await dataFrom(options);
  if (data === undefined) throw new UserError("--data: is missing; name the texts that the skill is to learn");
  await noteData(data);
  return openAdaptation({
    from,
    to,
    add: parseSites(add, siteNamesOf(summary.state.config)),
    layers: layers === undefined ? undefined : parseLayers(layers),
    training: trainingOf(summary, options.set),
    data,
    tokenizer,
    device,
    onDataProgress: progress.onData,
  });
}

/** A skill whose training was stopped. */
async function resumed(from: string, _: CheckpointSummary, options: Options, progress: Progress): Promise<Run> {
  const { to, device } = options;
  for (const name of ["add", "layers", "tokenizer"] as const) {
    if (options[name] === undefined) continue;
    throw new UserError(
      `--${name} ${options[name]}: a skill that is resumed has its own, in ${to}; leave the option out`,
    );
  }
  const unfinished = await loadUnfinished(to);
  const { config, state } = unfinished;
  const training = changedTraining(config, config.training, options.set);
  if (training.steps < state.step) {
    throw new UserError(`${to}: is at step ${state.step}, and training.steps is ${training.steps}; raise it`);
  }
  const named = await namedData(options);
  const data = dataGoingOn(dataOf(undefined, unfinished), { ...options, ...(named !== undefined && { data: named }) });
  const going = { ...config, training, growth: growthPlansOf(config) };
  const lacking = await momentNotes(unfinishedIn(to), unfinished);
  for (const line of [...notesOfResuming(unfinished, going, data), ...lacking]) note(line);
  await noteData(data);
  return resumeAdaptation({ from, to, data, training, device, onDataProgress: progress.onData });
}

/** What to learn, where it is named. */
async function dataFrom(options: Options): Promise<DataSource | undefined> {
  const train = await namedData(options);
  if (train === undefined) return undefined;
  const { validation } = options;
  return { train, ...readingOf(options), ...(validation !== undefined && { validation }) };
}

/** The training of a skill where nothing else is said, beside what depends on the model's own. */
const DEFAULTS = { steps: 500, learningRate: 3e-3, warmup: 20, evaluateEvery: 50, weightDecay: 0 };

function trainingOf({ config }: CheckpointSummary, set: readonly string[]): TrainingConfig {
  const { batch, microBatch, seed } = config.training;
  return changedTraining(config, { ...DEFAULTS, batch, microBatch, seed }, set);
}

function changedTraining(config: Config, training: object, set: readonly string[]): TrainingConfig {
  const other = set.find((assignment) => !assignment.startsWith("training."));
  if (other !== undefined) {
    throw new UserError(
      `--set ${other}: a skill has the model and the tokenizer of its run; only training.… can be set`,
    );
  }
  return changed({ ...config, training, growth: [] }, { set }, "the configuration").training;
}

/** Says what there is now, and what it is beside the model. */
async function conclude(run: string, { to, json }: Options, { step, interrupted }: EndEvent): Promise<void> {
  if (interrupted) {
    process.exitCode = 130;
    note(`stopped at step ${step}; go on with: tokenformer adapt ${run} --to ${to} --resume`);
  }
  if (!(await hasSkill(to))) return;
  const { record } = await loadSkill(to);
  const [skill, weights] = [await sizeOf(join(to, "skill.safetensors")), await sizeOf(join(run, "model.safetensors"))];
  const { steps, validationLoss } = record.training;
  if (json) {
    printJson({ to, steps, validationLoss, bytes: skill, share: skill / weights, interrupted });
    return;
  }
  const share = `${((100 * skill) / weights).toFixed(1)} % of the ${formatBytes(weights)} of ${run}`;
  const loss = validationLoss === undefined ? "" : ` with validation loss ${validationLoss.toFixed(4)}`;
  print(
    `the skill of step ${steps}${loss}, ${formatBytes(skill)} (${share}), is in ${to}; write with: tokenformer sample ${run} --with ${to} --prompt "…"`,
  );
}

const sizeOf = async (file: string): Promise<number> => (await stat(file)).size;
