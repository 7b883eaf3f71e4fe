import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { launch } from "../../src/cluster/index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenformer-launcher-"));
});
afterAll(() => rm(folder, { recursive: true }));

const never = new AbortController().signal;

/** A program that says it is the `mpirun` of an MPI, and instead of starting ranks does what is given. */
async function mpirun(mpi: string, script: string) {
  const program = join(folder, "mpirun");
  const text = `#!/bin/sh\nif [ "$1" = --version ]; then echo "${mpi}"; exit 0; fi\ncd "${folder}"\n${script}\n`;
  await writeFile(program, text, { mode: 0o755 });
  return { ranks: 2, mpirun: program, command: ["train"] };
}

/** Aborts once something has said `ready` on the standard output. */
function abortWhenReady(): AbortSignal {
  const abort = new AbortController();
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    if (text === "ready\n") abort.abort();
    return true;
  });
  return abort.signal;
}

const WAIT = "echo ready\nwhile :; do sleep 0.05; done";

describe("launch", () => {
  it.each([
    ["mpirun (Open MPI) 4.1.4", "USR2"],
    ["HYDRA build details: Version: 4.0.2", "TERM"],
  ])("asks ranks to save by the signal that the mpirun hands on: %s, %s", async (mpi, signal) => {
    const traps = ["USR1", "USR2", "TERM", "INT"].map((name) => `trap 'echo ${name} > got; exit 130' ${name}`);
    const options = await mpirun(mpi, [...traps, WAIT].join("\n"));
    expect(await launch(options, { stop: abortWhenReady(), end: never })).toEqual({ code: 130, isLost: false });
    expect(await readFile(join(folder, "got"), "utf8")).toBe(`${signal}\n`);
  });

  it("ends as its ranks do, which may fail where they are to save", async () => {
    const options = await mpirun("Open MPI", `trap 'exit 1' USR2\n${WAIT}`);
    expect(await launch(options, { stop: abortWhenReady(), end: never })).toEqual({ code: 1, isLost: false });
  });

  it.each([
    ["were asked to save", `trap 'exit 0' TERM\n${WAIT}`, 130],
    ["said why they cannot go on", "echo 'tokenformer: nothing.txt: there is no such file' >&2", 1],
    ["had nothing left to do", "exit 0", 0],
    [
      "were stopped, and went on",
      "echo 'tokenformer: rank 0 on here was stopped for 12 s; it goes on, if the others do' >&2",
      0,
    ],
  ])(
    "ends as ranks of MPICH do of which it says 0, its code where theirs came late: they %s",
    async (_, script, code) => {
      vi.spyOn(process.stderr, "write").mockReturnValue(true);
      const options = await mpirun("HYDRA build details: Version: 4.0.2", script);
      const stop = code === 130 ? abortWhenReady() : never;
      expect(await launch(options, { stop, end: never })).toEqual({ code, isLost: false });
    },
  );

  it("starts no ranks where it is to stop before", async () => {
    const options = await mpirun("Open MPI", "touch started; exit 0");
    expect(await launch(options, { stop: AbortSignal.abort(), end: never })).toEqual({ code: 130, isLost: false });
    await expect(readFile(join(folder, "started"))).rejects.toThrow("ENOENT");
  });
});
