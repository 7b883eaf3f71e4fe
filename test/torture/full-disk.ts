/** Disks that become full: at every change that a command makes to one, and at every page of a small one. */

import { execFile } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Random } from "../../src/random.ts";
import { CommandHost, type Outcome, ROOT } from "../support/program.ts";
import { type CommandCase, CommandTrial, type Execute, prepare, undisturbed, writingCases } from "./command-cases.ts";
import { snapshot } from "./compare.ts";
import { adaptCase, longCases, prepareUnfinished, UNFINISHED } from "./long-cases.ts";
import { check, type Part, type Setting, type Trials } from "./part.ts";

/** The program, with a disk of its own. */
const ON_LIMITED_DISK = join(ROOT, "test/torture/on-limited-disk.js");

/** Commands that write files. */
const cases: readonly CommandCase[] = [...writingCases, ...longCases.filter(({ name }) => name !== "serve")];

/** Runs a command whose changes of the disk are counted, and limited to less than a number. */
const limited =
  (host: CommandHost, at: number, counted: string): Execute =>
  (args, folder) =>
    host.run([String(at), counted, ...args], folder);

/** Fails unless the disk is named as what is full, in one line. */
function checkMessage(name: string, { code, stderr }: Outcome): void {
  const last = stderr.trimEnd().split("\n").at(-1) ?? "";
  check(code === 1, () => `${name} ended with ${code}: ${stderr}`);
  check(/^tokenformer: cannot write .*: the disk is full; /.test(last), () => `${name} says: ${stderr}`);
  check(!/^ {4}at /m.test(stderr), () => `${name} shows a stack: ${stderr}`);
}

export const disk: Part = {
  name: "disk",
  title:
    "the disk full (injected) at every change that a command makes to it: nothing half written, and the disk is named",
  async begin({ folder, host, short, random, isTried }: Setting): Promise<Trials> {
    const onDisk = new CommandHost(ON_LIMITED_DISK);
    await prepare(folder, host);
    const all: { which: number; at: number }[] = [];
    const some = chosen(random, short).filter((index) => isTried(itemOf(cases, index).name));
    await prepareCases(folder, onDisk, some);
    for (const which of some) {
      const counted = join(folder, `changes-${which}`);
      await makeExpected(which, folder, limited(onDisk, Number.POSITIVE_INFINITY, counted));
      const count = Number(await readFile(counted, "utf8"));
      const places = Array.from({ length: count }, (_, index) => ({ which, at: index + 1 }));
      all.push(...(short ? [itemOf(places, random.integer(count))] : places));
    }
    return {
      count: all.length,
      trial: async (index) => {
        const { which, at } = itemOf(all, index);
        const place = `trial-${index}`;
        const one = itemOf(cases, which);
        const counted = join(folder, `changes-of-${place}`);
        const trial = new CommandTrial(one, folder, place, limited(onDisk, at, counted));
        await mkdir(join(folder, place));
        const before = await trial.begin();
        const expected = join(folder, `expected-${which}`);
        checkMessage(one.name, await trial.run());
        await trial.checkFiles(before, expected);
        await new CommandTrial(one, folder, place, undisturbed(host)).checkAgain(expected);
        await rm(join(folder, place), { recursive: true });
        return { faults: 1 };
      },
      close: () => onDisk.close(),
    };
  },
};

/** Makes what some cases go on from, by a disk that is full. */
async function prepareCases(folder: string, onDisk: CommandHost, some: readonly number[]): Promise<void> {
  if (!some.some((index) => itemOf(cases, index).from === UNFINISHED)) return;
  const counted = join(folder, "changes-unfinished");
  const adapt = adaptCase();
  await limited(onDisk, Number.POSITIVE_INFINITY, counted)(adapt.args("finished"), folder, {});
  const count = Number(await readFile(counted, "utf8"));
  await prepareUnfinished(folder, count, (nth, args) => limited(onDisk, nth, counted)(args, folder, {}));
}

/** The cases that are tried: all, or in a short form one that trains and one of the others. */
function chosen(random: Random, short: boolean): number[] {
  const all = [...cases.keys()];
  return short ? [random.integer(2), 2 + random.integer(all.length - 2)] : all;
}

const PAGE = 4096;

export const tmpfs: Part = {
  name: "tmpfs",
  title:
    "a disk (tmpfs) with room for every number of pages less than a command needs: nothing half written, and the disk is named",
  async begin({ folder, host, short, random, isTried }: Setting): Promise<Trials> {
    const mounted = join(folder, "disk");
    await mkdir(mounted);
    if (!(await mayMount(mounted)))
      return { count: 0, trial: () => Promise.resolve({}), close: () => Promise.resolve() };
    await prepare(folder, host);
    const all: { which: number; pages: number }[] = [];
    const some = chosen(random, short).filter((index) => isTried(itemOf(cases, index).name));
    const onDisk = new CommandHost(ON_LIMITED_DISK);
    await prepareCases(folder, onDisk, some).finally(() => onDisk.close());
    for (const which of some) {
      await makeExpected(which, folder, undisturbed(host));
      const most = await pagesOf(join(folder, `expected-${which}`));
      const sizes = Array.from({ length: most }, (_, pages) => ({ which, pages }));
      all.push(...(short ? [itemOf(sizes, random.integer(most))] : sizes));
    }
    return {
      count: all.length,
      trial: async (index) => {
        const { which, pages } = itemOf(all, index);
        await command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", mounted);
        try {
          const one = itemOf(cases, which);
          const trial = new CommandTrial(one, folder, "disk", undisturbed(host));
          const before = await trial.begin();
          const expected = join(folder, `expected-${which}`);
          const size = (await pagesOf(mounted)) + pages;
          // A size of 0 is no limit.
          await command("mount", "-o", `remount,size=${Math.max(1, size) * PAGE}`, mounted);
          const outcome = await trial.run();
          if (outcome.code !== 0) {
            checkMessage(one.name, outcome);
            await trial.checkFiles(before, expected);
          }
          await command("mount", "-o", "remount,size=64m", mounted);
          if (outcome.code !== 0) await trial.checkAgain(expected);
          return { faults: outcome.code === 0 ? 0 : 1 };
        } finally {
          await command("umount", mounted);
        }
      },
      close: () => Promise.resolve(),
    };
  },
};

/** Makes what a case makes on any day. */
async function makeExpected(which: number, folder: string, execute: Execute): Promise<void> {
  const place = `expected-${which}`;
  const trial = new CommandTrial(itemOf(cases, which), folder, place, execute);
  await mkdir(join(folder, place));
  await trial.begin();
  const { code, stderr } = await trial.run();
  check(code === 0, () => stderr);
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
