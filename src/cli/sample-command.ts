/** `tokenformer sample`: writes text. */

import { Command, Option } from "commander";
import { UserError } from "../errors.ts";
import { contextModes, type GenerateOptions, openSequences, write } from "../generation/index.ts";
import type { Inference } from "../inference/index.ts";
import type { QuantizationName } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { StreamDecoder, type Tokenizer } from "../text/index.ts";
import { deviceOption } from "./device-option.ts";
import { wholeOption } from "./numbers.ts";
import {
  collected,
  type OpenedRun,
  quantizeOption,
  tokenizerOf,
  tokenizerOption,
  type WithOptions,
  withModel,
  withOption,
  withRun,
} from "./open.ts";
import { outputIsClosed, printJson } from "./output.ts";
import { modelOption } from "./own-modules.ts";
import { type Sampling, withSampling } from "./sampling-options.ts";
import { promptFrom } from "./text-input.ts";

interface Options extends Sampling, WithOptions {
  readonly prompt: readonly string[];
  readonly promptFile: readonly string[];
  readonly tokens: number;
  readonly stop: readonly string[];
  readonly context: NonNullable<GenerateOptions["atContext"]>;
  readonly logprobs?: number;
  readonly quantize?: QuantizationName;
  readonly tokenizer?: string;
  readonly device: DeviceName;
  readonly json: boolean;
}

export const sampleCommand = () =>
  withSampling(new Command("sample"))
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .option(
      "--prompt <text>",
      "what the text begins with; given again, several texts are written at once",
      collected,
      [],
    )
    .option("--prompt-file <file>", "a file with such a text; - reads standard input", collected, [])
    .option("--tokens <n>", "tokens to write", wholeOption("--tokens"), 200)
    .option("--stop <text>", "end before this text; given again, before any of them", collected, [])
    .addOption(
      new Option("--context <mode>", "when the model's context is full: go on from its later half, or stop")
        .choices(contextModes)
        .default("slide"),
    )
    .option(
      "--logprobs <n>",
      "with --json: score each token, and list the n likeliest in its place",
      wholeOption("--logprobs"),
    )
    .addOption(quantizeOption())
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .option("--json", "print prompt and text as JSON, a list for several prompts", false)
    .action(runSample);

async function runSample(run: string, options: Options): Promise<void> {
  if (options.logprobs !== undefined && !options.json) throw new UserError("--logprobs needs --json");
  return withRun(run, (checkpoint) => sampleFrom(checkpoint, options), options);
}

async function sampleFrom(checkpoint: OpenedRun, options: Options): Promise<void> {
  const tokenizer = await tokenizerOf(checkpoint, options.tokenizer);
  const prompts = [...options.prompt];
  for (const file of options.promptFile) prompts.push(await promptFrom(file));
  if (prompts.length === 0) prompts.push("");
  const use = async (inference: Inference) => {
    const decoder = await openSequences(inference, checkpoint.state.config, { slots: prompts.length });
    // The program has a copy of the weights.
    if (decoder.holdsWeights) await inference.device.dispose(inference.parameters.values());
    const writing = prompts.map((prompt) => ({
      prompt,
      pieces: write(decoder, tokenizer, optionsOf(prompt, options)),
    }));
    if (options.json) {
      const texts = await Promise.all(writing.map(({ prompt, pieces }) => textOf(prompt, pieces, tokenizer)));
      printJson(texts.length === 1 ? texts[0] : texts);
    } else await printTexts(writing);
  };
  await withModel(checkpoint, options.device, use, options.quantize);
}

function optionsOf(prompt: string, { context, logprobs, promptFile: _, ...options }: Options): GenerateOptions {
  return { ...options, prompt, atContext: context, scores: logprobs };
}

/** A prompt, and what is being written after it. */
interface Writing {
  readonly prompt: string;
  readonly pieces: ReturnType<typeof write>;
}

/** Streams the first text; the others, which are written meanwhile, follow when it is done. */
async function printTexts(writing: readonly Writing[]): Promise<void> {
  const [first, ...others] = writing;
  if (first === undefined) return;
  const rest = others.map(async ({ prompt, pieces }) => {
    let text = prompt;
    for await (const piece of pieces) {
      text += piece.text;
      if (outputIsClosed()) break;
    }
    return text;
  });
  const streamed = (async () => {
    // Prompt and options are checked with the first piece, before anything is printed.
    const firstPiece = await first.pieces.next();
    process.stdout.write(first.prompt + (firstPiece.done === true ? "" : firstPiece.value.text));
    for await (const { text } of first.pieces) {
      process.stdout.write(text);
      if (outputIsClosed()) break;
    }
    process.stdout.write("\n");
  })();
  const [, ...texts] = await Promise.all([streamed, ...rest]);
  for (const text of texts) process.stdout.write(`\n${String(text)}\n`);
}

/** A text as `--json` prints it. */
async function textOf(prompt: string, pieces: Writing["pieces"], tokenizer: Tokenizer) {
  const tokens: object[] = [];
  const decoder = new StreamDecoder(tokenizer, tokenizer.encode(prompt));
  let [text, finish] = ["", ""];
  for await (const piece of pieces) {
    text += piece.text;
    finish = piece.finish ?? finish;
    if (piece.score === undefined) continue;
    const { token, logProbability, top } = piece.score;
    const likeliest = top.map((other) => ({ ...other, text: decoder.peek(other.token) }));
    tokens.push({ token, text: decoder.peek(token), logProbability, top: likeliest });
    decoder.push(token);
  }
  return { prompt, text, finish, ...(tokens.length > 0 && { tokens }) };
}
