/** A rank of several killed at a random moment: `launch --restarts` goes on, and the run ends as if it had been left alone. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../src/random.ts";
import { MAIN, startProcess, TINY, textOf } from "../support/program.ts";
import { differences } from "./compare.ts";
import { type Counts, check, type Part, type Setting, type Trials } from "./part.ts";

const RANKS = 3;

/** Open MPI asks twice whether root means it; a rank that waits leaves its core to others. */
const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_mpi_yield_when_idle: "1",
};

export const ranks: Part = {
  name: "ranks",
  title: `a random one of ${RANKS} ranks killed at a random moment under \`launch --restarts\`: the run ends bitwise like the one left alone`,
  async begin({ folder, short }: Setting): Promise<Trials> {
    await writeFile(join(folder, "text.txt"), textOf(4000));
    const begun = performance.now();
    const { code, stderr } = await launched("alone", folder, short).outcome;
    check(code === 0, () => `the run that is left alone: ${stderr}`);
    const pace = { duration: performance.now() - begun };
    return {
      count: short ? 1 : 20,
      trial: async (index, random) => {
        const run = `run-${index}`;
        const count = await killedOnce({ run, folder, short }, pace, random);
        const wrong = await differences(join(folder, "alone"), join(folder, run));
        check(wrong.length === 0, () => `not the run that was left alone: ${wrong.join("; ")}`);
        await rm(join(folder, run), { recursive: true });
        return count;
      },
      close: () => Promise.resolve(),
    };
  },
};

function launched(run: string, folder: string, short: boolean) {
  const [steps, first, second] = short ? [60, 15, 36] : [200, 50, 120];
  const settings = { steps, evaluateEvery: 20, checkpointEvery: 10, schedule: "constant" };
  const words = [
    ...["launch", "-n", String(RANKS), "--restarts", "3", "--", "train", "--data", "text.txt", ...TINY],
    ...Object.entries(settings).flatMap(([key, value]) => ["--set", `training.${key}=${value}`]),
    ...["--grow-at", `${first}:all=x2`, "--grow-at", `${second}:ffn=x2;freeze=${short ? 9 : 30}`, "--out", run],
  ];
  return startProcess([MAIN, ...words], folder, ENVIRONMENT);
}

/**
 * Kills one rank of a run, and waits for the end; once more from the start where the run was faster than the moment drawn.
 * @param pace how long a run takes that is left alone; is corrected where one was faster
 */
async function killedOnce(
  { run, folder, short }: { readonly run: string } & Pick<Setting, "folder" | "short">,
  pace: { duration: number },
  random: Random,
): Promise<Counts> {
  for (;;) {
    const begun = performance.now();
    const { id, outcome } = launched(run, folder, short);
    await Promise.race([delay(random.uniform() * pace.duration), outcome]);
    const victim = (await ranksBelow(id)).get(random.integer(RANKS));
    const isKilled = victim !== undefined && kill(victim);
    const { code, stderr } = await outcome;
    check(code === 0, () => `it does not go on: ${stderr}`);
    if (isKilled) return { kills: 1, restarts: stderr.match(/^starting again from/gm)?.length ?? 0 };
    pace.duration = Math.min(pace.duration, performance.now() - begun);
    await rm(join(folder, run), { recursive: true });
  }
}

function kill(id: number): boolean {
  try {
    return process.kill(id, "SIGKILL");
  } catch {
    return false;
  }
}

/** The processes of ranks below another process, by their numbers. */
async function ranksBelow(id: number): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  const children = await readFile(`/proc/${id}/task/${id}/children`, "utf8").catch(() => "");
  for (const child of children
    .split(" ")
    .filter((text) => text !== "")
    .map(Number)) {
    const environment = await readFile(`/proc/${child}/environ`, "utf8").catch(() => "");
    const rank = /(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)/.exec(environment)?.[1];
    if (rank !== undefined) found.set(Number(rank), child);
    for (const [number, below] of await ranksBelow(child)) found.set(number, below);
  }
  return found;
}
