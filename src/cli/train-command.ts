/** `tokenformer train`: trains a model, growing it on the way where asked to. */

import { Command, Option } from "commander";
import { UserError } from "../errors.ts";
import { type DeviceName, deviceNames } from "../runtime/index.ts";
import {
  type CheckpointSummary,
  type Config,
  type DataSource,
  dataFilesOf,
  hasCheckpoint,
  loadSummary,
  train,
} from "../training/index.ts";
import { changed, configurationOf } from "./configuration.ts";
import { noteFolders } from "./data-notes.ts";
import { withInterrupt } from "./interrupt.ts";
import { dataOf, dataOption, noCheckpoint, validationOption } from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { Progress } from "./progress.ts";

interface Options {
  readonly preset?: string;
  readonly config?: string;
  readonly set: string[];
  readonly growAt: string[];
  readonly data?: string[];
  readonly validation?: string[];
  readonly out?: string;
  readonly device: DeviceName;
  readonly resume: boolean;
  readonly from?: string;
  readonly restart: boolean;
  readonly tokenizer?: string;
  readonly json: boolean;
}

export const collect = (value: string, previous: string[]) => [...previous, value];

export const deviceOption = () => new Option("--device <name>", "where to compute").choices(deviceNames).default("cpu");

export const trainCommand = () =>
  new Command("train")
    .option("--preset <name>", "a named configuration, see `tokenformer presets` (default: mini)")
    .option("--config <file>", "a JSON file with a configuration, instead of a preset")
    .option("--set <key=value>", "change the configuration, for example training.learningRate=1e-3", collect, [])
    .option(
      "--grow-at <step:plan>",
      "grow after a step, for example 400:q=32,k=32,v=32,proj=32,ffn=128;init=split",
      collect,
      [],
    )
    .addOption(dataOption())
    .addOption(validationOption())
    .option("--out <folder>", "where checkpoints and metrics.jsonl go (default: nowhere)")
    .addOption(deviceOption())
    .option("--resume", "go on from the checkpoint in --out, if there is one", false)
    .option("--from <run>", "start a new run from this one: its weights, optimiser state, tokenizer, model and step")
    .option("--restart", "with --from: from step 0, with fresh optimiser state, as for fine-tuning", false)
    .option(
      "--tokenizer <choice>",
      '"character", "character+unknown", "bpe:1024", or a tokenizer.json (default: the configuration\'s)',
    )
    .option("--json", "print a summary as JSON at the end", false)
    .action(runTrain);

async function runTrain(options: Options): Promise<void> {
  const { config, data } = await whatToTrain(options);
  await noteFolders(data);
  const progress = new Progress();
  try {
    await withInterrupt("stopping after this step", (signal) => follow(options, config, data, progress, signal));
  } finally {
    progress.stop();
  }
}

async function follow(options: Options, config: Config, data: DataSource, progress: Progress, signal: AbortSignal) {
  const { out, resume, device, json, from, restart } = options;
  let summary: Record<string, unknown> = {};
  const places = { ...(out !== undefined && { out }), ...(from !== undefined && { from }) };
  for await (const event of train({ config, data, resume, restart, device, signal, ...places })) {
    progress.show(event);
    if (event.type === "start") summary = { parameters: event.parameters.total };
    if (event.type === "step")
      summary = { ...summary, step: event.step, loss: event.loss, tokensPerSecond: event.tokensPerSecond };
    if (event.type === "validation") {
      const { validationLoss, perplexity, bitsPerByte } = event;
      summary = { ...summary, validationLoss, perplexity, bitsPerByte };
    }
    if (event.type === "growth") summary = { ...summary, parameters: event.parametersAfter };
    if (event.type !== "end") continue;
    if (json) printJson({ ...summary, step: event.step, interrupted: event.interrupted });
    if (event.interrupted) {
      note(
        out === undefined
          ? `stopped at step ${event.step}`
          : `stopped at step ${event.step}; go on with: tokenformer train --resume --out ${out}`,
      );
      process.exitCode = 130;
    } else if (!json && out !== undefined) {
      print(`trained ${event.step} steps, saved to ${out}; write with: tokenformer sample ${out} --prompt "…"`);
    }
  }
}

/** The configuration and data: of the checkpoint where one is gone on from, with the changes asked for. */
async function whatToTrain(options: Options): Promise<{ config: Config; data: DataSource }> {
  const { out, resume, from, restart } = options;
  if (resume && out === undefined)
    throw new UserError("--resume: needs --out, the folder with the checkpoint to go on from");
  if (restart && from === undefined)
    throw new UserError("--restart: needs --from, the run whose weights to start from");
  if (resume && out !== undefined && (await hasCheckpoint(out))) {
    const summary = await tokenizerChecked(options, out);
    return { config: changed(summary.config, options, out), data: dataFrom(options, summary) };
  }
  if (from === undefined) return { config: await configurationOf(options), data: dataFrom(options, { dataName: "" }) };
  if (!(await hasCheckpoint(from))) throw noCheckpoint(from);
  const summary = await tokenizerChecked(options, from);
  const start = restart ? { ...summary.config, growth: [] } : summary.config;
  return { config: await configurationOf(options, start), data: dataFrom(options, summary) };
}

/** The data named, else what the checkpoint was trained on, with other validation data where that is named. */
function dataFrom({ data, validation }: Options, summary: Pick<CheckpointSummary, "data" | "dataName">): DataSource {
  const source = dataOf(data && { train: data }, summary);
  return validation === undefined ? source : { ...dataFilesOf(source), validation };
}

/** What is gone on from, where no tokenizer is named that would take the place of its own. */
async function tokenizerChecked({ tokenizer }: Options, run: string): Promise<CheckpointSummary> {
  const summary = await loadSummary(run);
  if (tokenizer === undefined || summary.tokenizer === undefined) return summary;
  throw new UserError(
    `--tokenizer ${tokenizer}: ${run} has a tokenizer of its own, which its model was trained with; leave the option out`,
  );
}
