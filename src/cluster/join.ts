/** Joining the ranks that a launcher has started, if one has. */

import { fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { messageOf, UserError } from "../errors.ts";
import { threadsOfEnvironment } from "../threads.ts";
import type { Communicator, Order } from "./communicator.ts";
import { launchedBy } from "./environment.ts";
import { gatherTexts } from "./exchange.ts";
import { MpiCommunicator } from "./mpi-communicator.ts";
import { loadMpi } from "./mpi-library.ts";
import { requireSame } from "./sameness.ts";
import { Watch } from "./watch.ts";

export interface JoinOptions {
  /** The file of an MPI library. Default: the first that is found. */
  readonly mpiLibrary?: string | undefined;
  /** In which order the ranks' numbers are added up. Default "fixed": the same sums have the same bits. */
  readonly order?: Order | undefined;
}

/** This process as one of several. */
export class Ranks {
  readonly communicator: Communicator;
  /** The number of this rank among those of its machine, from 0. */
  readonly localRank: number;
  /** Threads for this rank: `OMP_NUM_THREADS` of its environment, else its share of the cores that ranks of the machine have. */
  readonly threads: number;
  readonly #watch: Watch;

  private constructor(watch: Watch, localRank: number, threads: number) {
    this.communicator = watch.communicator;
    this.localRank = localRank;
    this.threads = threads;
    this.#watch = watch;
  }

  /** @param communicator is closed by `leave` */
  static async watching(communicator: Communicator): Promise<Ranks> {
    const { rank, host } = communicator;
    const own = { host, cores: await coresOfProcess() };
    const all = (await gatherTexts(communicator, JSON.stringify(own))).map((text): typeof own => JSON.parse(text));
    const localRank = all.slice(0, rank).filter((other) => other.host === host).length;
    const sharing = all.filter((other) => other.host === host && other.cores === own.cores).length;
    const threads = threadsOfEnvironment() ?? Math.max(1, Math.floor(availableParallelism() / sharing));
    return new Ranks(await Watch.begin(communicator), localRank, threads);
  }

  /** Ends all ranks because of an error on this one, which has been said where this is rank 0. Does not return. */
  fail(error: unknown): Promise<never> {
    return this.#watch.fail(messageOf(error));
  }

  /** All ranks are done. */
  async leave(): Promise<void> {
    await this.communicator.barrier();
    await this.#watch.end();
    await this.communicator.close();
  }
}

/**
 * Joins the other ranks where a launcher has started several.
 * @returns nothing for a process that is alone
 * @throws UserError where there is no MPI library, one of another kind than the launcher's, no way to the launcher, or another order
 * on another rank
 */
export async function joinRanks({ mpiLibrary, order = "fixed" }: JoinOptions = {}): Promise<Ranks | undefined> {
  const launched = launchedBy(process.env);
  if (launched === undefined) return undefined;
  requireWayToLauncher(process.env["PMI_FD"]);
  const communicator = MpiCommunicator.join(await loadMpi(mpiLibrary, launched.kind), { order });
  if (launched.size !== undefined && launched.size !== communicator.size) {
    throw new UserError(
      `${launched.by} says that ${launched.size} ranks were started, but ${communicator.description} finds ${communicator.size}: unset it where it is left from elsewhere; else that is not the MPI of what started them: name that one's library with --mpi-library`,
    );
  }
  if (communicator.size === 1) {
    await communicator.close();
    return undefined;
  }
  // In an operation that adds up, ranks of unlike orders would write past the ends of arrays. So far they share alone.
  await requireSame(communicator, { "--sum-order": order }).catch(async (error: unknown) => {
    await communicator.close();
    throw error;
  });
  return Ranks.watching(communicator);
}

/**
 * Refuses to go on where a program between MPICH's `mpirun` and this process has closed the socket through which those two speak: MPICH
 * would end the process.
 * @param descriptor the socket's number, where there is to be one
 */
function requireWayToLauncher(descriptor: string | undefined): void {
  if (descriptor === undefined || isSocket(Number(descriptor))) return;
  throw new UserError(
    "what mpirun has started, such as npx, keeps the ranks from it; use `tokenformer launch`, or mpirun with `node node_modules/tokenformer/dist/cli/main.js`",
  );
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

/** Which cores the process may use, where the system tells. */
async function coresOfProcess(): Promise<string> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "";
}
