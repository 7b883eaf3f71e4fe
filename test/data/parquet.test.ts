/** Data in Parquet: the same as lines of JSON. The files were written by pyarrow: see make.py beside them. */

import { cp, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DataFiles, describeFolders, openCorpus } from "../../src/data/index.ts";
import { UserError } from "../../src/errors.ts";
import { type Corpus, hasDocuments } from "../../src/text/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";

const folder = useFolder();

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/parquet/${name}`, import.meta.url));

const opened = (name: string, reading: Partial<DataFiles> = {}) =>
  openCorpus({ train: [name], validation: [name], ...reading }, "character");

/** The ids, and what is learned of them. */
function contentOf({ train }: Corpus) {
  const ids = [...train.read(0, train.length)];
  return { ids, learned: hasDocuments(train) ? [...train.documents.learned] : undefined };
}

async function expectSame(name: string, objects: readonly object[], reading: Partial<DataFiles> = {}): Promise<void> {
  const lines = folder.at("same.jsonl");
  await writeFile(lines, objects.map((object) => JSON.stringify(object)).join("\n"));
  expect(contentOf(await opened(fixture(name), reading))).toEqual(contentOf(await opened(lines, reading)));
}

const said = (...turns: readonly (readonly [string, string])[]) => ({
  messages: turns.map(([role, content]) => ({ role, content })),
});

const TALKS = [
  said(["user", "Who are you?"], ["assistant", "A small whale."]),
  said(["system", "Be brief."], ["user", "And I?"], ["assistant", "A boat."], ["user", "Oh?"], ["assistant", "Yes."]),
  said(["user", "Größe?"], ["assistant", "Sehr groß 🐳."]),
];

const BODIES = Array.from({ length: 7 }, () => [
  { body: "Call me Ishmael." },
  { body: "Some years ago, never mind how long." },
  { body: "It is a way I have." },
]).flat();

describe("data in Parquet", () => {
  it("is that of lines of JSON: conversations, prompts, and texts under another key", async () => {
    await expectSame("talks.parquet", TALKS);
    const sums = [0, 1, 2, 3, 4].map((n) => ({ prompt: `${n} + ${n + 2} = `, completion: String(2 * n + 2) }));
    await expectSame("sums.parquet", sums);
    for (const compression of ["none", "gzip", ...("zstdDecompressSync" in zlib ? ["zstd"] : [])]) {
      await expectSame(`texts-${compression}.parquet`, BODIES, { textKey: "body" });
    }
  });

  it("is read in folders, with its progress told to the end", async () => {
    await cp(fixture("texts-none.parquet"), folder.at("inner", "texts.parquet"), { recursive: true });
    expect(await describeFolders(folder.at("inner"))).toEqual([`${folder.at("inner")}: reads texts.parquet`]);
    const told: number[] = [];
    await openCorpus({ train: [folder.at("inner")], textKey: "body" }, "character", {
      onProgress: ({ done, total }) => told.push(done / total),
    });
    expect(told.at(-1)).toBe(1);
  });

  it("is refused with the reason", async () => {
    const of = async (name: string, reading: Partial<DataFiles> = {}) =>
      (await failure(opened(name, reading))).replaceAll(fixture(""), "").replaceAll(folder.at(), "<folder>");
    expect(await of(fixture("texts-none.parquet"))).toBe(
      'UserError: texts-none.parquet: has the columns body, expected "text", "messages", or "prompt" and "completion"; name the column of the text with --text-key',
    );
    expect(await of(fixture("texts-lz4.parquet"), { textKey: "body" })).toMatch(
      /^UserError: texts-lz4\.parquet: cannot be read as Parquet \(parquet unsupported compression codec: LZ4_RAW\); write it anew, for example as \.jsonl$/,
    );
    await writeFile(folder.at("no.parquet"), "Call me Ishmael. Some years ago.");
    expect(await of(folder.at("no.parquet"))).toBe(
      "UserError: <folder>/no.parquet: cannot be read as Parquet (parquet file invalid (footer != PAR1)); write it anew, for example as .jsonl",
    );
  });

  it("that is damaged is read, or refused in a line", async () => {
    const whole = await readFile(fixture("talks.parquet"));
    const file = folder.at("damaged.parquet");
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (place, byte, cut) => {
        const damaged = cut ? whole.subarray(0, place) : Uint8Array.from(whole);
        if (!cut) damaged[place] = byte;
        await writeFile(file, damaged);
        await opened(file).catch((error: unknown) => {
          expect(error).toBeInstanceOf(UserError);
        });
      }),
      // The example's groups of rows have columns without a path.
      { numRuns: 200, examples: [[1249, 51, false]] },
    );
  });
});
