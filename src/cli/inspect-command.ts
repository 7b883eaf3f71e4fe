/** `tokenformer inspect`: what a checkpoint is. */

import { Command } from "commander";
import type { CheckpointSummary } from "../checkpoint/portable.ts";
import { UserError } from "../errors.ts";
import { VOCABULARY_TABLES } from "../growth/index.ts";
import { formatCount, formatFlops } from "../lab/report/format.ts";
import { type CompleteModelConfig, countParameters, forwardFlops, trainingFlopsPerToken } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { deviceOption } from "./device-option.ts";
import { tokenizerOption, type WithOptions, withOption, withRun } from "./open.ts";
import { print, printJson, printTable } from "./output.ts";
import { modelOption } from "./own-modules.ts";
import { printUsage, usageJson, usageOf } from "./usage-table.ts";

export const inspectCommand = () =>
  new Command("inspect")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .option("--usage", "measure how much old and new parameter tokens are used, and their gradients", false)
    .option("--data <file>", "the text for --usage (default: what the run was trained on)")
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .option("--json", "print everything as JSON", false)
    .action(runInspect);

interface Options extends WithOptions {
  readonly usage: boolean;
  readonly data?: string;
  readonly tokenizer?: string;
  readonly device: DeviceName;
  readonly json: boolean;
}

async function runInspect(run: string, { json, usage, ...options }: Options): Promise<void> {
  for (const name of ["data", "tokenizer"] as const) {
    if (options[name] === undefined || usage) continue;
    throw new UserError(`--${name} ${options[name]}: only --usage reads a text; add --usage`);
  }
  return withRun(
    run,
    async (checkpoint) => {
      const measured = usage ? await usageOf(checkpoint, options) : undefined;
      if (json) printJson({ ...summary(checkpoint), ...(measured && { usage: usageJson(measured) }) });
      else if (measured) printUsage(measured);
      else printSummary(checkpoint);
    },
    options,
  );
}

function summary({ config, state, progress, tokenizer, dataName }: CheckpointSummary) {
  return {
    step: state.step,
    data: dataName,
    config,
    parameters: countParameters(state.config),
    flopsPerToken: flopsPerToken(state.config),
    vocabulary: { size: tokenizer?.vocabularySize ?? state.config.vocabulary, kind: tokenizer?.kind ?? "none" },
    lineage: Object.fromEntries(state.lineage),
    ramps: state.ramps,
    progress,
  };
}

function flopsPerToken(model: CompleteModelConfig) {
  return { forward: forwardFlops(model) / model.context, training: trainingFlopsPerToken(model) };
}

function printSummary({ config, state, tokenizer, dataName }: CheckpointSummary): void {
  const { forward, training } = flopsPerToken(state.config);
  const origin = dataName === "" ? "imported" : `trained on ${dataName}`;
  const without = tokenizer === undefined ? ", without a tokenizer" : "";
  print(`${state.config.type} at step ${state.step}, ${origin}${without}`);
  print();
  print(JSON.stringify(config, null, 2));
  print();
  printTable(
    Object.entries(countParameters(state.config)).map(([group, count]) => [
      group,
      formatCount(count),
      count.toLocaleString("en"),
    ]),
  );
  print(`  ${formatFlops(forward)} a token forward, ${formatFlops(training)} training`);
  // A τ that has become learned is no parameter token, nor is a token of the vocabulary.
  const generations = [...state.lineage].filter(([path]) => !path.endsWith(".tau") && !VOCABULARY_TABLES.has(path));
  if (generations.length === 0) return;
  print();
  print(
    `${state.config.type === "transformer" ? "channels" : "parameter tokens"}, by the step at which they were born:`,
  );
  printTable(
    generations.map(([site, its]) => [
      site,
      its.map(({ tokens, born, init }) => `${tokens} (${init}${born > 0 ? ` at ${born}` : ""})`).join(" + "),
    ]),
  );
}
