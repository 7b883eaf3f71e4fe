import { describe, expect, it } from "vitest";
import { launchedBy } from "../../src/cluster/index.ts";

describe("what started a process", () => {
  it("is nothing where the environment says nothing, or that there is one rank", () => {
    expect(launchedBy({})).toBeUndefined();
    expect(launchedBy({ OMPI_COMM_WORLD_SIZE: "1", PMIX_RANK: "0" })).toBeUndefined();
    expect(launchedBy({ PMI_SIZE: "1", PMI_RANK: "0" })).toBeUndefined();
  });

  it("is Open MPI's mpirun, MPICH's, or Slurm's srun with PMIx", () => {
    expect(launchedBy({ OMPI_COMM_WORLD_SIZE: "3", PMIX_RANK: "1" })).toEqual({
      size: 3,
      rank: undefined,
      kind: "openmpi",
    });
    expect(launchedBy({ PMI_SIZE: "5", PMI_RANK: "4" })).toEqual({ size: 5, rank: 4, kind: "mpich" });
    expect(launchedBy({ PMIX_RANK: "1", SLURM_STEP_NUM_TASKS: "7" })).toEqual({ size: 7, rank: 1, kind: undefined });
    expect(launchedBy({ PMIX_RANK: "0" })).toEqual({ size: undefined, rank: 0, kind: undefined });
  });

  it("is not a batch script of Slurm, which runs once whatever the job has of tasks", () => {
    expect(launchedBy({ SLURM_NTASKS: "7", SLURM_PROCID: "0" })).toBeUndefined();
  });
});
