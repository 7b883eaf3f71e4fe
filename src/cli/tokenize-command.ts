/** `tokenformer tokenize`: a text as a token file. */

import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import { UserError } from "../errors.ts";
import { writeJson } from "../formats/index.ts";
import { embeddedBook, hashTokenizer, readText, writeTokenFile } from "../text/index.ts";
import { configSchema, EMBEDDED, tokenizerFor } from "../training/index.ts";
import { print, printJson } from "./output.ts";

interface Options {
  readonly data?: string;
  readonly to: string;
  readonly tokenizer: string;
  readonly json: boolean;
}

export const tokenizeCommand = () =>
  new Command("tokenize")
    .description("turn a text into a token file .bin, with its tokenizer.json beside it")
    .option("--data <file>", `a text (default: ${EMBEDDED})`)
    .requiredOption("--to <file>", "the token file to write, ending in .bin")
    .option(
      "--tokenizer <choice>",
      '"character", "bpe:1024" to train a byte-pair encoding, or a tokenizer.json',
      "character",
    )
    .option("--json", "print what was written as JSON", false)
    .action(runTokenize);

async function runTokenize({ data, to, tokenizer: choice, json }: Options): Promise<void> {
  if (!to.endsWith(".bin"))
    throw new UserError(`--to ${to}: expected a name that ends in .bin, such as ${basename(to)}.bin`);
  const choices = configSchema.shape.tokenizer.safeParse(choice);
  if (!choices.success) throw new UserError(`--tokenizer ${choice}: ${choices.error.issues[0]?.message ?? "unknown"}`);
  const text = data === undefined ? (await embeddedBook()).text : await readText(data);
  const tokenizer = await tokenizerFor(choice, text);
  const ids = tokenizer.encode(text);
  const textBytes = Buffer.byteLength(text);
  await writeTokenFile(to, [ids], {
    vocabularySize: tokenizer.vocabularySize,
    tokenizerHash: hashTokenizer(tokenizer),
    textBytes,
  });
  const beside = join(dirname(to), "tokenizer.json");
  await writeJson(beside, tokenizer.toJSON());
  const written = {
    file: to,
    tokenizer: beside,
    tokens: ids.length,
    vocabulary: tokenizer.vocabularySize,
    bytesPerToken: textBytes / ids.length,
  };
  if (json) return printJson(written);
  print(
    `${to}: ${ids.length} tokens of a vocabulary of ${tokenizer.vocabularySize}, ${written.bytesPerToken.toFixed(2)} bytes each; ${beside} has the tokenizer`,
  );
}
