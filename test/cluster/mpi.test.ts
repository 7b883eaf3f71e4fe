import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { itWith, mpich, openMpi, runRanks } from "../support/mpi.ts";

const program = fileURLToPath(new URL("collectives.mjs", import.meta.url));

/** One and two numbers are fewer than ranks; the last is more than are received at a time. */
const LENGTHS = [1, 2, 4099, 3 * (2 ** 18 + 7)];

interface Printed {
  readonly rank: number;
  readonly size: number;
  readonly description: string;
  readonly results: Readonly<Record<string, { readonly equal: boolean; readonly largest: number }>>;
}

async function printed(mpi: typeof openMpi, size: number, order: string): Promise<Printed[]> {
  const { code, output, errors } = await runRanks(mpi, size, [program, order, LENGTHS.join(",")]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  return output.split("\n").flatMap((line): Printed[] => (line.startsWith("{") ? [JSON.parse(line)] : []));
}

describe("ranks joined by MPI", () => {
  for (const mpi of [openMpi, mpich]) {
    itWith(mpi, "compute what ranks in one process do, bit by bit", async () => {
      const ranks = await printed(mpi, 3, "fixed");
      expect(ranks.map(({ rank }) => rank).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
      for (const { results, size, description } of ranks) {
        expect(size).toBe(3);
        expect(description).toMatch(new RegExp(`^${mpi.name} \\d+\\.\\d+`));
        expect(Object.keys(results)).toHaveLength(6 * LENGTHS.length);
        expect(Object.entries(results).filter(([, { equal }]) => !equal)).toEqual([]);
      }
    });
  }

  itWith(openMpi, "add up to the same numbers in the library's order", async () => {
    for (const { results } of await printed(openMpi, 3, "library")) {
      for (const { largest } of Object.values(results)) expect(largest).toBeLessThan(1e-4);
    }
  });

  itWith(openMpi, "end without a fault over TCP, as between machines, however soon", async () => {
    const overTcp = { ...openMpi, options: [...openMpi.options, "--mca", "btl", "tcp,self"] };
    const { code, errors, output } = await runRanks(overTcp, 3, [fileURLToPath(new URL("brief.mjs", import.meta.url))]);
    expect(errors).toBe("");
    expect(code).toBe(0);
    expect(output).toBe("2\n2\n2\n");
  });

  itWith(
    mpich,
    "have the C library's functions for memory as they were, which V8 calls from several threads",
    async () => {
      const told = { ...mpich, options: ["-genv", "UCX_MEM_LOG_LEVEL", "debug"] };
      const { output, errors } = await runRanks(told, 2, [fileURLToPath(new URL("brief.mjs", import.meta.url))]);
      expect(output + errors).not.toContain("bistro hook");
      expect(output).toContain("2\n2\n");
    },
  );

  itWith(openMpi, "name a library that is none", async () => {
    const { code, errors } = await runRanks(openMpi, 2, [program, "fixed", "1", "libnothing.so"]);
    expect(code).not.toBe(0);
    expect(errors).toContain("--mpi-library libnothing.so (");
    expect(errors).toContain("expected the shared library of Open MPI or MPICH, such as libmpi.so.40");
  });
});
