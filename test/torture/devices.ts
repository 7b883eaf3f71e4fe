/** Devices that refuse a request: each request of each command once. */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { commands } from "../../src/cli/commands.ts";
import { messageOf } from "../../src/errors.ts";
import type { Random } from "../../src/random.ts";
import { faults } from "../support/faults.ts";
import type { Outcome } from "../support/program.ts";
import { type Circumstances, type CommandCase, CommandTrial, prepare, writingCases } from "./command-cases.ts";
import { adaptCase, longCases, prepareUnfinished, UNFINISHED } from "./long-cases.ts";
import { check, type Part, type Setting, type Trials } from "./part.ts";

/** Commands that only read, those that write by what a device computes, and those that go on where they were. */
const cases: readonly CommandCase[] = [
  ...writingCases.filter(({ name }) => !/^(import|export|tokenize|merge)/.test(name)),
  ...longCases,
  { name: "eval", args: () => ["eval", "run", "--data", "more.txt", "--split", "all"] },
  { name: "eval --quantize", args: () => ["eval", "run", "--data", "more.txt", "--quantize", "int4"] },
  { name: "eval --task", args: () => ["eval", "run", "--task", "questions.jsonl", "--task-type", "text"] },
  { name: "sample", args: () => ["sample", "run", "--prompt", "the", "--prompt", "whale", "--tokens", "5"] },
  { name: "inspect --usage", args: () => ["inspect", "run", "--usage"] },
  { name: "chat", args: () => ["chat", "talker", "--tokens", "5"], input: "the whale\nold man\n" },
];

export const commandNames = [...new Set([...writingCases, ...cases].map(({ name }) => name))];

/** Requests of a command, of more than which not each of many alike in a row is refused, such as those that draw a token. */
const MANY = 300;

export const devices: Part = {
  name: "devices",
  title:
    "each request of a device refused once (where there are more than 300, the first three and every seventh of those alike in a row), in train (new, resumed and branched), adapt (new and resumed), demo, the three studies, serve, chat, grow, prune, logits, eval (also in 4 bits, and of a task), sample and inspect: that error is told, files are as before or whole (of a study, those of what it has finished), nothing is left on a device",
  async begin({ folder, host, short, random, isTried }: Setting): Promise<Trials> {
    const before = process.cwd();
    process.chdir(folder);
    await prepare(folder, host);
    const all: { which: CommandCase; nth: number }[] = [];
    const some = short ? [0, 2 + random.integer(cases.length - 2)].flatMap((index) => cases[index] ?? []) : cases;
    const chosen = some.filter(({ name }) => isTried(name));
    if (chosen.some(({ from }) => from === UNFINISHED)) {
      const requests = await requestsOf(adaptCase(), folder, "finished");
      await prepareUnfinished(folder, requests, async (nth, args) => {
        faults.fail(nth);
        const outcome = await inThisProcess(args, folder, {});
        faults.mend();
        return outcome;
      });
    }
    for (const which of chosen) {
      const requests = await requestsOf(which, folder);
      const every = Array.from({ length: requests }, (_, index) => index + 1);
      const places = (requests > MANY ? faults.unlike : every).map((nth) => ({ which, nth }));
      all.push(...(short ? fewOf(places, random) : places));
    }
    return {
      count: all.length,
      trial: async (index) => {
        const { which, nth } = all[index] ?? { which: undefined, nth: 0 };
        if (which === undefined) throw new Error(`there is no trial ${index} of ${all.length}`);
        return refused(which, nth, folder);
      },
      close: async () => process.chdir(before),
    };
  },
};

/** One of about sixty, and one at least. */
function fewOf<Place>(places: readonly Place[], random: Random): Place[] {
  const few = places.filter(() => random.integer(60) === 0);
  return few.length > 0 ? few : places.slice(0, 1);
}

const folderOf = ({ name }: CommandCase) => name.replaceAll(/\W+/g, "-");

/** Makes what a case makes on any day, and gives how many requests that took. */
async function requestsOf(which: CommandCase, folder: string, place = `expected-${folderOf(which)}`): Promise<number> {
  const trial = new CommandTrial(which, folder, place, inThisProcess);
  await mkdir(join(folder, place));
  await trial.begin();
  faults.mend();
  const { code, stderr } = await trial.run();
  check(code === 0, () => `${which.name}: ${stderr}`);
  return faults.requests;
}

async function refused(which: CommandCase, nth: number, folder: string) {
  const place = `trial-${folderOf(which)}-${nth}`;
  const trial = new CommandTrial(which, folder, place, inThisProcess);
  await mkdir(join(folder, place));
  const before = await trial.begin();
  const expected = join(folder, `expected-${folderOf(which)}`);
  faults.fail(nth);
  const { code, stderr } = await trial.run();
  const failed = faults.mend();
  check(failed, () => `${which.name}: request ${nth} was not made`);
  const { devices: open, tensors, programs } = faults.held();
  check(
    open === 0,
    () => `${which.name} leaves ${open} devices open, with ${tensors} tensors and ${programs} programs`,
  );
  if (code !== 0) {
    // Where a request that frees is refused, the command may well succeed.
    check(stderr.includes("injected"), () => `${which.name} says of request ${nth}: ${stderr}`);
    await trial.checkFiles(before, expected);
  }
  await trial.checkAgain(expected);
  await rm(join(folder, place), { recursive: true });
  return { refused: 1, ...(code === 0 && { "succeeded all the same": 1 }) };
}

/** Runs a command in this process, whose devices can be made to fail. */
async function inThisProcess(
  args: readonly string[],
  _: string,
  { input = "", meanwhile }: Circumstances,
): Promise<Outcome> {
  const [name = "", ...rest] = args;
  const command = new Map(Object.entries(commands)).get(name);
  if (command === undefined) throw new Error(`there is no command ${name}`);
  const { write: writeOut } = process.stdout;
  const { write: writeError } = process.stderr;
  let [stdout, stderr] = ["", ""];
  process.stdout.write = (text) => {
    stdout += String(text);
    return true;
  };
  process.stderr.write = (text) => {
    stderr += String(text);
    return true;
  };
  const stdin = Object.getOwnPropertyDescriptor(process, "stdin") ?? {};
  Object.defineProperty(process, "stdin", { value: Readable.from(input === "" ? [] : [input]), configurable: true });
  let hasEnded = false;
  const others = meanwhile?.({ said: () => stdout + stderr, hasEnded: () => hasEnded });
  // What they find wrong fails the trial, once the command has ended.
  others?.catch(() => undefined);
  try {
    await (await command.load()).exitOverride().parseAsync(rest, { from: "user" });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return { code: 1, stdout, stderr: `${stderr}tokenformer: ${messageOf(error)}` };
  } finally {
    hasEnded = true;
    Object.defineProperty(process, "stdin", stdin);
    process.stdout.write = writeOut;
    process.stderr.write = writeError;
    await others;
  }
}
