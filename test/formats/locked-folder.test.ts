import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { LockedFolder, withFolder } from "../../src/formats/files/locked-folder.ts";
import { ownIdentity, type ProcessIdentity, stillRuns } from "../../src/formats/files/processes.ts";
import { startProcess } from "../support/command-line.ts";
import { failure, useFolder } from "./helpers.ts";

const folder = useFolder();

const BUILT = JSON.stringify(new URL("../../dist/formats/files/locked-folder.js", import.meta.url).href);

/** Takes a folder and says so on stderr; holds it until it is killed. */
const HOLDER = `
  import { LockedFolder } from ${BUILT};
  await LockedFolder.take(process.argv[1]);
  console.error("taken");
  setInterval(() => undefined, 1000);
`;

const hold = (directory: string) => startProcess(["--input-type=module", "-e", HOLDER, directory], folder.at());

const LOCK = ".lock-0123456789abcdef";

/** Leaves a lock of another process in the folder, with the last sign of life so many seconds ago. */
async function leaveLock(owner: Partial<ProcessIdentity>, secondsAgo = 0): Promise<void> {
  const facts = { command: "tokenformer train --out run", since: "2026-11-24T16:08:12.345Z" };
  await writeFile(folder.at(LOCK), JSON.stringify({ ...(await ownIdentity()), ...facts, ...owner }));
  const then = Date.now() / 1000 - secondsAgo;
  await utimes(folder.at(LOCK), then, then);
}

const names = () => readdir(folder.at());

/** Takes the folder and gives it back. */
const use = () => withFolder(folder.at(), () => names());

describe("a folder that is taken", () => {
  test("is refused to its own process, too, until it is released", async () => {
    const taken = await LockedFolder.take(folder.at());
    const message = await failure(use());
    expect(message).toContain(`UserError: ${folder.at()}: is being written to by \``);
    expect(message).toMatch(
      /` \(this process, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\); wait until it ends, or choose another folder$/,
    );
    expect(await names()).toHaveLength(1);
    await taken.release();
    expect(await names()).toEqual([]);
    expect(await use()).toHaveLength(1);
  });

  test("is refused to another process, and free when the first was killed without warning", async () => {
    const holder = hold(folder.at());
    await holder.shown(/taken/);
    const refused = await hold(folder.at()).outcome;
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /UserError\]?: \S+: is being written to by `[^`]+` \(process \d+, since [^)]+\); wait/,
    );
    expect(await names()).toHaveLength(1);
    holder.signal("SIGKILL");
    await holder.outcome;
    expect(await names()).toHaveLength(1);
    expect(await use()).toHaveLength(1);
    expect(await names()).toEqual([]);
  });

  test("commits, in folders inside too, until someone removes its lock", async () => {
    const taken = await LockedFolder.take(folder.at());
    const write = (content: string) => ({ a: (file: string) => writeFile(file, content) });
    await taken.commit(write("1"));
    await taken.inside("best").commit(write("2"));
    for (const name of await names()) if (name.startsWith(".lock-")) await rm(folder.at(name));
    for (const place of [taken, taken.inside("best")]) {
      expect(await failure(place.commit(write("3")))).toMatch(
        /its lock \.lock-[0-9a-f]{16} is gone, so that another process may write there; nothing more is written$/,
      );
    }
    expect([await readFile(folder.at("a"), "utf8"), await readFile(folder.at("best", "a"), "utf8")]).toEqual([
      "1",
      "2",
    ]);
    await taken.release();
  });

  test("is removed where it was made for nothing, with those around it, and stays where it holds something", async () => {
    await withFolder(folder.at("new", "deep"), () => Promise.resolve());
    expect(await names()).toEqual([]);
    await withFolder(folder.at("new", "deep"), ({ commit: _, directory }) => writeFile(`${directory}/a`, "x"));
    expect(await readdir(folder.at("new", "deep"))).toEqual(["a"]);
    await mkdir(folder.at("empty"));
    await withFolder(folder.at("empty"), () => Promise.resolve());
    expect(await names()).toEqual(["empty", "new"]);
  });
});

