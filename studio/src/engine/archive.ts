/** A run as a zip: the checkpoint directory that the command line reads, with its text. */

import { unzip, zip } from "fflate";
import { UserError } from "tokenformer/browser";
import type { NamedFile } from "./api.ts";
import { hasRecords, type NamedText } from "./pieces.ts";
import type { Files } from "./store.ts";

/** The text of a run, beside its checkpoint; as lines of JSON, by which name the command line knows them, where it is of records. */
const TEXT_FILE = "text.txt";
const RECORDS_FILE = "text.jsonl";
export const METRICS_FILE = "metrics.jsonl";

/** The files of a checkpoint directory that mean something here. */
const KNOWN = new Set([
  "config.json",
  "model.safetensors",
  "optimizer.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
  "training.json",
  METRICS_FILE,
  TEXT_FILE,
  RECORDS_FILE,
]);

/** The name of the file for a text. */
export const textFileOf = (named: NamedText): string => (hasRecords(named) ? RECORDS_FILE : TEXT_FILE);

/** The text among the files of a run, if it is there. */
export function textIn(files: Files): string | undefined {
  const bytes = files.get(RECORDS_FILE) ?? files.get(TEXT_FILE);
  return bytes && new TextDecoder().decode(bytes);
}

/** Packs files without compressing them: weights hardly get smaller. */
export function packed(files: ReadonlyMap<string, Uint8Array>): Promise<Blob> {
  return new Promise((resolve, reject) => {
    zip(Object.fromEntries(files), { level: 0 }, (error, data) => {
      if (error === null) resolve(new Blob([data.slice()], { type: "application/zip" }));
      else reject(error);
    });
  });
}

/** What folders of some kind hold, and what tells one. */
interface FolderKind {
  readonly known: ReadonlySet<string>;
  /** The file that each has. */
  readonly first: string;
  /** What to choose instead. */
  readonly remedy: string;
}

const RUN: FolderKind = {
  known: KNOWN,
  first: "config.json",
  remedy: "choose the zip of a run, or the folder that `tokenformer train --out` made",
};

const SKILL: FolderKind = {
  known: new Set(["skill.json", "skill.safetensors"]),
  first: "skill.json",
  remedy: "choose the zip of a skill, or the folder that `tokenformer adapt --to` made",
};

/**
 * The files of a zip, or of a directory: those of the folder that holds a `config.json`.
 * @throws UserError where there is none
 */
export const unpacked = (source: Blob | readonly NamedFile[]): Promise<Files> => filesOf(source, RUN);

/** The files of a skill, from a zip or a directory. Throws a `UserError` where there is none. */
export const unpackedSkill = (source: Blob | readonly NamedFile[]): Promise<Files> => filesOf(source, SKILL);

async function filesOf(source: Blob | readonly NamedFile[], { known, first, remedy }: FolderKind): Promise<Files> {
  const all = source instanceof Blob ? await unzipped(source, known) : await read(source, known);
  const found = [...all.keys()].filter((name) => baseOf(name) === first).toSorted((a, b) => a.length - b.length)[0];
  if (found === undefined) throw new UserError(`there is no ${first} in it; ${remedy}`);
  const folder = found.slice(0, -first.length);
  const own = [...all].filter(([name]) => name.startsWith(folder) && known.has(name.slice(folder.length)));
  return new Map(own.map(([name, data]) => [name.slice(folder.length), data]));
}

function baseOf(name: string): string {
  return name.split("/").at(-1) ?? "";
}

async function unzipped(blob: Blob, known: ReadonlySet<string>): Promise<Files> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return new Promise((resolve, reject) => {
    const filter = ({ name }: { readonly name: string }) => known.has(baseOf(name));
    unzip(bytes, { filter }, (error, files) => {
      if (error === null) resolve(new Map(Object.entries(files).map(([name, data]) => [name, data.slice()])));
      else
        reject(
          new UserError(
            `this is not a zip that can be read (${error.message}); download the run again, or choose its folder`,
          ),
        );
    });
  });
}

async function read(files: readonly NamedFile[], known: ReadonlySet<string>): Promise<Files> {
  const own = files.filter(({ name }) => known.has(baseOf(name)));
  return new Map(
    await Promise.all(own.map(async ({ name, data }) => [name, new Uint8Array(await data.arrayBuffer())] as const)),
  );
}
