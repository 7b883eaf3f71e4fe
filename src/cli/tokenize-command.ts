/** `tokenformer tokenize`: texts as token files. */

import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import { configSchema } from "../configuration/index.ts";
import {
  broken,
  EMBEDDED,
  embeddedNames,
  openTexts,
  type TextReader,
  type Texts,
  tokenizerForTexts,
} from "../data/index.ts";
import { UserError } from "../errors.ts";
import { writeJson, writeNewFiles } from "../formats/index.ts";
import { hashTokenizer, headerName, type Tokenizer, tokenizerName, writeTokenFile } from "../text/index.ts";
import { noteData } from "./data-notes.ts";
import { print, printJson } from "./output.ts";
import { dataListOption, namedData } from "./text-input.ts";

interface Options {
  readonly data?: string[];
  readonly dataList?: string;
  readonly validation?: string[];
  readonly to: string;
  readonly tokenizer: string;
  readonly json: boolean;
}

export const tokenizeCommand = () =>
  new Command("tokenize")
    .option("--data <files...>", `texts, folders of texts .txt, ${embeddedNames.join(" or ")} (default: ${EMBEDDED})`)
    .addOption(dataListOption())
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

async function runTokenize({ validation, to, tokenizer: choice, json, ...named }: Options): Promise<void> {
  const choices = configSchema.shape.tokenizer.safeParse(choice);
  if (!choices.success) throw new UserError(`--tokenizer ${choice}: ${choices.error.issues[0]?.message ?? "unknown"}`);
  const data = (await namedData(named)) ?? [EMBEDDED];
  const texts = await openTexts({ train: data, validation });
  const { folder, parts, tokenizerFile } = targets(to, texts);
  await noteData({ train: data, validation });
  const tokenizer = await tokenizerForTexts(choice, texts);
  const written: Written[] = [];
  const files: Record<string, (file: string) => Promise<void>> = {};
  for (const { name, readers } of parts) {
    files[name] = async (file) => {
      written.push({ file: join(folder, name), ...(await tokenizeTo(file, readers, tokenizer)) });
    };
    // Written with the tokens, as it tells how many they are.
    files[headerName(name)] = () => Promise.resolve();
  }
  files[tokenizerFile] = (file) => writeJson(file, tokenizer.toJSON());
  await writeNewFiles(folder, files);
  for (const each of written) show(each, tokenizer, join(folder, tokenizerFile), json);
}

/** A token file that was written. */
interface Written {
  readonly file: string;
  readonly tokens: number;
  readonly textBytes: number;
}

function show({ file, tokens, textBytes }: Written, tokenizer: Tokenizer, tokenizerFile: string, json: boolean): void {
  const vocabulary = tokenizer.vocabularySize;
  const bytesPerToken = textBytes / tokens;
  if (json) printJson({ file, tokenizer: tokenizerFile, tokens, vocabulary, bytesPerToken });
  else {
    print(
      `${file}: ${tokens} tokens of a vocabulary of ${vocabulary}, ${bytesPerToken.toFixed(2)} bytes each; ${tokenizerFile} has the tokenizer`,
    );
  }
}

/** What is written, and where: the tokenizer of one token file has its name, so that several can be in a folder. */
interface Targets {
  readonly folder: string;
  readonly parts: readonly { readonly name: string; readonly readers: readonly TextReader[] }[];
  readonly tokenizerFile: string;
}

function targets(to: string, { name, train, validation }: Texts): Targets {
  if (validation.length === 0) {
    const file = basename(to);
    if (!to.endsWith(".bin")) {
      throw new UserError(
        `--to ${to}: expected a name that ends in .bin, or --validation with texts for a second file`,
      );
    }
    return { folder: dirname(to), parts: [{ name: file, readers: train }], tokenizerFile: tokenizerName(file) };
  }
  if (to.endsWith(".bin")) {
    throw new UserError(`--to ${to}: ${name} has texts to hold out, expected a folder for train.bin and val.bin`);
  }
  const parts = [
    { name: "train.bin", readers: train },
    { name: "val.bin", readers: validation },
  ];
  return { folder: to, parts, tokenizerFile: "tokenizer.json" };
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
