/** Commands that several ranks run together: `mpirun -np 4 npx tokenformer …`. */

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { Option } from "commander";
import { joinRanks, type Order, orders, type Ranks, requireSame, unjoinedTasks } from "../cluster/index.ts";
import { messageOf } from "../errors.ts";
import { explainFileError, makeFolder } from "../formats/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import type { TrainOptions } from "../training/index.ts";
import { fail } from "./failure.ts";
import { note, redirectOutput, type Writer } from "./output.ts";
import { version } from "./version.ts";

export interface RankOptions {
  readonly mpiLibrary?: string;
  readonly sumOrder: Order;
  readonly rankLogs?: string;
}

export const rankOptions = () => [
  new Option("--mpi-library <file>", "where mpirun starts several ranks: the MPI library (default: the usual names)"),
  new Option(
    "--sum-order <order>",
    "of the ranks' gradients: fixed gives the same bits each time, library is the MPI library's own",
  )
    .choices(orders)
    .default("fixed"),
  new Option("--rank-logs <folder>", "where other ranks than the first write what they would print (default: nowhere)"),
];

/**
 * Does what a command does, as one of several ranks where a launcher has started them. Rank 0 alone prints; where one rank cannot
 * go on, all end.
 */
export async function withRanks(
  options: RankOptions,
  work: (ranks: Ranks | undefined) => Promise<void>,
): Promise<void> {
  // Where it cannot join, no other rank speaks for this one.
  const ranks = await joinRanks({ mpiLibrary: options.mpiLibrary, order: options.sumOrder });
  if (ranks === undefined) {
    const tasks = unjoinedTasks(process.env);
    if (tasks !== undefined) {
      note(`warning: Slurm has started ${tasks} tasks, and each is alone; to have them join as ranks: srun --mpi=pmix`);
    }
    return work(undefined);
  }
  try {
    const { communicator } = ranks;
    if (communicator.rank > 0) redirectOutput(await logOf(communicator.rank, options));
    await requireSame(communicator, { "the version": version, "the command": process.argv[2] ?? "missing" });
    note(`${communicator.size} ranks, joined by ${communicator.description}`);
    await work(ranks);
  } catch (error) {
    await fail(error);
    await ranks.fail(error);
  }
  await ranks.leave();
}

/** What a rank has: the others, and its part of its machine. */
export type Shares = Pick<TrainOptions, "communicator" | "threads">;

/** Some of the machine's cores, or one of the GPUs that CUDA finds. */
export function sharesOf(ranks: Ranks | undefined, device: DeviceName): Shares {
  if (ranks === undefined) return {};
  const { communicator, threads, localRank } = ranks;
  // CUDA reads this when the device is opened.
  if (device === "cuda") process.env["CUDA_VISIBLE_DEVICES"] = gpuOf(localRank, process.env["CUDA_VISIBLE_DEVICES"]);
  return { communicator, threads };
}

/**
 * The GPU of a rank, by the name that CUDA has for it.
 * @param localRank its number among the ranks of its machine
 * @param visible the GPUs that the environment leaves to all of them; one alone has been chosen for this rank, and stays
 */
export function gpuOf(localRank: number, visible: string | undefined): string {
  const names = visible?.split(",") ?? [];
  return names[localRank % names.length] ?? String(localRank);
}

async function logOf(rank: number, { rankLogs }: RankOptions): Promise<Writer> {
  if (rankLogs === undefined) return { write: () => undefined };
  await makeFolder(rankLogs);
  const file = join(rankLogs, `rank-${rank}.log`);
  let isLost = false;
  const write = (text: string) => {
    if (isLost) return;
    try {
      appendFileSync(file, text);
    } catch (error) {
      // No run ends for want of a log.
      isLost = true;
      const why = messageOf(explainFileError(error, "write", file));
      process.stderr.write(`warning: rank ${rank} goes on without its log: ${why}\n`);
    }
  };
  return { write };
}