describe("the lock of another process", () => {
  const gone = () => spawnSync(process.execPath, ["--version"]).pid;

  test.each<[string, () => Partial<ProcessIdentity>, number]>([
    ["that is gone", () => ({ pid: gone() }), 0],
    ["whose id another one has by now", () => ({ pid: process.ppid, started: "1" }), 0],
    ["of another computer, without a sign of life for long", () => ({ host: "elsewhere", system: "other" }), 400],
    ["of this computer before it was started anew", () => ({ host: hostname(), system: "boot before" }), 1e9],
  ])("%s does not count, and is removed", async (_, owner, secondsAgo) => {
    await leaveLock(owner(), secondsAgo);
    expect(await use()).not.toContain(LOCK);
    expect(await names()).toEqual([]);
  });

  test("that runs counts, whether or not its start is known", async () => {
    for (const started of [(await startOfParent()) ?? "", ""]) {
      await leaveLock({ pid: process.ppid, started });
      expect(await failure(use())).toBe(
        `UserError: ${folder.at()}: is being written to by \`tokenformer train --out run\` (process ${process.ppid}, since 2026-11-24 16:08:12 UTC); wait until it ends, or choose another folder`,
      );
      expect(await names()).toEqual([LOCK]);
    }
  });

  test("of another computer counts as long as it gives signs of life", async () => {
    await leaveLock({ pid: 7, host: "elsewhere", system: "other" }, 100);
    expect(await failure(use())).toBe(
      `UserError: ${folder.at()}: is being written to by \`tokenformer train --out run\` (process 7 of elsewhere, since 2026-11-24 16:08:12 UTC); wait until it ends, or choose another folder, or remove ${folder.at(LOCK)} if that process is gone`,
    );
  });

  test.each(["", "{", "{}", "[]"])("that cannot be read, %j, is left to the user", async (content) => {
    await writeFile(folder.at(LOCK), content);
    expect(await failure(use())).toBe(
      `UserError: ${folder.at()}: has a lock that cannot be read, ${folder.at(LOCK)}; remove it if no process writes there`,
    );
  });

  test("in a folder that counts too is looked for", async () => {
    await mkdir(folder.at("best"));
    const inner = await LockedFolder.take(folder.at("best"));
    expect(await failure(LockedFolder.take(folder.at(), [folder.at("best"), folder.at("none")]))).toContain(
      "this process",
    );
    await inner.release();
    await (await LockedFolder.take(folder.at(), [folder.at("best"), folder.at("none")])).release();
  });
});

async function startOfParent(): Promise<string | undefined> {
  const stat = await readFile(`/proc/${process.ppid}/stat`, "utf8").catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

test("a process is told from others of its id", async () => {
  const own = await ownIdentity();
  expect(own).toMatchObject({ pid: process.pid, host: hostname() });
  expect(await stillRuns(own)).toBe(true);
  expect(own.started).not.toBe("");
  expect(await stillRuns({ ...own, started: `${own.started}1` })).toBe(false);
});

/** Takes the folder again and again, and while it has it, owns a file that no one else can have. */
const CONTENDER = `
  import { open, rm } from "node:fs/promises";
  import { LockedFolder } from ${BUILT};
  const [, directory] = process.argv;
  let taken = 0;
  for (let tries = 0; tries < 12; tries++) {
    try {
      const folder = await LockedFolder.take(directory);
      const own = await open(directory + "/owned", "wx");
      await own.close();
      await rm(directory + "/owned");
      await folder.release();
      taken++;
    } catch (error) {
      if (error.constructor.name !== "FolderTakenError" || !error.message.includes("is being written to")) throw error;
    }
  }
  console.log(taken);
`;

test("of processes that want it at once, one at a time has it, and each gets it", async () => {
  const contenders = Array.from({ length: 4 }, () =>
    startProcess(["--input-type=module", "-e", CONTENDER, folder.at()], folder.at()),
  );
  for (const { outcome } of contenders) {
    const { code, stdout, stderr } = await outcome;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(Number(stdout)).toBeGreaterThan(0);
  }
  expect(await names()).toEqual([]);
});
