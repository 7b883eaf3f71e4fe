/** Disks that become full: at every change that a command makes to one, and at every page of a small one. */

import { execFile } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../support/program.ts";
import { snapshot } from "./compare.ts";
import { DiskTrial, diskCases, prepare } from "./disk-cases.ts";
import { check, type Part, type Setting, type Trials } from "./part.ts";

const PRELOAD = ["--import", join(ROOT, "test/torture/full-disk.js")];

export const writes: Part = {
  name: "writes",
  title:
    "the disk full (injected) at every change that a command makes to it: nothing half written, and the disk is named",
  async begin({ folder, short, random }: Setting): Promise<Trials> {
    await prepare(folder);
    const all: { which: number; at: number }[] = [];
    for (const which of diskCases.keys()) {
      const count = Number(await expectedOf(which, folder));
      const places = Array.from({ length: count }, (_, index) => ({ which, at: index + 1 }));
      all.push(...(short ? [itemOf(places, random.integer(count))] : places));
    }
    return {
      count: all.length,
      trial: async (index) => {
        const { which, at } = itemOf(all, index);
        const place = `trial-${index}`;
        const trial = new DiskTrial(itemOf(diskCases, which), folder, place);
        await mkdir(join(folder, place));
        const before = await trial.begin();
        const expected = join(folder, `expected-${which}`);
        await trial.checkRefusal(await trial.run({ FULL_AT: String(at) }, PRELOAD), before, expected);
        await trial.checkAgain(expected);
        await rm(join(folder, place), { recursive: true });
        return { faults: 1 };
      },
      close: () => Promise.resolve(),
    };
  },
};

const PAGE = 4096;

export const disks: Part = {
  name: "disks",
  title:
    "a disk (tmpfs) with room for every number of pages less than a command needs: nothing half written, and the disk is named",
  async begin({ folder, short, random }: Setting): Promise<Trials> {
    const disk = join(folder, "disk");
    await mkdir(disk);
    if (!(await mayMount(disk))) return { count: 0, trial: () => Promise.resolve({}), close: () => Promise.resolve() };
    await prepare(folder);
    const all: { which: number; pages: number }[] = [];
    for (const which of diskCases.keys()) {
      await expectedOf(which, folder);
      const most = await pagesOf(join(folder, `expected-${which}`));
      const sizes = Array.from({ length: most }, (_, pages) => ({ which, pages }));
      all.push(...(short ? [itemOf(sizes, random.integer(most))] : sizes));
    }
    return {
      count: all.length,
      trial: async (index) => {
        const { which, pages } = itemOf(all, index);
        await command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk);
        try {
          const trial = new DiskTrial(itemOf(diskCases, which), folder, "disk");
          const before = await trial.begin();
          const expected = join(folder, `expected-${which}`);
          const size = (await pagesOf(disk)) + pages;
          // A size of 0 is no limit.
          await command("mount", "-o", `remount,size=${Math.max(1, size) * PAGE}`, disk);
          const outcome = await trial.run();
          if (outcome.code !== 0) await trial.checkRefusal(outcome, before, expected);
          await command("mount", "-o", "remount,size=64m", disk);
          if (outcome.code !== 0) await trial.checkAgain(expected);
          return { faults: outcome.code === 0 ? 0 : 1 };
        } finally {
          await command("umount", disk);
        }
      },
      close: () => Promise.resolve(),
    };
  },
};

/** Makes what a case makes on any day, and gives how many changes of the disk that took. */
async function expectedOf(which: number, folder: string): Promise<string> {
  const place = `expected-${which}`;
  const trial = new DiskTrial(itemOf(diskCases, which), folder, place);
  await mkdir(join(folder, place));
  await trial.begin();
  const count = join(folder, `changes-${which}`);
  const { code, stderr } = await trial.run({ FULL_COUNT: count }, PRELOAD);
  check(code === 0, () => stderr);
  return readFile(count, "utf8");
}

/** Files take whole pages. */
async function pagesOf(folder: string): Promise<number> {
  const files = await snapshot(folder);
  return [...files.values()].reduce((sum, hexadecimal) => sum + Math.ceil(hexadecimal.length / 2 / PAGE), 0);
}

/** Mounting is for the system's administrator, on Linux. */
async function mayMount(folder: string): Promise<boolean> {
  try {
    await command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder);
    await command("umount", folder);
    return true;
  } catch {
    return false;
  }
}

async function command(program: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args);
}

function itemOf<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no trial ${index} of ${items.length}`);
  return item;
}
