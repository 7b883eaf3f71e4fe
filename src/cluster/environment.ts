/** What started this process, by its environment: nothing, or one of the programs that start ranks. */

import type { MpiKind } from "./mpi-library.ts";

export interface Launched {
  /** How many ranks there are, where the environment says so. */
  readonly size: number | undefined;
  /** The number of this rank, where the environment says so. */
  readonly rank: number | undefined;
  /** The kind of MPI library that the launcher belongs to; the other kind would find itself alone. */
  readonly kind: MpiKind | undefined;
  /** The variable that says how many there are, or else that there are ranks. */
  readonly by: string;
}

/**
 * Whether the process is one of several: started by Open MPI's `mpirun`, by MPICH's (through PMI), or by a launcher that speaks
 * PMIx or PMI, such as Slurm's `srun --mpi=pmix`.
 * @returns nothing for a process that is alone
 */
export function launchedBy(environment: NodeJS.ProcessEnv): Launched | undefined {
  const found = launcherOf(environment);
  return found?.size === 1 ? undefined : found;
}

function launcherOf(environment: NodeJS.ProcessEnv): Launched | undefined {
  const number = (name: string, least = 0) => {
    const text = environment[name]?.trim() ?? "";
    return /^\d+$/.test(text) && Number(text) >= least ? Number(text) : undefined;
  };
  const openMpi = number("OMPI_COMM_WORLD_SIZE", 1);
  if (openMpi !== undefined) {
    return { size: openMpi, rank: number("OMPI_COMM_WORLD_RANK"), kind: "openmpi", by: "OMPI_COMM_WORLD_SIZE" };
  }
  const pmi = number("PMI_SIZE", 1);
  if (pmi !== undefined) return { size: pmi, rank: number("PMI_RANK"), kind: "mpich", by: "PMI_SIZE" };
  const pmix = number("PMIX_RANK");
  if (pmix === undefined) return undefined;
  const size = number(SLURM_TASKS, 1);
  return { size, rank: pmix, kind: undefined, by: size === undefined ? "PMIX_RANK" : SLURM_TASKS };
}

/** How many tasks Slurm has started in this step. */
const SLURM_TASKS = "SLURM_STEP_NUM_TASKS";

/** How many tasks of Slurm are alone that may have been meant to be ranks: `srun` joins them where it is asked to alone. */
export function unjoinedTasks(environment: NodeJS.ProcessEnv): number | undefined {
  const tasks = Number(environment[SLURM_TASKS]);
  return launcherOf(environment) === undefined && tasks > 1 ? tasks : undefined;
}
