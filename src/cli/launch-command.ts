/** `tokenformer launch`: starts a command on several ranks, and again where one of them is lost. */

import { access, constants, stat } from "node:fs/promises";
import { Command, Option } from "commander";
import { launch } from "../cluster/index.ts";
import { UserError } from "../errors.ts";
import { nearest } from "../suggestion.ts";
import { withInterrupt } from "./interrupt.ts";
import { wholeOption } from "./numbers.ts";
import { note } from "./output.ts";

interface Options {
  readonly ranks: number;
  readonly hostfile?: string;
  readonly restarts: number;
  readonly mpirun?: string;
}

export const launchCommand = () =>
  new Command("launch")
    .argument("<command...>", "a command of this program with its options, after --: train … or study …")
    .addOption(
      new Option("-n, --ranks <n>", "how many processes").argParser(wholeOption("--ranks", 1)).makeOptionMandatory(),
    )
    .option("--hostfile <file>", "machines, as the mpirun takes them (default: this one)")
    .option("--restarts <n>", "how often to start again from the last checkpoint", wholeOption("--restarts"), 0)
    .option("--mpirun <program>", "Open MPI's or MPICH's (default: mpirun)")
    .action(runLaunch);

/** The commands that join their ranks. Of any other, each rank would do the whole, beside the others. */
export const COMMANDS_OF_RANKS: readonly string[] = ["train", "study progressive", "study frontier"];

async function runLaunch(words: readonly string[], options: Options): Promise<void> {
  const { restarts, hostfile } = options;
  requireRanks(words);
  if (hostfile !== undefined) await requireHostfile(hostfile);
  const out = outOf(words);
  if (restarts > 0 && words[0] === "train" && out === undefined) {
    throw new UserError("--restarts: needs a command with --out, the folder whose checkpoint to start again from");
  }
  // Not what is in it: that may take modules of one's own, which the ranks alone import.
  const saved = async () => {
    // What reads checkpoints takes most of the time of a start: it is loaded where ranks may start again.
    const { checkpointVersion } = await import("../checkpoint/index.ts");
    return out === undefined ? undefined : checkpointVersion(out);
  };
  const before = restarts > 0 ? await saved() : undefined;
  const atOnce = new AbortController();
  const rounds = async (stop: AbortSignal) => {
    for (let restart = 0; ; restart++) {
      // What is asked for is in the checkpoint from the first save on, and to be asked for again until then.
      const hasSaved = restart > 0 && words[0] === "train" && (await saved()) !== before;
      const ownWords = hasSaved ? resuming(words) : words;
      const command = [process.execPath, process.argv[1] ?? "", ...ownWords];
      const { code, isLost } = await launch({ ...options, command }, { stop, end: atOnce.signal });
      process.exitCode = code;
      if (code === 0 || !isLost || stop.aborted || restart === restarts) return;
      note(`starting again from the last checkpoint (${restart + 1} of ${restarts})`);
    }
  };
  await withInterrupt("stopping all ranks", rounds, () => atOnce.abort());
}

function requireRanks([command = "", below]: readonly string[]): void {
  const asked = command === "study" && below !== undefined ? `${command} ${below}` : command;
  if (COMMANDS_OF_RANKS.includes(asked)) return;
  const near = nearest(asked, COMMANDS_OF_RANKS);
  throw new UserError(
    `launch: ${asked} is not for several ranks, expected one of ${COMMANDS_OF_RANKS.join(", ")}${near === undefined ? "" : `; did you mean "${near}"?`}`,
  );
}

/** Looks for the file before an `mpirun` does, which would say in many lines that it is not there, and of a folder nothing that helps. */
async function requireHostfile(file: string): Promise<void> {
  await access(file, constants.R_OK);
  if ((await stat(file)).isDirectory()) {
    throw new UserError(`--hostfile ${file}: is a folder, expected a file of machines; check the path`);
  }
}

function outOf(words: readonly string[]): string | undefined {
  const place = words.findIndex((word) => /^--out(=|$)/.test(word));
  return place < 0 ? undefined : words[place]?.slice("--out=".length) || words[place + 1];
}

/** Options of `train` that its checkpoint does not hold, each with a value. */
const KEPT = /^--(out|device|model|strategy|mpi-library|sum-order|rank-logs)(=|$)/;

/** The command that goes on with a run, which has its configuration and data. */
function resuming(words: readonly string[]): string[] {
  const kept = words.filter((word, place) => {
    const before = words[place - 1] ?? "";
    return word === "--json" || KEPT.test(word) || (KEPT.test(before) && !before.includes("="));
  });
  return ["train", "--resume", ...kept];
}
