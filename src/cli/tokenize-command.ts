/** `tokenformer tokenize`: texts as token files. */

import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import { configSchema } from "../configuration/index.ts";
import {
  EMBEDDED,
  embeddedNames,
  encodedTexts,
  type OnProgress,
  openTexts,
  type TextSource,
  type Texts,
  tokenizerForTexts,
} from "../data/index.ts";
import { UserError } from "../errors.ts";
import { writeJson, writeNewFiles } from "../formats/index.ts";
import {
  hashTokenizer,
  headerName,
  settingsName,
  type Tokenizer,
  tokenizerName,
  writeTokenFile,
} from "../text/index.ts";
import { noteData } from "./data-notes.ts";
import { type ReadingOptions, readingOf, specialTokensOption, textKeyOption } from "./data-options.ts";
import { withDataProgress } from "./data-progress.ts";
import { print, printJson } from "./output.ts";
import { dataListOption, namedData } from "./text-input.ts";

interface Options extends ReadingOptions {
  readonly data?: string[];
  readonly dataList?: string;
  readonly validation?: string[];
  readonly to: string;
  readonly tokenizer: string;
  readonly json: boolean;
}

export const tokenizeCommand = () =>
  new Command("tokenize")
    .option("--data <files...>", `texts, folders of texts, ${embeddedNames.join(" or ")} (default: ${EMBEDDED})`)
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
    .addOption(textKeyOption())
    .addOption(specialTokensOption())
    .option("--json", "print what was written as JSON", false)
    .action(runTokenize);

async function runTokenize(options: Options): Promise<void> {
  const { validation, to, tokenizer: choice, json, specialTokens } = options;
  const choices = configSchema.shape.tokenizer.safeParse(choice);
  if (!choices.success) throw new UserError(`--tokenizer ${choice}: ${choices.error.issues[0]?.message ?? "unknown"}`);
  const source = { ...readingOf(options), train: (await namedData(options)) ?? [EMBEDDED], validation };
  const texts = await openTexts(source);
  const record = [...texts.train, ...texts.validation].find(({ isForFineTuning }) => isForFineTuning);
  if (record !== undefined) {
    throw new UserError(
      `${record.name}: has prompts or conversations, of which token files do not say what is learned; give it to train as it is`,
    );
  }
  const { folder, parts, tokenizerFile } = targets(to, texts);
  await noteData(source);
  const written: Written[] = [];
  const tokenizer = await withDataProgress(async (onProgress) => {
    const made = await tokenizerForTexts(choice, texts, { specialTokens, onProgress });
    const files: Record<string, (file: string) => Promise<void>> = {};
    for (const { name, sources } of parts) {
      files[name] = async (file) => {
        written.push({ file: join(folder, name), ...(await tokenizeTo(file, sources, made, onProgress)) });
      };
      // Written with the tokens, as it tells how many they are.
      files[headerName(name)] = () => Promise.resolve();
    }
    files[tokenizerFile] = (file) => writeJson(file, made.toJSON());
    const { settings } = made;
    if (settings !== undefined) files[settingsName(tokenizerFile)] = (file) => writeJson(file, settings.json);
    await writeNewFiles(folder, files);
    return made;
  });
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
  readonly parts: readonly { readonly name: string; readonly sources: readonly TextSource[] }[];
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
    return { folder: dirname(to), parts: [{ name: file, sources: train }], tokenizerFile: tokenizerName(file) };
  }
  if (to.endsWith(".bin")) {
    throw new UserError(`--to ${to}: ${name} has texts to hold out, expected a folder for train.bin and val.bin`);
  }
  const parts = [
    { name: "train.bin", sources: train },
    { name: "val.bin", sources: validation },
  ];
  return { folder: to, parts, tokenizerFile: "tokenizer.json" };
}

/** Tokenises texts piece by piece, so that they may be larger than memory. */
async function tokenizeTo(file: string, sources: readonly TextSource[], tokenizer: Tokenizer, onProgress: OnProgress) {
  let textBytes = 0;
  const ids = async function* () {
    for await (const piece of encodedTexts(sources, tokenizer, onProgress)) {
      textBytes += piece.bytes;
      yield piece.ids;
    }
  };
  const { tokens } = await writeTokenFile(file, ids(), {
    vocabularySize: tokenizer.vocabularySize,
    tokenizerHash: await hashTokenizer(tokenizer),
    textBytes: () => textBytes,
  });
  return { tokens, textBytes };
}
