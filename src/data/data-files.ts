/** What a user names to train on: texts that come with the package, text files, token files, folders of either. */

import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, parse, resolve } from "node:path";
import { UserError } from "../errors.ts";
import { explainFileError, statIfPresent } from "../formats/index.ts";
import { nearest } from "../suggestion.ts";
import { type Book, embeddedAddresses, embeddedBook } from "../text/index.ts";
import { type DataFiles, type DataReading, type DataSource, dataFilesOf } from "./data-names.ts";
import { givenText, isReadable, READABLE_NAMES, type TextSource, textFile } from "./text-sources.ts";

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
  const { train, validation, ...reading } = dataFilesOf(source);
  const absolute = (name: string) => (embedded.has(name) ? name : resolve(name));
  return {
    ...reading,
    train: train.map(absolute),
    ...(validation !== undefined && { validation: validation.map(absolute) }),
  };
}

/** One of the named: texts, or a token file. */
export type DataPart =
  | { readonly kind: "texts"; readonly texts: readonly TextSource[]; readonly heldOut: readonly TextSource[] }
  | { readonly kind: "tokens"; readonly tokens: string; readonly heldOut: readonly string[] };

/** Looks what a name stands for. Throws a `UserError` if it is no data. */
export async function dataPartOf(name: string, reading: DataReading = {}): Promise<DataPart> {
  const book = embedded.get(name);
  if (book !== undefined) return embeddedPart(await book());
  const stats = await statIfPresent(name);
  if (stats === undefined) {
    const begun = embeddedNames.find((known) => name.length > 2 && known.toLowerCase().startsWith(name.toLowerCase()));
    const near = nearest(name, embeddedNames) ?? (await nearestBeside(name)) ?? begun;
    const mend = near === undefined ? "check the path" : `did you mean ${near}?`;
    throw new UserError(`cannot read ${name}: there is no such file; ${mend}`);
  }
  if (stats.isDirectory()) return folderPart(name, reading);
  if (!stats.isFile()) {
    throw new UserError(
      `${name}: is no file (a pipe, or a device), and texts are read more than once; write it to a file, and name that`,
    );
  }
  if (name.endsWith(".bin")) return { kind: "tokens", tokens: name, heldOut: [] };
  return { kind: "texts", texts: [await textFile(name, stats.size, reading.textKey)], heldOut: [] };
}

/** The file or folder beside a missing one whose name is near. */
export async function nearestBeside(name: string): Promise<string | undefined> {
  // The names a.txt and b.txt are near to each other, and that tells nothing.
  if (parse(name).name.length < 3) return undefined;
  const folder = dirname(name);
  const near = nearest(basename(name), await readdir(folder).catch(() => []));
  return near && join(folder, near);
}

function embeddedPart({ name, text, heldOut }: Book): DataPart {
  const held = heldOut === undefined ? [] : [givenText(name, heldOut)];
  return { kind: "texts", texts: [givenText(name, text)], heldOut: held };
}

/** As nanoGPT, or with the end that Megatron's preprocessing gives to names. */
const TRAIN = /^train(_text_document)?\.bin$/;
const VALIDATION = /^(val|valid|validation)(_text_document)?\.bin$/;

async function folderPart(folder: string, { textKey }: DataReading): Promise<DataPart> {
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
      `${folder}: ${found}, expected texts ${READABLE_NAMES}, or token files train.bin and val.bin in it; name a text file instead`,
    );
  }
  const sources: TextSource[] = [];
  for (const { name, bytes } of texts) sources.push(await textFile(join(folder, name), bytes, textKey));
  return { kind: "texts", texts: sources, heldOut: [] };
}

const EMPTY = "empty";

/** What is in a folder of data, and in the folders within, in the order of the paths. */
interface Contents {
  readonly train: string | undefined;
  readonly validation: string | undefined;
  readonly texts: readonly { readonly name: string; readonly bytes: number }[];
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
}

async function contentsOf(folder: string): Promise<Contents> {
  const names = await namesIn(folder);
  const [train, validation] = [TRAIN, VALIDATION].map((pattern) => names.find((name) => pattern.test(name)));
  const texts: { name: string; bytes: number }[] = [];
  const passedOver: { name: string; reason: string }[] = [];
  for (const name of train === undefined ? await filesIn(folder, names, [await realpath(folder)]) : []) {
    const stats = await statIfPresent(join(folder, name));
    const reason = reasonToPassOver(name, stats?.size);
    if (reason === "" && stats?.isFile() === true) texts.push({ name, bytes: stats.size });
    else passedOver.push({ name, reason: reason === "" ? "no file" : reason });
  }
  return { train, validation, texts, passedOver };
}

function reasonToPassOver(name: string, size: number | undefined): string {
  if (isHidden(name)) return "hidden";
  if (!isReadable(name)) return `not ${READABLE_NAMES}`;
  if (basename(name) === METRICS) return "of a run";
  return size === 0 ? EMPTY : "";
}

/** What a run writes down of itself, in lines of JSON. */
const METRICS = "metrics.jsonl";

/** Of a folder or file that begins with a dot, as those of git, nothing is read. */
const isHidden = (name: string): boolean => basename(name).startsWith(".");

/**
 * The files of a folder and of those within, by their paths in it; a hidden folder is one name, as is a link to a folder around it.
 * @param around the real paths of the folders around these names
 */
async function filesIn(
  folder: string,
  names: readonly string[],
  around: readonly string[],
  inside = "",
): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const path = join(inside, name);
    const place = join(folder, path);
    const real = !isHidden(name) && (await statIfPresent(place))?.isDirectory() ? await realpath(place) : undefined;
    if (real === undefined || around.includes(real)) found.push(path);
    else for (const file of await filesIn(folder, await namesIn(place), [...around, real], path)) found.push(file);
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    throw explainFileError(error, "read", folder);
  }
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
    const read = someOf(texts.map(({ name }) => name));
    lines.push(`${folder}: reads ${read}${others.length === 0 ? "" : `; passes over ${someOf(others)}`}`);
  }
  return lines;
}

/** The most files of a folder that are named. */
const MOST_NAMED = 6;

function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return more > 0 ? `${names.slice(0, MOST_NAMED).join(", ")} and ${more} more` : names.join(", ");
}
