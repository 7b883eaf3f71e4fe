/** `tokenformer eval`: the loss on a text, or the score on a task. */

import { Command, Option } from "commander";
import { dataOf } from "../checkpoint/index.ts";
import { UserError } from "../errors.ts";
import { type TaskType, taskTypes } from "../evaluation/index.ts";
import { Inference } from "../inference/index.ts";
import type { QuantizationName } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import {
  type Corpus,
  consecutiveBatches,
  hasDocuments,
  learnedBytes,
  measureBytes,
  type TokenSource,
} from "../text/index.ts";
import { deviceOption } from "./device-option.ts";
import { evaluateTaskFile } from "./eval-task.ts";
import { wholeOption } from "./numbers.ts";
import {
  type OpenedRun,
  quantizeOption,
  tokenizerOf,
  tokenizerOption,
  type WithOptions,
  withCorpus,
  withModel,
  withOption,
  withRun,
} from "./open.ts";
import { print, printJson } from "./output.ts";
import { modelOption } from "./own-modules.ts";

const splits = ["validation", "train", "all"] as const;

interface Options extends WithOptions {
  readonly data?: string;
  readonly split?: (typeof splits)[number];
  readonly tokenizer?: string;
  readonly task?: string;
  readonly taskType?: TaskType;
  readonly longest?: number;
  readonly quantize?: QuantizationName;
  readonly device: DeviceName;
  readonly json: boolean;
}

export const evalCommand = () =>
  new Command("eval")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .option("--data <file>", "a text or token file (default: what the run was trained on)")
    .addOption(
      new Option("--split <name>", "the last 10 % of the text, the first 90 %, or all (default: validation)").choices(
        splits,
      ),
    )
    .addOption(tokenizerOption())
    .option("--task <file>", "a JSON Lines file in the layout of a known task, instead of a text")
    .addOption(
      new Option(
        "--task-type <name>",
        "its layout; text: whole texts {text}, as for WikiText (default: told by its keys)",
      ).choices(taskTypes),
    )
    .option(
      "--longest <tokens>",
      "longest sequence of a task; what is longer loses its beginning (default: context + 1)",
      wholeOption("--longest"),
    )
    .addOption(quantizeOption())
    .addOption(deviceOption())
    .option("--json", "print the results as JSON", false)
    .action(runEval);

async function runEval(run: string, options: Options): Promise<void> {
  if (options.task === undefined) return evaluateText(run, options);
  if (options.data !== undefined) throw new UserError("--task and --data: give one of them, a task or a text");
  if (options.split !== undefined) throw new UserError("--task and --split: a task has no splits; leave --split out");
  return evaluateTaskFile(run, options.task, options);
}

async function evaluateText(run: string, options: Options): Promise<void> {
  if (options.taskType !== undefined || options.longest !== undefined) {
    throw new UserError("--task-type and --longest: are for a task; name its file with --task");
  }
  return withRun(run, (checkpoint) => evaluateSplit(checkpoint, options), options);
}

async function evaluateSplit(checkpoint: OpenedRun, options: Options): Promise<void> {
  const tokenizer = await tokenizerOf(checkpoint, options.tokenizer);
  const data = dataOf(options.data, checkpoint);
  const result = await withCorpus(data, tokenizer, (corpus) => measure(checkpoint, corpus, options));
  if (options.json) printJson(result);
  else printText(result);
}

/** The loss on the parts of a text. Its windows are made as they are needed: a text may be larger than memory. */
async function measure(checkpoint: OpenedRun, corpus: Corpus, options: Options): Promise<TextResult> {
  const { name, tokenizer } = corpus;
  const { split = "validation", quantize } = options;
  const { context } = checkpoint.state.config;
  const parts: TokenSource[] = split === "all" ? [corpus.train, corpus.validation] : [corpus[split]];
  const batches = function* () {
    for (const part of parts) yield* consecutiveBatches(part, { context });
  };
  const [first] = batches();
  if (first === undefined)
    throw new UserError(`${name}: the ${split} split has no token to predict; give a longer text or --split all`);
  const { loss, tokens, rounded } = await withModel(checkpoint, options.device, async (inference) => {
    const { device, model, parameters, given } = inference;
    const rounded = quantize && new Inference(device, model, parameters, given, quantize);
    return { ...(await inference.evaluate(batches())), rounded: await rounded?.evaluate(batches()) };
  });
  // The bytes are of the tokens that are predicted: all but the first of each part, or those that are learned of documents.
  const bytesOf = (part: TokenSource) =>
    hasDocuments(part)
      ? learnedBytes(tokenizer, consecutiveBatches(part, { context }))
      : measureBytes(tokenizer, part, 1, part.length - 1);
  const bytes = parts.reduce((sum, part) => sum + bytesOf(part), 0);
  const bitsPerByte = (loss / Math.LN2) * (tokens / bytes);
  const quantized = rounded && { bits: quantize, loss: rounded.loss, perplexity: Math.exp(rounded.loss) };
  return { loss, perplexity: Math.exp(loss), bitsPerByte, tokens, split, data: name, quantized };
}

interface TextResult {
  readonly data: string;
  readonly split: string;
  readonly tokens: number;
  readonly loss: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
  /** The measurement with rounded weights, if that was asked for. */
  readonly quantized:
    | { readonly bits: string | undefined; readonly loss: number; readonly perplexity: number }
    | undefined;
}

function printText({ data, split, tokens, loss, perplexity, bitsPerByte, quantized }: TextResult): void {
  print(`${data}, ${split} split, ${tokens} tokens`);
  print(
    `loss ${loss.toFixed(4)} nats per token, perplexity ${perplexity.toFixed(3)}, ${bitsPerByte.toFixed(4)} bits per byte`,
  );
  if (quantized === undefined) return;
  const more = 100 * (quantized.perplexity / perplexity - 1);
  const change = `${more < 0 ? "" : "+"}${more.toFixed(2)} %`;
  print(
    `with weights in ${quantized.bits}: loss ${quantized.loss.toFixed(4)}, perplexity ${quantized.perplexity.toFixed(3)} (${change})`,
  );
}
