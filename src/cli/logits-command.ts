/** `tokenformer logits`: what a model says of given tokens, for comparing it with others. */

import { Command } from "commander";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { readJson, statIfPresent, writeSafetensors } from "../formats/index.ts";
import type { Inference } from "../inference/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { deviceOption } from "./device-option.ts";
import { type OpenedRun, type WithOptions, withModel, withOption, withRun } from "./open.ts";
import { print } from "./output.ts";
import { modelOption } from "./own-modules.ts";

interface Options extends WithOptions {
  readonly tokens: string;
  readonly to: string;
  readonly device: DeviceName;
}

export const logitsCommand = () =>
  new Command("logits")
    .argument("<run>", "folder of a run or checkpoint")
    .addOption(modelOption())
    .addOption(withOption())
    .requiredOption("--tokens <file>", "a JSON file: a list of lists of token ids, all of one length")
    .requiredOption("--to <file>", "the safetensors file to write, with the tensor `logits`")
    .addOption(deviceOption())
    .action(runLogits);

async function runLogits(run: string, options: Options): Promise<void> {
  const { to } = options;
  if ((await statIfPresent(to))?.isFile() === true) {
    throw new UserError(`--to ${to}: there is such a file already; choose another name`);
  }
  return withRun(run, (opened) => writeLogits(opened, options), options);
}

async function writeLogits(opened: OpenedRun, { tokens: file, to, device }: Options): Promise<void> {
  const { vocabulary, context } = opened.state.config;
  const sequences = checkTokens(await readJson(file, tokensSchema), file, { vocabulary, context });
  const shape = [sequences.length, sequences[0]?.length ?? 0, vocabulary];
  await withModel(opened, device, (inference) =>
    writeSafetensors(to, [["logits", { shape, pieces: () => logitsOf(inference, sequences) }]]),
  );
  print(`${to}: logits [${shape.join(", ")}]`);
}

/** Sequence by sequence, as the logits of all of them may not fit into memory. */
async function* logitsOf(inference: Inference, sequences: readonly (readonly number[])[]) {
  for (const sequence of sequences) {
    const { data } = await inference.logits(Int32Array.from(sequence), [1, sequence.length]);
    yield data;
  }
}

const tokensSchema = z.array(z.array(z.int(), "expected a list of token ids"), "expected a list of lists of token ids");

/** Checks that the token ids make a batch that the model can read. */
function checkTokens(
  sequences: readonly (readonly number[])[],
  file: string,
  { vocabulary, context }: { readonly vocabulary: number; readonly context: number },
) {
  const refuse = (place: string, what: string) => new UserError(`${file}: ${place}${what}; correct the file`);
  const length = sequences[0]?.length ?? 0;
  if (length === 0) throw refuse("", "holds no tokens, expected a list of lists of token ids");
  if (length > context)
    throw refuse("", `has ${length} tokens a sequence, expected up to the model's context of ${context}`);
  for (const [row, sequence] of sequences.entries()) {
    if (sequence.length !== length)
      throw refuse(`${row}: `, `has ${sequence.length} tokens, expected ${length} as in the first sequence`);
    const wrong = sequence.findIndex((token) => token < 0 || token >= vocabulary);
    if (wrong >= 0)
      throw refuse(`${row}.${wrong}: `, `is ${sequence[wrong]}, expected a token id from 0 to ${vocabulary - 1}`);
  }
  return sequences;
}
