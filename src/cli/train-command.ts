/** `tokenformer train`: trains a model, growing it on the way where asked to. */

import { Command } from "commander";
import { dataOf, hasCheckpoint, loadSummary, type OpenedCheckpoint, openCheckpoint } from "../checkpoint/index.ts";
import type { CheckpointSummary } from "../checkpoint/portable.ts";
import { together } from "../cluster/index.ts";
import type { Config, EndEvent, StartEvent, TrainingEvent } from "../configuration/index.ts";
import type { DataSource } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import type { LockedFolder } from "../formats/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { bytesAnUpdate, lockRun, train } from "../training/index.ts";
import { configurationOf } from "./configuration.ts";
import { cooldownLength, cooledDown } from "./cooldown.ts";
import { noteData } from "./data-notes.ts";
import {
  type DataOptions,
  dataGoingOn,
  extendOption,
  lossOnOption,
  separateOption,
  specialTokensOption,
  textKeyOption,
} from "./data-options.ts";
import { deviceOption } from "./device-option.ts";
import { withInterrupt } from "./interrupt.ts";
import { collected, dataOption, momentNotes, noCheckpoint, notePatches, validationOption } from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { modelOption, moduleWords, ownModelToTrain, strategyOption } from "./own-modules.ts";
import { Progress } from "./progress.ts";
import { type RankOptions, rankOptions, type Shares, sharesOf, withRanks } from "./ranks.ts";
import { notesOfResuming, resumedConfig } from "./resuming.ts";
import { dataListOption, namedData } from "./text-input.ts";

interface Options extends RankOptions, DataOptions {
  readonly model?: readonly string[];
  readonly strategy?: readonly string[];
  readonly preset?: string;
  readonly config?: string;
  readonly set: string[];
  readonly growAt: string[];
  readonly dataList?: string;
  readonly out?: string;
  readonly device: DeviceName;
  readonly resume: boolean;
  readonly from?: string;
  readonly restart: boolean;
  readonly cooldown?: string | true;
  readonly tokenizer?: string;
  readonly json: boolean;
}

export function trainCommand(): Command {
  const command = new Command("train")
    .option("--preset <name>", "a named configuration, see `tokenformer presets` (default: mini)")
    .addOption(modelOption())
    .addOption(strategyOption("the init of --grow-at"))
    .option("--config <file>", "a JSON file with a configuration, instead of a preset")
    .option("--set <key=value>", "change the configuration, for example training.learningRate=1e-3", collected, [])
    .option(
      "--grow-at <step:plan>",
      "grow after a step, for example 400:q=32,k=32,v=32,proj=32,ffn=128;init=split",
      collected,
      [],
    )
    .addOption(dataOption())
    .addOption(dataListOption())
    .addOption(validationOption())
    .addOption(textKeyOption())
    .addOption(specialTokensOption())
    .addOption(extendOption())
    .addOption(lossOnOption())
    .addOption(separateOption())
    .option("--out <folder>", "where checkpoints and metrics.jsonl go (default: nowhere)")
    .addOption(deviceOption())
    .option("--resume", "go on from the checkpoint in --out", false)
    .option("--from <run>", "start a new run from this one: its weights, optimiser state, tokenizer, model and step")
    .option("--restart", "with --from: from step 0, with fresh optimiser state, as for fine-tuning", false)
    .option(
      "--cooldown [length]",
      "with --from: end the run with a learning rate that falls to 0 by 1 - √, over 20% of all updates, another share, or a number of updates",
    )
    .option(
      "--tokenizer <choice>",
      '"character", "character+unknown", "bpe:1024", a tokenizer.json, or "ids" for token files without one (default: the configuration\'s)',
    )
    .option("--json", "print a summary as JSON at the end", false)
    .action(runTrain);
  for (const option of rankOptions()) command.addOption(option);
  return command;
}

