/**
 * The torture suite: what becomes of runs, files and servers when processes die, devices fail, disks are full and files are broken.
 *
 *     npm run torture -- [--seed 1] [--minutes 60] [--only kills,disk] [--commands serve,chat] [--trial 7]
 *         [--out torture]
 *
 * It takes minutes to hours. With `--commands`, devices and disks fail under these alone, and the folder is to be another. Each part is stopped after an equal share of the minutes; the same command goes on with the next trial.
 * `torture.md` and `torture.json` in the folder tell what came of it; a failure is made again by its part, seed and trial.
 */

import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { machine, today } from "../../src/cli/circumstances.ts";
import { ROOT } from "../support/program.ts";
import { commandNames } from "./devices.ts";
import { parts } from "./parts.ts";
import { type PartResult, torture } from "./suite.ts";
import { markdown, readSummary, type Summary, withResult, writeSummary } from "./summary.ts";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string" },
    only: { type: "string" },
    commands: { type: "string" },
    trial: { type: "string" },
    out: { type: "string", default: "torture" },
  },
});

const seed = wholeNumber("--seed", options.seed);
const trial = options.trial === undefined ? undefined : wholeNumber("--trial", options.trial);
const minutes = options.minutes === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--minutes", options.minutes);
const names = options.only?.split(",") ?? parts.map(({ name }) => name);
const commands = options.commands?.split(",");
const strange = commands?.filter((name) => !commandNames.includes(name)) ?? [];
if (strange.length > 0) throw new Error(`--commands ${strange.join(",")}: there is ${commandNames.join(", ")}`);
const unknown = names.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0)
  throw new Error(`--only ${unknown.join(",")}: there is ${parts.map(({ name }) => name).join(", ")}`);

const commit = execFileSync("git", ["-C", ROOT, "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
const chosen = parts.filter(({ name }) => names.includes(name));
let summary: Summary = { date: today(), machine: machine(), commit, results: [] };
const earlier = trial === undefined ? await readSummary(options.out) : undefined;
// Results of another commit say nothing of this one.
if (earlier?.commit === commit) summary = { ...summary, results: earlier.results };

for (const part of chosen) {
  const from = summary.results.find((result) => result.part === part.name && result.seed === seed);
  const result = await torture(part, {
    seed,
    from,
    isTried: (command) => commands?.includes(command) ?? true,
    trial,
    seconds: (minutes * 60) / chosen.length,
    note: async (soFar) => {
      tell(soFar);
      if (trial === undefined) await keep(soFar);
    },
  });
  await keep(result);
}
process.stdout.write(markdown(summary));
process.exitCode = summary.results.some(({ failures }) => failures.length > 0) ? 1 : 0;

async function keep(result: PartResult): Promise<void> {
  summary = withResult(summary, result);
  if (trial === undefined) await writeSummary(options.out, summary);
}

function tell({ part, done, count, failures }: PartResult): void {
  const failure = failures.at(-1);
  const failed =
    failure === undefined ? "" : `, ${failures.length} failed, the last ${failure.trial}: ${failure.message}`;
  process.stderr.write(`${part} ${done}/${count}, seed ${seed}${failed}\n`);
}

function wholeNumber(option: string, given: string): number {
  const number = Number(given);
  if (!Number.isInteger(number) || number < 0) throw new Error(`${option} ${given}: expected a whole number from 0`);
  return number;
}
