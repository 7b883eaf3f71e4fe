/** What a user names to train on: texts that come with the package, text files, token files, folders of either. */

import { readdir } from "node:fs/promises";
import { basename, dirname, join, parse, resolve } from "node:path";
import { UserError } from "../errors.ts";
import { explainFileError, fileExists, statIfPresent } from "../formats/index.ts";
import { nearest } from "../suggestion.ts";
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
  if (!(await fileExists(name))) {
    const near = nearest(name, embeddedNames) ?? (await nearestBeside(name));
    const mend = near === undefined ? "check the path" : `did you mean ${near}?`;
    throw new UserError(`cannot read ${name}: there is no such file; ${mend}`);
  }
  if (name.endsWith(".bin")) return { kind: "tokens", tokens: name, heldOut: [] };
  return (await statIfPresent(name))?.isDirectory()
    ? folderPart(name)
    : { kind: "texts", texts: [() => readText(name)], heldOut: [] };
}

/** The file or folder beside a missing one whose name is near. */
export async function nearestBeside(name: string): Promise<string | undefined> {
  // The names a.txt and b.txt are near to each other, and that tells nothing.
  if (parse(name).name.length < 3) return undefined;
  const folder = dirname(name);
  const near = nearest(basename(name), await readdir(folder).catch(() => []));
  return near && join(folder, near);
}

function embeddedPart({ text, heldOut }: Book): DataPart {
  const reader = (contents: string) => () => Promise.resolve(contents);
  return { kind: "texts", texts: [reader(text)], heldOut: heldOut === undefined ? [] : [reader(heldOut)] };
}

/** As nanoGPT, or with the end that Megatron's preprocessing gives to names. */
const TRAIN = /^train(_text_document)?\.bin$/;
const VALIDATION = /^(val|valid|validation)(_text_document)?\.bin$/;

async function folderPart(folder: string): Promise<DataPart> {
  const { train, validation, texts, passedOver } = await contentsOf(folder);
  if (train !== undefined && validation !== undefined) {
    return { kind: "tokens", tokens: join(folder, train), heldOut: [join(folder, validation)] };
  }
  if (train !== undefined || validation !== undefined) {
    const missing = train === undefined ? "train.bin" : "val.bin";
    throw new UserError(
      `${folder}: has ${train ?? validation} but no ${missing}, expected both; to hold out the end of one token file, name the file`,
    );
  }
  if (texts.length === 0) {
    const found = passedOver.some(({ reason }) => reason === EMPTY) ? "has only empty texts" : "is a folder";
    throw new UserError(
      `${folder}: ${found}, expected texts .txt or token files train.bin and val.bin in it; name a text file instead`,
    );
  }
  return { kind: "texts", texts: texts.map((name) => () => readText(join(folder, name))), heldOut: [] };
}

const EMPTY = "empty";

/** What is in a folder of data, in the order of the names. */
interface Contents {
  readonly train: string | undefined;
  readonly validation: string | undefined;
  readonly texts: readonly string[];
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
}

async function contentsOf(folder: string): Promise<Contents> {
  const names = (await namesIn(folder)).toSorted((a, b) => (a < b ? -1 : 1));
  const [train, validation] = [TRAIN, VALIDATION].map((pattern) => names.find((name) => pattern.test(name)));
  const texts: string[] = [];
  const passedOver: { name: string; reason: string }[] = [];
  for (const name of names) {
    const reason = await reasonToPassOver(folder, name);
    if (reason === undefined) texts.push(name);
    else passedOver.push({ name, reason });
  }
  return { train, validation, texts, passedOver };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw explainFileError(error, "read", folder);
  }
}

async function reasonToPassOver(folder: string, name: string): Promise<string | undefined> {
  const stats = await statIfPresent(join(folder, name));
  if (stats?.isDirectory()) return "a folder";
  if (!/\.txt$/i.test(name)) return "not .txt";
  return stats?.size === 0 ? EMPTY : undefined;
}

/** What to tell of folders of texts, a line each: the files that are read, and those that are passed over and why. */
export async function describeFolders(source: DataSource): Promise<string[]> {
  const { train, validation = [] } = dataFilesOf(source);
  const lines: string[] = [];
  for (const folder of [...train, ...validation]) {
    if (embedded.has(folder) || !(await statIfPresent(folder))?.isDirectory()) continue;
    const { train: tokens, texts, passedOver } = await contentsOf(folder);
    if (tokens !== undefined || texts.length === 0) continue;
    const others = passedOver.map(({ name, reason }) => `${name} (${reason})`);
    lines.push(`${folder}: reads ${someOf(texts)}${others.length === 0 ? "" : `; passes over ${someOf(others)}`}`);
  }
  return lines;
}

/** The most files of a folder that are named. */
const MOST_NAMED = 6;

function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return more > 0 ? `${names.slice(0, MOST_NAMED).join(", ")} and ${more} more` : names.join(", ");
}
