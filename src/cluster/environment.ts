/** What started this process, by its environment: nothing, or one of the programs that start ranks. */

import type { MpiKind } from "./mpi-library.ts";

export interface Launched {
  /** How many ranks there are, where the environment says so. */
  readonly size: number | undefined;
  /** The number of this rank, where the environment says so. */
  readonly rank: number | undefined;
  /** The kind of MPI library that the launcher belongs to; the other kind would find itself alone. */
  readonly kind: MpiKind | undefined;
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
  const number = (name: string) => {
    const value = Number(environment[name] ?? Number.NaN);
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  };
  const openMpi = number("OMPI_COMM_WORLD_SIZE");
  if (openMpi !== undefined) return { size: openMpi, rank: number("OMPI_COMM_WORLD_RANK"), kind: "openmpi" };
  const pmi = number("PMI_SIZE");
  if (pmi !== undefined) return { size: pmi, rank: number("PMI_RANK"), kind: "mpich" };
  const pmix = number("PMIX_RANK");
  if (pmix !== undefined) return { size: number("SLURM_STEP_NUM_TASKS"), rank: pmix, kind: undefined };
  return undefined;
}
