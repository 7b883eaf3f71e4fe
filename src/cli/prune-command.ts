/** `tokenformer prune`: drops the parameter tokens that a text uses least. */

import { Command, Option } from "commander";
import { type PruneReport, pruneMeasured } from "../analysis/index.ts";
import { chosenTokenizer, dataOf, readMetricsUpTo, saveCheckpoint } from "../checkpoint/index.ts";
import { type Checkpoint, withState } from "../checkpoint/portable.ts";
import { UserError } from "../errors.ts";
import type { LockedFolder } from "../formats/index.ts";
import type { PruneOptions } from "../growth/index.ts";
import { formatCount, formatRate } from "../lab/report/format.ts";
import type { DeviceName } from "../runtime/index.ts";
import {
  type Batch,
  type Corpus,
  randomBatch,
  requireTokens,
  sequencesPerPass,
  type Tokenizer,
} from "../text/index.ts";
import { withNewRun } from "../training/index.ts";
import { deviceOption } from "./device-option.ts";
import { numberOption } from "./numbers.ts";
import {
  checkpointOf,
  momentNotes,
  type OpenedRun,
  tokenizerOption,
  validationOf,
  withCorpus,
  withModel,
} from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { modelOption } from "./own-modules.ts";

interface Options extends PruneOptions {
  readonly to: string;
  readonly calibrate?: string;
  readonly data?: string;
  readonly tokenizer?: string;
  readonly device: DeviceName;
  readonly json: boolean;
}

/** Passes that the use of the tokens is measured on. */
const CALIBRATION_PASSES = 8;

export const pruneCommand = () =>
  new Command("prune")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .requiredOption("--to <folder>", "where the pruned checkpoint goes")
    .requiredOption("--keep <share>", "share of the parameter tokens that stay, such as 0.7", numberOption("--keep"))
    .option("--calibrate <file>", "text whose training part tells which tokens are used (default: that of --data)")
    .option("--data <file>", "text whose validation part compares both models (default: what the run was trained on)")
    .addOption(
      new Option("--by <what>", "rank all tokens of the model together, or keep the share of each site")
        .choices(["model", "site"])
        .default("model"),
    )
    .addOption(
      new Option("--tau <how>", "make up for what the norm loses with the dropped tokens, or leave τ fixed")
        .choices(["corrected", "fixed"])
        .default("corrected"),
    )
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .option("--json", "print what changed as JSON", false)
    .action(runPrune);

async function runPrune(run: string, options: Options): Promise<void> {
  const { to, keep, json } = options;
  if (!(keep > 0 && keep <= 1)) {
    throw new UserError(`--keep ${keep}: expected a share above 0 and up to 1, such as 0.7 for 70 % of the tokens`);
  }
  const checkpoint = await checkpointOf(run);
  for (const line of await momentNotes(run, checkpoint)) note(line);
  const report = await withNewRun(to, (folder) => pruneTo(folder, checkpoint, options));
  if (json) printJson({ ...report, step: checkpoint.state.step, to });
  else printReport(report, to);
}

/** Prunes a checkpoint, measures what that changed, and saves it. */
async function pruneTo(to: LockedFolder, checkpoint: Checkpoint & OpenedRun, options: Options): Promise<PruneReport> {
  const { keep, by, tau, device } = options;
  const { directory: run, state: old } = checkpoint;
  const tokenizer = await chosenTokenizer(checkpoint, run, options.tokenizer);
  const texts = await textsOf(checkpoint, tokenizer, options);
  const { state, report } = await withModel(checkpoint, device, (inference) =>
    pruneMeasured(inference, old, { keep, by, tau }, texts),
  );
  // The lowest loss so far was another model's.
  const { best: _, ...progress } = checkpoint.progress;
  const records = await readMetricsUpTo(checkpoint, run);
  const pruning = { step: state.step, pruning: report };
  await saveCheckpoint(to, withState({ ...checkpoint, progress, tokenizer }, state), [...records, pruning]);
  return report;
}

/** The texts of both purposes: random windows of the one's training part, the other's validation part. */
async function textsOf(checkpoint: Checkpoint, tokenizer: Tokenizer, { calibrate, data }: Options) {
  const { context } = checkpoint.state.config;
  return withCorpus(dataOf(data, checkpoint), tokenizer, async (corpus) => {
    const calibration = (other: Corpus) => calibrationBatches(other, context);
    return {
      calibration: await (calibrate === undefined
        ? calibration(corpus)
        : withCorpus(calibrate, tokenizer, calibration)),
      validation: validationOf(corpus, checkpoint),
    };
  });
}

function calibrationBatches({ train, name }: Corpus, context: number): Batch[] {
  requireTokens(train, context, `${name}: the training part`);
  const sequences = sequencesPerPass(context);
  return Array.from({ length: CALIBRATION_PASSES }, (_, step) =>
    randomBatch(train, { seed: 1, step, sequences, context, stream: "calibration" }),
  );
}

function printReport(report: PruneReport, to: string): void {
  const { keep, by, tau, lossBefore, lossAfter } = report;
  const perplexity = (loss: number) => Math.exp(loss).toFixed(3);
  const speeds = [report.tokensPerSecondBefore, report.tokensPerSecondAfter];
  const [before, after] = speeds.map((speed) => formatRate(speed, "tokens"));
  const faster = report.tokensPerSecondAfter / report.tokensPerSecondBefore;
  print(`pruned by ${by} to ${keep} of the parameter tokens, τ ${tau}: ${report.tokensBefore} → ${report.tokensAfter}`);
  print(`  parameters ${formatCount(report.parametersBefore)} → ${formatCount(report.parametersAfter)}`);
  print(`  validation loss ${lossBefore.toFixed(4)} → ${lossAfter.toFixed(4)}`);
  print(`  perplexity ${perplexity(lossBefore)} → ${perplexity(lossAfter)}`);
  print(`  evaluation ${before} → ${after}, ${faster.toFixed(2)} times as fast`);
  note(`saved to ${to}; it samples, evaluates and trains on like any run`);
}
