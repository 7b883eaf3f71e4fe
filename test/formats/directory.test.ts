import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { writeFileAtomic } from "../../src/formats/files/atomic.ts";
import { commitFiles, inEffect, recoverDirectory } from "../../src/formats/files/directory.ts";
import { temporaryName } from "../../src/formats/files/temporary.ts";
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

  const names = async () => new Set(await readdir(folder.at()));

  /** What is left of half-written folders of these names, all of them older than this test, and of a file beside them. */
  async function leftOf(...given: readonly string[]): Promise<readonly string[]> {
    for (const name of given) {
      await make(folder.at(), { [`${name}/a`]: "half" });
      for (const place of [`${name}/a`, name]) await utimes(folder.at(place), 1e9, 1e9);
    }
    await make(folder.at(), { ".writing-notes": "no temporary name" });
    await recoverDirectory(folder.at());
    const left = await names();
    expect(left.delete(".writing-notes")).toBe(true);
    return [...left];
  }

  test("what this process writes stays, however long that takes; what an earlier one with its id left goes", async () => {
    const [ours, other] = [await temporaryName(), await temporaryName()];
    const earlier = other.replace(/^(\.writing-\d+)-\w+/, "$1-1");
    expect(await leftOf(ours, earlier)).toEqual([ours]);
  });

  test("what an older version wrote, without its start, goes where its process is gone, or has not written for long", async () => {
    const [theirs, ours] = [`.writing-${process.ppid}-00000000`, `.writing-${process.pid}-00000001`];
    await make(folder.at(), { [`${ours}/a`]: "under way", [`.writing-${deadProcess()}-00000002/a`]: "left" });
    expect(await leftOf(theirs)).toEqual([ours]);
    await utimes(folder.at(ours), 1e9, 1e9);
    await recoverDirectory(folder.at());
    expect(await names(), "the file in it is new").toContain(ours);
  });

  test("what another computer writes goes where nothing has been written for long", async () => {
    const [long, now] = [
      `.writing-${deadProcess()}-1-00000000-00000000`,
      `.writing-${process.pid}-1-00000000-00000001`,
    ];
    await make(folder.at(), { [`${now}/a`]: "under way" });
    expect(await leftOf(long)).toEqual([now]);
  });

  /** Leaves a half-written folder, says its name on stderr with its id, and stays. */
  const WRITER = `
    import { mkdir } from "node:fs/promises";
    const { temporaryName } = await import(${JSON.stringify(new URL("../../dist/formats/files/temporary.js", import.meta.url).href)});
    await mkdir(process.argv[1] + "/" + (await temporaryName()));
    console.error("writes " + process.pid);
    setInterval(() => undefined, 1000);
  `;

  test.skipIf(process.platform === "win32")(
    "what another process writes stays until it is killed, be it that its parent takes no note of that",
    async () => {
      const inParent = `"$0" --input-type=module -e "$1" "$2" & exec sleep 600`;
      const parent = spawn("/bin/sh", ["-c", inParent, process.execPath, WRITER, folder.at()]);
      try {
        const [told] = await once(parent.stderr, "data");
        const id = Number(/\d+/.exec(String(told))?.[0]);
        await make(folder.at(), { [`.writing-${id}-00000000/a`]: "as an older version names it" });
        await recoverDirectory(folder.at());
        expect(await readdir(folder.at())).toHaveLength(2);
        process.kill(id, "SIGKILL");
        // Where it is not told that such a process has ended, it is once its parent has.
        if (process.platform !== "linux") parent.kill("SIGKILL");
        await expect.poll(() => recoverDirectory(folder.at()).then(() => readdir(folder.at()))).toEqual([]);
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  test("recovery of a missing folder does nothing, and a reader is told that there is no file", async () => {
    await recoverDirectory(folder.at("none"));
    expect(existsSync(folder.at("none"))).toBe(false);
    await writeFile(folder.at("file"), "x");
    for (const place of ["none", "file"]) expect(await inEffect(folder.at(place), "a", stat)).toBeUndefined();
  });
});
