/** `tokenformer chat`: a conversation in the terminal. */

import { createInterface } from "node:readline";
import { Command } from "commander";
import { UserError } from "../errors.ts";
import { fittingMessages, openSequences, reply, type Sequences } from "../generation/index.ts";
import type { Inference } from "../inference/index.ts";
import type { QuantizationName } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { chatTemplateOf, type Message, type Tokenizer } from "../text/index.ts";
import { deviceOption } from "./device-option.ts";
import { wholeOption } from "./numbers.ts";
import {
  type OpenedRun,
  quantizeOption,
  tokenizerOf,
  tokenizerOption,
  type WithOptions,
  withModel,
  withOption,
  withRun,
} from "./open.ts";
import { note, outputIsClosed } from "./output.ts";
import { modelOption } from "./own-modules.ts";
import { type Sampling, withSampling } from "./sampling-options.ts";

interface Options extends Sampling, WithOptions {
  readonly system?: string;
  readonly tokens: number;
  readonly quantize?: QuantizationName;
  readonly tokenizer?: string;
  readonly device: DeviceName;
}

export const chatCommand = () =>
  withSampling(new Command("chat"))
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .option("--system <text>", "what is said to the model before the conversation")
    .option("--tokens <n>", "tokens of a reply, at most", wholeOption("--tokens", 1), 400)
    .addOption(quantizeOption())
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .action(runChat);

async function runChat(run: string, options: Options): Promise<void> {
  return withRun(run, (checkpoint) => chatWith(checkpoint, options), options);
}

async function chatWith(checkpoint: OpenedRun, options: Options): Promise<void> {
  const tokenizer = await tokenizerOf(checkpoint, options.tokenizer);
  const use = async (inference: Inference) => {
    const decoder = await openSequences(inference, checkpoint.state.config);
    if (decoder.holdsWeights) await inference.device.dispose(inference.parameters.values());
    // Before anything is typed, a template that is none is told, or that the model cannot read.
    const { unreadable } = chatTemplateOf(tokenizer);
    if (unreadable !== undefined) throw new UserError(unreadable);
    if (tokenizer.settings?.chatTemplate === undefined) {
      note("the model was trained with no chat template: it goes on from roles and messages as from any text");
    }
    await converse(new Conversation(decoder, tokenizer, options));
  };
  await withModel(checkpoint, options.device, use, options.quantize);
}

const PROMPT = "> ";

/** Answers line by line, until the input ends. Lines that no person types are not asked for. */
async function converse(conversation: Conversation): Promise<void> {
  const asks = process.stdin.isTTY;
  if (asks) note("a line is a message; Ctrl-D ends");
  const lines = createInterface({ input: process.stdin, ...(asks && { output: process.stderr, prompt: PROMPT }) });
  if (asks) lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== "") await answer(conversation, line);
    if (outputIsClosed()) break;
    if (asks) lines.prompt();
  }
  lines.close();
}

/** A message that the model cannot read is told; the conversation goes on without it. */
async function answer(conversation: Conversation, line: string): Promise<void> {
  try {
    for await (const text of conversation.reply(line)) {
      process.stdout.write(text);
      if (outputIsClosed()) return;
    }
    process.stdout.write("\n");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    note(error.message);
  }
}

/** What was said so far. */
class Conversation {
  readonly #sequences: Sequences;
  readonly #tokenizer: Tokenizer;
  readonly #options: Options;
  #messages: readonly Message[];
  #replies = 0;

  constructor(sequences: Sequences, tokenizer: Tokenizer, options: Options) {
    this.#sequences = sequences;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#messages = options.system === undefined ? [] : [{ role: "system", content: options.system }];
  }

  /**
   * Streams the reply to a message. Both become part of the conversation once the reply is whole.
   * @throws UserError for a message that cannot be encoded, or has no room in the model's context
   */
  async *reply(content: string): AsyncGenerator<string> {
    const messages = fittingMessages(
      [...this.#messages, { role: "user", content }],
      this.#tokenizer,
      this.#sequences.context,
    );
    // Another draw for each reply.
    const options = { ...this.#options, seed: this.#options.seed + this.#replies };
    let said = "";
    for await (const text of reply(this.#sequences, this.#tokenizer, messages, options)) {
      said += text;
      yield text;
    }
    this.#replies++;
    this.#messages = [...messages, { role: "assistant", content: said }];
  }
}
