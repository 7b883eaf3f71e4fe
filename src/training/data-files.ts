/** What a user names to train on: texts that come with the package, text files, token files, folders of either. */

import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../errors.ts";
import { fileExists } from "../formats/index.ts";
import { type Book, embeddedAddresses, embeddedBook, readText } from "../text/index.ts";
import { type DataFiles, type DataSource, dataFilesOf } from "./data-names.ts";

/** The name that stands for the book that comes with the package. */
export const EMBEDDED = "Moby-Dick";

const embedded: ReadonlyMap<string, () => Promise<Book>> = new Map([
  [EMBEDDED, embeddedBook],
  ["SOTU", embeddedAddresses],
]);

/** Names that stand for texts in npm packages. */
export const embeddedNames: readonly string[] = [...embedded.keys()];

/** Data by names that mean the same in any working directory. */
export function absoluteData(source: DataSource): DataFiles {
  const { train, validation } = dataFilesOf(source);
  const absolute = (name: string) => (embedded.has(name) ? name : resolve(name));
  return { train: train.map(absolute), ...(validation !== undefined && { validation: validation.map(absolute) }) };
}

/** One of the named: texts, to be read one by one, or a token file. */
export type DataPart =
  | { readonly kind: "texts"; readonly texts: TextReader[]; readonly heldOut: TextReader[] }
  | { readonly kind: "tokens"; readonly tokens: string; readonly heldOut: string[] };

export type TextReader = () => Promise<string>;

/** Looks what a name stands for. Throws a `UserError` if it is no data. */
export async function dataPartOf(name: string): Promise<DataPart> {
  const book = embedded.get(name);
  if (book !== undefined) return embeddedPart(await book());
  if (name.endsWith(".bin")) {
    if (await fileExists(name)) return { kind: "tokens", tokens: name, heldOut: [] };
    throw new UserError(`cannot read ${name}: there is no such file; check the path`);
  }
  const isFolder = await stat(name).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  return isFolder ? folderPart(name) : { kind: "texts", texts: [() => readText(name)], heldOut: [] };
}

function embeddedPart({ text, heldOut }: Book): DataPart {
  const reader = (contents: string) => () => Promise.resolve(contents);
  return { kind: "texts", texts: [reader(text)], heldOut: heldOut === undefined ? [] : [reader(heldOut)] };
}

/** As nanoGPT, or with the end that Megatron's preprocessing gives to names. */
const TRAIN = /^train(_text_document)?\.bin$/;
const VALIDATION = /^(val|valid|validation)(_text_document)?\.bin$/;

async function folderPart(folder: string): Promise<DataPart> {
  const names = (await readdir(folder)).toSorted((a, b) => (a < b ? -1 : 1));
  const [train, validation] = [TRAIN, VALIDATION].map((pattern) => names.find((name) => pattern.test(name)));
  if (train !== undefined && validation !== undefined) {
    return { kind: "tokens", tokens: join(folder, train), heldOut: [join(folder, validation)] };
  }
  if (train !== undefined || validation !== undefined) {
    const missing = train === undefined ? "train.bin" : "val.bin";
    throw new UserError(
      `${folder}: has ${train ?? validation} but no ${missing}, expected both; to hold out the end of one token file, name the file`,
    );
  }
  const texts = names.filter((name) => /\.txt$/i.test(name));
  if (texts.length === 0) {
    throw new UserError(
      `${folder}: is a folder, expected texts .txt or token files train.bin and val.bin in it; name a text file instead`,
    );
  }
  return { kind: "texts", texts: texts.map((name) => () => readText(join(folder, name))), heldOut: [] };
}
