import { describe, expect, it } from "vitest";
import { launchedBy, unjoinedTasks } from "../../src/cluster/index.ts";

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
      by: "OMPI_COMM_WORLD_SIZE",
    });
    expect(launchedBy({ PMI_SIZE: "5", PMI_RANK: "4" })).toEqual({ size: 5, rank: 4, kind: "mpich", by: "PMI_SIZE" });
    const [kind, by] = [undefined, "SLURM_STEP_NUM_TASKS"];
    expect(launchedBy({ PMIX_RANK: "1", [by]: "7" })).toEqual({ size: 7, rank: 1, kind, by });
    expect(launchedBy({ PMIX_RANK: "0" })).toEqual({ size: undefined, rank: 0, kind, by: "PMIX_RANK" });
  });

  it("is not a batch script of Slurm, which runs once whatever the job has of tasks", () => {
    expect(launchedBy({ SLURM_NTASKS: "7", SLURM_PROCID: "0" })).toBeUndefined();
  });

  it("is nothing by a variable that is empty, or that says nothing", () => {
    for (const value of ["", " ", "0", "-1", "two"]) {
      expect(launchedBy({ OMPI_COMM_WORLD_SIZE: value, PMI_SIZE: value })).toBeUndefined();
    }
    expect(launchedBy({ OMPI_COMM_WORLD_SIZE: "", PMI_SIZE: "2" })).toMatchObject({ size: 2, kind: "mpich" });
    expect(launchedBy({ PMIX_RANK: "" })).toBeUndefined();
  });
});

it("tasks of Slurm are alone where nothing joins them", () => {
  expect(unjoinedTasks({ SLURM_STEP_NUM_TASKS: "4", SLURM_PROCID: "0" })).toBe(4);
  expect(unjoinedTasks({ SLURM_STEP_NUM_TASKS: "4", PMIX_RANK: "0" })).toBeUndefined();
  expect(unjoinedTasks({ SLURM_STEP_NUM_TASKS: "1" })).toBeUndefined();
  expect(unjoinedTasks({})).toBeUndefined();
});
