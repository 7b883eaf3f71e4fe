import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { writeFileAtomic } from "../../src/formats/files/atomic.ts";
import { commitFiles, inEffect, recoverDirectory } from "../../src/formats/files/directory.ts";
import { writeJson } from "../../src/formats/json/json.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { failure, useFolder } from "./helpers.ts";

const folder = useFolder();

type Writers = Record<string, (path: string) => Promise<void>>;

/** Writers of three files that hold `content`. */
function three(content: string): Writers {
  const write = (file: string): Promise<void> => writeFile(file, content);
  return { a: write, b: write, c: write };
}

/** What a reader finds in files a, b and c. */
async function contents(directory: string): Promise<string[]> {
  const read = async (name: string): Promise<string> =>
    (await inEffect(directory, name, (file) => readFile(file, "utf8"))) ?? "";
  return [await read("a"), await read("b"), await read("c")];
}

/** Makes files of `directory`, by path relative to it. */
async function make(directory: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(`${directory}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await writeFile(`${directory}/${name}`, content);
  }
}

/** The id of a process that has ended. */
function deadProcess(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

describe("commitFiles", () => {
  test("creates the folder, replaces files, and leaves others and no trace", async () => {
    const directory = folder.at("deep", "checkpoint");
    await commitFiles(directory, three("old"));
    await writeFile(folder.at("deep", "checkpoint", "notes"), "mine");
    await commitFiles(directory, three("new"));
    expect(await contents(directory)).toEqual(["new", "new", "new"]);
    expect((await readdir(directory)).sort()).toEqual(["a", "b", "c", "notes"]);
  });

  test("takes the writers of this folder", async () => {
    await commitFiles(folder.at(), {
      "config.json": (file) => writeJson(file, { layers: 3 }),
      "model.safetensors": (file) => writeSafetensors(file, [["x", { shape: [1], data: Float32Array.of(1) }]]),
    });
    expect((await readdir(folder.at())).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  test("several at once in one process: one of them is in effect whole", async () => {
    const tags = ["1", "2", "3", "4", "5"];
    await Promise.allSettled(tags.map((tag) => commitFiles(folder.at(), three(tag))));
    const [a = "", ...others] = await contents(folder.at());
    expect(tags).toContain(a);
    expect(others).toEqual([a, a]);
    expect((await readdir(folder.at())).sort()).toEqual(["a", "b", "c"]);
  });
});

describe("a failed commit leaves the old files and no trace", () => {
  async function refused(directory: string, files: Writers): Promise<string> {
    await commitFiles(directory, three("old"));
    const message = await failure(commitFiles(directory, { ...three("new"), ...files }));
    expect(await contents(directory)).toEqual(["old", "old", "old"]);
    expect((await readdir(directory)).filter((name) => name.startsWith("."))).toEqual([]);
    return message;
  }

  test("where a writer fails", async () => {
    expect(await refused(folder.at(), { d: () => Promise.reject(new RangeError("mine")) })).toBe("RangeError: mine");
  });

  test("where a writer fails with a UserError, which names the place that the file was meant for", async () => {
    const writeTwice = (file: string): Promise<void> => writeFileAtomic(`${file}/inside`, "x");
    expect(await refused(folder.at(), { d: writeTwice })).toBe(
      `UserError: cannot write ${folder.at("d", "inside")}: the folder ${folder.at("d")} does not exist; create it first`,
    );
  });

  test("where a writer writes nothing", async () => {
    expect(await refused(folder.at(), { d: () => Promise.resolve() })).toBe(
      "Error: internal: the writer of d wrote no file",
    );
  });

  test.skipIf(!existsSync("/dev/full"))("where the disk is full (skipped: no /dev/full here)", async () => {
    expect(await refused(folder.at(), { d: () => writeFile("/dev/full", "x") })).toBe(
      `UserError: cannot write ${folder.at()}: the disk is full; free some space and run again`,
    );
  });

  test("where a folder stands for a file", async () => {
    await mkdir(folder.at("d"));
    expect(await refused(folder.at(), { d: (file) => writeFile(file, "x") })).toBe(
      `UserError: cannot write ${folder.at("d")}: it is a folder, not a file; check the path`,
    );
  });

  test.each(["", ".commit", "..", "in/side"])("where %j is no plain file name", async (name) => {
    expect(await refused(folder.at(), { [name]: (file) => writeFile(file, "x") })).toBe(
      `UserError: cannot write ${JSON.stringify(name)} to ${folder.at()}: expected a plain file name; rename it`,
    );
  });
});

describe("commitFiles refuses a folder", () => {
  test("that is a file, or lies in one", async () => {
    await writeFile(folder.at("file"), "x");
    expect(await failure(commitFiles(folder.at("file"), three("new")))).toBe(
      `UserError: cannot write ${folder.at("file")}: there is a file where a folder should be; remove it or check the path`,
    );
    expect(await failure(commitFiles(folder.at("file", "deep"), three("new")))).toBe(
      `UserError: cannot write ${folder.at("file", "deep")}: a part of its path is a file where a folder should be; check the path`,
    );
  });

  // Permission bits do not stop root, but /sys takes no new files from anyone.
  test.skipIf(!existsSync("/sys/kernel"))("that takes no files (skipped: no /sys here)", async () => {
    expect(await failure(commitFiles("/sys/kernel", three("new")))).toMatch(
      /^UserError: cannot write \/sys\/kernel: (permission denied|the system forbids it|the file system is read-only); [^\n]+$/,
    );
  });
});

describe("after a crash", () => {
  const old = { a: "old", b: "old", c: "old" };
  const inCommit = { ".commit/a": "new", ".commit/b": "new", ".commit/c": "new" };

  test.each<[string, Record<string, string>, string]>([
    ["while writing", { ...old, ".writing-DEAD-0123abcd/a": "new" }, "old"],
    [
      "before the commit point",
      { ...old, ".writing-DEAD-0123abcd/a": "new", ".writing-DEAD-0123abcd/b": "new" },
      "old",
    ],
    ["at the commit point", { ...old, ...inCommit }, "new"],
    ["while moving", { a: "new", b: "old", c: "old", ".commit/b": "new", ".commit/c": "new" }, "new"],
    ["before the first file moved, of a first commit", inCommit, "new"],
    ["while writing one file", { ...old, ".writing-DEAD-89abcdef": "half" }, "old"],
  ])("%s, readers and recovery agree", async (_, files, expected) => {
    const id = String(deadProcess());
    const named = Object.entries(files).map(([name, content]) => [name.replace("DEAD", id), content] as const);
    await make(folder.at(), Object.fromEntries(named));
    expect(await contents(folder.at())).toEqual([expected, expected, expected]);
    await recoverDirectory(folder.at());
    expect(await contents(folder.at())).toEqual([expected, expected, expected]);
    expect((await readdir(folder.at())).sort()).toEqual(["a", "b", "c"]);
  });

  test("the next commit finishes the interrupted one first, its other files too", async () => {
    await make(folder.at(), { a: "old", ".commit/a": "new", ".commit/d": "new" });
    await commitFiles(folder.at(), three("newer"));
    expect(await contents(folder.at())).toEqual(["newer", "newer", "newer"]);
    expect(await readFile(folder.at("d"), "utf8")).toBe("new");
    expect((await readdir(folder.at())).sort()).toEqual(["a", "b", "c", "d"]);
  });

  test("before .commit, by then empty, was removed", async () => {
    await make(folder.at(), old);
    await mkdir(folder.at(".commit"));
    expect(await contents(folder.at())).toEqual(["old", "old", "old"]);
    await recoverDirectory(folder.at());
    expect((await readdir(folder.at())).sort()).toEqual(["a", "b", "c"]);
  });

  test("what a living process writes stays; what an earlier one with our id left goes", async () => {
    await make(folder.at(), {
      [`.writing-${process.ppid}-00000000/a`]: "theirs",
      [`.writing-${process.pid}-00000001/a`]: "ours",
      [`.writing-${process.pid}-00000002/a`]: "earlier",
      ".writing-notes": "no temporary name",
    });
    await utimes(folder.at(`.writing-${process.pid}-00000002`), 1e9, 1e9);
    await recoverDirectory(folder.at());
    expect(new Set(await readdir(folder.at()))).toEqual(
      new Set([`.writing-${process.pid}-00000001`, `.writing-${process.ppid}-00000000`, ".writing-notes"]),
    );
  });

  test("recovery of a missing folder does nothing, and a reader is told that there is no file", async () => {
    await recoverDirectory(folder.at("none"));
    expect(existsSync(folder.at("none"))).toBe(false);
    await writeFile(folder.at("file"), "x");
    for (const place of ["none", "file"]) expect(await inEffect(folder.at(place), "a", stat)).toBeUndefined();
  });
});