async function runTrain(given: Options): Promise<void> {
  await withRanks(given, async (ranks) => {
    const communicator = ranks?.communicator;
    const options = await together(communicator, async () => {
      checkCombination(given);
      const data = await namedData(given);
      return { ...given, ...(data !== undefined && { data }) };
    });
    // Rank 0 alone writes there; the others read.
    const locks = options.out !== undefined && (communicator?.rank ?? 0) === 0;
    const folder = await together(communicator, async () => (locks ? lockRun(options.out ?? "") : undefined));
    try {
      const task = await together(communicator, async () => checkedSums(await taskOf(options), options));
      try {
        await follow(options, folder, task, sharesOf(ranks, options.device));
      } finally {
        await task.from?.close();
      }
    } finally {
      await folder?.release();
    }
  });
}

function checkCombination({ out, resume, from, restart, cooldown, extendVocabulary }: Options): void {
  if (resume && out === undefined)
    throw new UserError("--resume: needs --out, the folder with the checkpoint to go on from");
  if (extendVocabulary === true && from === undefined)
    throw new UserError("--extend-vocabulary: needs --from, the run whose vocabulary to extend");
  if (restart && from === undefined)
    throw new UserError("--restart: needs --from, the run whose weights to start from");
  if (cooldown === undefined) return;
  if (from === undefined) throw new UserError("--cooldown: needs --from, the run to branch off");
  if (restart) throw new UserError("--cooldown and --restart: a cooldown goes on from where the run is; leave one out");
}

function checkedSums(task: TrainingTask, { sumOrder }: Options): TrainingTask {
  const { communicationDtype } = task.config.training;
  if (sumOrder === "fixed" || communicationDtype === "float32") return task;
  throw new UserError(
    `--sum-order library: MPI libraries do not add up ${communicationDtype}, which training.communicationDtype is; leave --sum-order out`,
  );
}

/** What to train, on what, and from where. */
interface TrainingTask {
  readonly config: Config;
  readonly data: DataSource;
  readonly from?: OpenedCheckpoint;
  /** Steps that were made before, of a run that is resumed. */
  readonly made?: number;
  readonly notes: readonly string[];
}

