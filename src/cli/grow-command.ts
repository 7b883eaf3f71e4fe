/** `tokenformer grow`: appends parameter tokens to a checkpoint, or widens it. */

import { Command, Option } from "commander";
import { hasCheckpoint, loadConfig } from "../checkpoint/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { growRun } from "../training/index.ts";
import { noteData } from "./data-notes.ts";
import { deviceOption } from "./device-option.ts";
import { type PlanOptions, planOfOptions } from "./growth-options.ts";
import { numberOption, wholeOption } from "./numbers.ts";
import { collected, momentNotes, noCheckpoint, notePatches, tokenizerOption } from "./open.ts";
import { note, print, printJson } from "./output.ts";
import { modelOption, moduleWords, strategyOption } from "./own-modules.ts";
import { growthLines } from "./progress.ts";

interface Options extends PlanOptions {
  readonly model?: readonly string[];
  readonly strategy?: readonly string[];
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
    .addOption(modelOption())
    .addOption(strategyOption("--init"))
    .requiredOption("--to <folder>", "where the grown checkpoint goes")
    .option(
      "--add <sites>",
      "tokens to append: q=32,k=32,v=32,proj=32,ffn=128, or attention=x2, all=x2 for twice as many",
    )
    .option("--width <n>", "new width of a Transformer, a multiple of a head's channels", wholeOption("--width"))
    .option(
      "--init <how>",
      "how new tokens start: zero-key, zero-value, split, random, or a strategy of your own (default: zero-key; with model.tokenNorm generation zero-value)",
    )
    .option("--option <key=value>", "what a strategy of your own is told; given again, more of it", collected)
    .addOption(
      new Option(
        "--tau <how>",
        "what becomes of τ (default: ramp; sqrt-n for strategies that do not preserve, such as random)",
      ).choices(["fixed", "sqrt-n", "ramp", "learned"]),
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
      "steps over which the learning rate of new tokens rises from zero (default: 50; where --new-rate is 4 by default, 200)",
      wholeOption("--new-warmup"),
    )
    .option(
      "--new-rate <x>",
      "what the learning rate of new tokens is multiplied by at first (default: 1; with zero-key in a balanced model, without --new-warmup, 4)",
      numberOption("--new-rate"),
    )
    .option("--new-rate-steps <n>", "steps over which that falls to 1 (default: 500)", wholeOption("--new-rate-steps"))
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
  const { to, data, seed, tokenizer, device, json, model, strategy: _, ...planned } = options;
  if (!(await hasCheckpoint(run))) throw await noCheckpoint(run);
  // The step is that of the checkpoint.
  const { step: __, ...plan } = planOfOptions(planned, 0, (await loadConfig(run)).model);
  if (data !== undefined) await noteData(data);
  const { checkpoint, report } = await growRun({ from: run, to, plan, data, seed, tokenizer, device });
  notePatches(checkpoint);
  if (plan.optimizer !== "reset") for (const line of await momentNotes(run, checkpoint)) note(line);
  const { step } = checkpoint.state;
  if (json) {
    printJson({ ...report, step, to });
    return;
  }
  for (const line of growthLines({ step, ...report })) print(line);
  note(
    `saved to ${to}; train on with: tokenformer train --resume --out ${to}${moduleWords({ model })} --set training.steps=${checkpoint.config.training.steps + 500}`,
  );
}
