/** Programs that start ranks, for tests on the real thing. */

import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { it } from "vitest";

/** A program that starts ranks, with the Debian package that it comes with. */
export interface MpiProgram {
  readonly name: "Open MPI" | "MPICH";
  readonly program: string;
  readonly options: readonly string[];
  readonly package: string;
}

// Under these names both can be installed side by side.
export const openMpi: MpiProgram = {
  name: "Open MPI",
  program: "mpirun.openmpi",
  options: ["--oversubscribe", "--bind-to", "none"],
  package: "openmpi-bin",
};

export const mpich: MpiProgram = { name: "MPICH", program: "mpirun.mpich", options: [], package: "mpich" };

const isInstalled = ({ program }: MpiProgram) =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** What ranks of tests find in their environment. */
export const mpiEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, ...ENVIRONMENT });

/** A test with ranks of an MPI; skipped, and said to be, where it is not installed. */
export function itWith(mpi: MpiProgram, name: string, test: () => Promise<void>): void {
  if (isInstalled(mpi)) it(`${name}, ${mpi.name}`, test);
  else
    it(`${name}, ${mpi.name}`, ({ skip }) =>
      skip(`there is no ${mpi.program}: install Debian's package ${mpi.package}`));
}

const ENVIRONMENT = {
  NO_COLOR: "1",
  // Open MPI asks twice whether root means it: tests in a container do.
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  // A rank that waits leaves its core to others, as there may be more ranks than cores.
  OMPI_MCA_mpi_yield_when_idle: "1",
};

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Starts so many ranks of a program of Node. */
export function startRanks(mpi: MpiProgram, count: number, words: readonly string[], cwd = process.cwd()) {
  const child = spawn(mpi.program, [...mpi.options, "-np", String(count), process.execPath, ...words], {
    cwd,
    env: mpiEnvironment(),
  });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
  return { child, ended };
}

/** Runs so many ranks of a program of Node to their end. */
export function runRanks(mpi: MpiProgram, count: number, words: readonly string[], cwd?: string): Promise<Ended> {
  return startRanks(mpi, count, words, cwd).ended;
}
