/** `tokenformer tokenize`: texts as token files. */

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { UserError } from "../errors.ts";
import { writeJson } from "../formats/index.ts";
import { hashTokenizer, type Tokenizer, writeTokenFile } from "../text/index.ts";
import {
  broken,
  configSchema,
  EMBEDDED,
  embeddedNames,
  openTexts,
  type TextReader,
  type Texts,
  tokenizerForTexts,
} from "../training/index.ts";
import { noteFolders } from "./data-notes.ts";
import { print, printJson } from "./output.ts";

interface Options {
  readonly data: string[];
  readonly validation?: string[];
  readonly to: string;
  readonly tokenizer: string;
  readonly json: boolean;
}

export const tokenizeCommand = () =>
  new Command("tokenize")
    .option("--data <files...>", `texts, folders of texts .txt, ${embeddedNames.join(" or ")}`, [EMBEDDED])
    .option("--validation <files...>", "texts to hold out: they go to a token file of their own")
    .requiredOption(
      "--to <file>",
      "where the tokens go: NAME.bin, or with held-out texts a folder for train.bin and val.bin",
    )
    .option(
      "--tokenizer <choice>",
      '"character", "character+unknown", "bpe:1024" to train a byte-pair encoding, or a tokenizer.json',
      "character",
    )
    .option("--json", "print what was written as JSON", false)
    .action(runTokenize);

async function runTokenize({ data, validation, to, tokenizer: choice, json }: Options): Promise<void> {
  const choices = configSchema.shape.tokenizer.safeParse(choice);
  if (!choices.success) throw new UserError(`--tokenizer ${choice}: ${choices.error.issues[0]?.message ?? "unknown"}`);
  const texts = await openTexts({ train: data, validation });
  const files = targets(to, texts);
  await noteFolders({ train: data, validation });
  const tokenizer = await tokenizerForTexts(choice, texts);
  const folder = to.endsWith(".bin") ? dirname(to) : to;
  if (folder === to) await mkdir(to, { recursive: true });
  const beside = join(folder, "tokenizer.json");
  for (const { file, readers } of files) {
    const { tokens, textBytes } = await tokenizeTo(file, readers, tokenizer);
    const vocabulary = tokenizer.vocabularySize;
    const bytesPerToken = textBytes / tokens;
    if (json) printJson({ file, tokenizer: beside, tokens, vocabulary, bytesPerToken });
    else {
      print(
        `${file}: ${tokens} tokens of a vocabulary of ${vocabulary}, ${bytesPerToken.toFixed(2)} bytes each; ${beside} has the tokenizer`,
      );
    }
  }
  await writeJson(beside, tokenizer.toJSON());
}

/** The files to write, and what goes into each. */
function targets(to: string, { name, train, validation }: Texts): { file: string; readers: readonly TextReader[] }[] {
  if (validation.length === 0) {
    if (to.endsWith(".bin")) return [{ file: to, readers: train }];
    throw new UserError(`--to ${to}: expected a name that ends in .bin, or --validation with texts for a second file`);
  }
  if (to.endsWith(".bin")) {
    throw new UserError(`--to ${to}: ${name} has texts to hold out, expected a folder for train.bin and val.bin`);
  }
  return [
    { file: join(to, "train.bin"), readers: train },
    { file: join(to, "val.bin"), readers: validation },
  ];
}

/** Tokenises texts one by one, so that together they may be larger than memory. */
async function tokenizeTo(file: string, readers: readonly TextReader[], tokenizer: Tokenizer) {
  let textBytes = 0;
  // The file's header needs the length; and a text that cannot be read is found before anything is written.
  for await (const text of broken(readers)) textBytes += Buffer.byteLength(text);
  const { tokens } = await writeTokenFile(file, encoded(readers, tokenizer), {
    vocabularySize: tokenizer.vocabularySize,
    tokenizerHash: hashTokenizer(tokenizer),
    textBytes,
  });
  return { tokens, textBytes };
}

async function* encoded(readers: readonly TextReader[], tokenizer: Tokenizer): AsyncGenerator<Uint32Array> {
  for await (const text of broken(readers)) yield tokenizer.encode(text);
}
