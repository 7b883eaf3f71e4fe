/** `tokenformer grow`: appends parameter tokens to a checkpoint, or widens it. */

import { Command, Option } from "commander";
import { chosenTokenizer, readMetricsUpTo, saveCheckpoint } from "../checkpoint/index.ts";
import type { Checkpoint } from "../checkpoint/portable.ts";
import { type GrowthReport, growthPlansOf, type ScheduledGrowth } from "../configuration/index.ts";
import { openCorpus } from "../data/index.ts";
import { UserError } from "../errors.ts";
import type { LockedFolder } from "../formats/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { consecutiveBatches } from "../text/index.ts";
import { memoryLimit, withNewRun } from "../training/index.ts";
import { checkMemory, growMeasured } from "../training/portable.ts";
import { type PlanOptions, planOf } from "./growth-options.ts";
import { numberOption, wholeOption } from "./numbers.ts";
import { checkpointOf, dataOf, type OpenedRun, tokenizerOption, withModel } from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { growthLines } from "./progress.ts";
import { deviceOption } from "./train-command.ts";

interface Options extends PlanOptions {
  readonly to: string;
  readonly data?: string;
  readonly seed?: number;
  readonly tokenizer?: string;
  readonly device: DeviceName;
  readonly json: boolean;
}

export const growCommand = () =>
  new Command("grow")
    .argument("<run>", "folder of a run or checkpoint")
    .requiredOption("--to <folder>", "where the grown checkpoint goes")
    .option("--add <sites>", "tokens to append: q=32,k=32,v=32,proj=32,ffn=128, or all=x2 for twice as many")
    .option("--width <n>", "new width of a Transformer, a multiple of a head's channels", wholeOption("--width"))
    .addOption(
      new Option("--init <how>", "how new tokens start (default: zero-key)").choices(["zero-key", "split", "random"]),
    )
    .addOption(
      new Option("--tau <how>", "what becomes of τ (default: ramp, for random sqrt-n)").choices([
        "fixed",
        "sqrt-n",
        "ramp",
        "learned",
      ]),
    )
    .option("--ramp-steps <n>", "steps of the ramp (default: 100)", wholeOption("--ramp-steps"))
    .addOption(
      new Option("--optimizer <how>", "what becomes of Adam's moments (default: new-only, for --width keep)").choices([
        "new-only",
        "keep",
        "reset",
      ]),
    )
    .option("--freeze <n>", "steps for which the old tokens are frozen (default: 0)", wholeOption("--freeze"))
    .option(
      "--new-warmup <n>",
      "steps over which the learning rate of new tokens rises from zero (default: 50)",
      wholeOption("--new-warmup"),
    )
    .option("--rewarm <n>", "steps over which the learning rate rises again (default: 0)", wholeOption("--rewarm"))
    .option("--restart", "let the schedule of the learning rate begin again, with its warm-up")
    .option("--learning-rate <rate>", "with --restart: the highest from here on", numberOption("--learning-rate"))
    .option("--warmup <n>", "with --restart: steps of the warm-up (default: training.warmup)", wholeOption("--warmup"))
    .option("--layers <list>", "blocks that grow, from 0: 0,2 (default: all)")
    .option("--data <file>", "text for the preservation check (default: what the run was trained on)")
    .option("--seed <n>", "seeds the new tokens (default: the run's)", wholeOption("--seed"))
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .option("--json", "print what changed as JSON", false)
    .action(runGrow);

async function runGrow(run: string, options: Options): Promise<void> {
  const { to, data: _, seed: __, tokenizer: ___, device: ____, json, ...planned } = options;
  const checkpoint = await checkpointOf(run);
  const plan = planOf(planned, checkpoint.state.step);
  const memory = { limit: memoryLimit(), computes: options.device === "cpu" };
  checkMemory(checkpoint.config, checkpoint.state.config, memory, [plan]);
  const report = await withNewRun(to, (folder) => growTo(folder, checkpoint, plan, options));
  const { step } = checkpoint.state;
  if (json) {
    printJson({ ...report, step, to });
    return;
  }
  for (const line of growthLines({ step, ...report })) print(line);
  note(
    `saved to ${to}; train on with: tokenformer train --resume --out ${to} --set training.steps=${checkpoint.config.training.steps + 500}`,
  );
}

/** Grows a checkpoint, measures what that changed, and saves it. */
async function growTo(
  to: LockedFolder,
  checkpoint: Checkpoint & OpenedRun,
  plan: ScheduledGrowth,
  { data, seed = checkpoint.config.training.seed, tokenizer: tokenizerFile, device }: Options,
): Promise<GrowthReport> {
  const { directory: run, state: old } = checkpoint;
  const tokenizer = await chosenTokenizer(checkpoint, run, tokenizerFile);
  const corpus = await openCorpus(dataOf(data, checkpoint), tokenizer);
  const [batch] = consecutiveBatches(corpus.validation, { sequences: 8, context: old.config.context });
  if (batch === undefined)
    throw new UserError(
      `${corpus.name}: too short for the preservation check, expected at least 20 tokens; give a longer text`,
    );
  const { state, report } = await withModel(checkpoint, device, (inference) =>
    growMeasured(inference, old, plan, seed, batch),
  );
  const { tokens, flops, seconds } = checkpoint.progress;
  const records = await readMetricsUpTo(checkpoint, run);
  const growth = { step: state.step, growth: { ...report, tokens, flops, seconds } };
  await saveCheckpoint(to, { ...withGrowth(checkpoint, plan), state, tokenizer }, [...records, growth]);
  return report;
}

/** A checkpoint that records a plan as applied: a later run takes its schedule from there. */
function withGrowth(checkpoint: Checkpoint, plan: ScheduledGrowth): Checkpoint {
  const { config, progress } = checkpoint;
  const growth = growthPlansOf(config).toSpliced(progress.growthsDone, 0, plan);
  return {
    ...checkpoint,
    config: { ...config, growth },
    progress: { ...progress, growthsDone: progress.growthsDone + 1 },
  };
}
