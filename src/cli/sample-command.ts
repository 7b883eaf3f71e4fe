/** `tokenformer sample`: writes text. */

import { Command } from "commander";
import { generate } from "../generation/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { chosenTokenizer } from "../training/index.ts";
import { numberOption } from "./numbers.ts";
import { openRun, tokenizerOption, withModel } from "./open.ts";
import { printJson } from "./output.ts";
import { deviceOption } from "./train-command.ts";

interface Options {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP: number;
  readonly seed: number;
  readonly tokenizer?: string;
  readonly device: DeviceName;
  readonly json: boolean;
}

export const sampleCommand = () =>
  new Command("sample")
    .description("write text that goes on from a prompt: the text on stdout, all else on stderr")
    .argument("<run>", "folder of a run or checkpoint")
    .option("--prompt <text>", "what the text begins with", "")
    .option("--tokens <n>", "tokens to write", numberOption("--tokens"), 200)
    .option("--temperature <t>", "below 1 is bolder, 0 takes the most likely token", numberOption("--temperature"), 1)
    .option("--top-k <k>", "draw among the k most likely tokens", numberOption("--top-k"))
    .option("--top-p <p>", "draw among the most likely tokens of this probability in all", numberOption("--top-p"), 1)
    .option("--seed <n>", "the same seed writes the same text", numberOption("--seed"), 1)
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .option("--json", "print prompt and text as JSON", false)
    .action(runSample);

async function runSample(run: string, options: Options): Promise<void> {
  const checkpoint = await openRun(run);
  const tokenizer = await chosenTokenizer(checkpoint, run, options.tokenizer);
  const { context } = checkpoint.state.config;
  await withModel(checkpoint, options.device, async (inference) => {
    const next = (window: Int32Array) => inference.nextLogits(window);
    const pieces = generate(next, tokenizer, context, options);
    // Prompt and options are checked with the first piece, before anything is printed.
    const first = await pieces.next();
    let text = first.done === true ? "" : first.value;
    if (!options.json) process.stdout.write(options.prompt + text);
    for await (const piece of pieces) {
      text += piece;
      if (!options.json) process.stdout.write(piece);
    }
    if (options.json) printJson({ prompt: options.prompt, text });
    else process.stdout.write("\n");
  });
}