/** The configuration and data: of the checkpoint where one is gone on from, with the changes asked for. */
async function taskOf(options: Options): Promise<TrainingTask> {
  const { out, resume, from, restart, cooldown } = options;
  if (resume && out !== undefined) return resumed(options, out);
  if (from === undefined) {
    const own = options.model && (await ownModelToTrain(options));
    const config = await configurationOf({ ...options, ...(own !== undefined && { ownModel: own }) });
    return { config, data: dataFrom(options, { dataName: "" }), notes: [] };
  }
  if (!(await hasCheckpoint(from))) throw await noCheckpoint(from);
  const opened = await openCheckpoint(from);
  try {
    const { summary } = opened;
    notePatches(summary);
    checkTokenizer(options, summary, from);
    const start = restart ? { ...summary.config, growth: [] } : summary.config;
    const length = cooldown === undefined ? undefined : cooldownLength(cooldown);
    const asked = await configurationOf(options, start);
    const config = length === undefined ? asked : cooledDown(asked, summary, from, length);
    const notes = restart ? [] : await momentNotes(from, summary);
    return { config, data: dataFrom(options, summary), from: opened, notes };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function resumed(options: Options, out: string): Promise<TrainingTask> {
  if (!(await hasCheckpoint(out))) {
    throw new UserError(`--resume: there is no run in ${out}; check --out, or leave --resume out to start one`);
  }
  const summary = await loadSummary(out);
  notePatches(summary);
  checkTokenizer(options, summary, out);
  const config = resumedConfig(summary, options, out);
  const { step } = summary.state;
  const { steps } = config.training;
  if (steps < step) {
    throw new UserError(
      `${out}: is at step ${step}, and training.steps is ${steps}; raise it, or start from the checkpoint anew with --from ${out} --restart`,
    );
  }
  const data = dataFrom(options, summary);
  // What is trained to its end has no use for moments.
  const lacking = steps > step ? await momentNotes(out, summary) : [];
  const notes = [...notesOfResuming(summary, config, data), ...lacking];
  return { config, data, made: step, notes };
}

async function follow(
  options: Options,
  folder: LockedFolder | undefined,
  task: TrainingTask,
  shares: Shares,
): Promise<void> {
  const { config, data, from, made, notes } = task;
  const { out, resume, device, json, restart } = options;
  for (const line of notes) note(line);
  await noteData(data);
  const progress = new Progress(shares.communicator?.size);
  let summary: Record<string, unknown> = {};
  const all = async (signal: AbortSignal) => {
    const events = train({
      config,
      data,
      from,
      out: folder ?? out,
      resume,
      restart,
      device,
      signal,
      onDataProgress: progress.onData,
      ...shares,
    });
    for await (const event of events) {
      progress.show(event);
      if (event.type === "start" && device === "cpu") noteTraffic(event, shares);
      summary = summarised(summary, event);
      if (event.type !== "end") continue;
      if (json) printJson({ ...summary, step: event.step, interrupted: event.interrupted });
      conclude(event, options, made);
    }
  };
  try {
    await withInterrupt("stopping after this step", all);
  } finally {
    progress.stop();
  }
}

/** Says what ranks send each other. */
function noteTraffic({ config, parameters }: StartEvent, { communicator }: Shares): void {
  const { communicationDtype, localSteps } = config.training;
  if (communicator !== undefined) {
    const megabytes = (localSteps * bytesAnUpdate(config, parameters.total, communicator.size)) / 1e6;
    const often = localSteps === 1 ? "an update" : `once in ${localSteps} updates`;
    note(`each rank sends ${megabytes.toPrecision(3)} MB ${often} (${communicationDtype})`);
  } else if (communicationDtype !== "float32") {
    note(`warning: training.communicationDtype is ${communicationDtype}, and nothing is sent: this process is alone`);
  }
}

/** What `--json` prints at the end, with what an event adds. */
function summarised(summary: Readonly<Record<string, unknown>>, event: TrainingEvent): Record<string, unknown> {
  switch (event.type) {
    case "start":
      return { parameters: event.parameters.total };
    case "step": {
      const { step, loss, tokensPerSecond } = event;
      return { ...summary, step, loss, tokensPerSecond };
    }
    case "validation": {
      const { validationLoss, perplexity, bitsPerByte } = event;
      return { ...summary, validationLoss, perplexity, bitsPerByte };
    }
    case "growth":
      return { ...summary, parameters: event.parametersAfter };
    default:
      return summary;
  }
}

/** Says how it ended. */
function conclude(
  { step, interrupted }: EndEvent,
  { out, json, model, strategy }: Pick<Options, "out" | "json" | "model" | "strategy">,
  made: number | undefined,
): void {
  if (interrupted) {
    const words = moduleWords({ model, strategy });
    note(
      `stopped at step ${step}${out === undefined ? "" : `; go on with: tokenformer train --resume --out ${out}${words}`}`,
    );
    process.exitCode = 130;
  } else if (made === step) {
    note(`${out}: was trained to its end, ${step} steps, before; to train on, add: --set training.steps=${2 * step}`);
  } else if (!json && out !== undefined) {
    print(
      `trained ${step} steps, saved to ${out}; write with: tokenformer sample ${out}${moduleWords({ model })} --prompt "…"`,
    );
  }
}

/** The data named, else what the checkpoint was trained on, with other validation data where that is named. */
function dataFrom(options: Options, summary: Pick<CheckpointSummary, "data" | "dataName">): DataSource {
  const { data, resume } = options;
  // Another run reads data of its own in its own way; the same run reads other data as it did.
  const before = resume ? undefined : data && { train: data };
  return dataGoingOn(dataOf(before, summary), options);
}

/** Refuses a tokenizer that would take the place of a checkpoint's own. */
function checkTokenizer({ tokenizer, set }: Options, summary: CheckpointSummary, run: string): void {
  const assigned = set.findLast((assignment) => assignment.startsWith("tokenizer="));
  const option = tokenizer === undefined ? assigned && `--set ${assigned}` : `--tokenizer ${tokenizer}`;
  if (option === undefined || summary.tokenizer === undefined) return;
  throw new UserError(
    `${option}: ${run} has a tokenizer of its own, which its model was trained with; leave the option out`,
  );
}
