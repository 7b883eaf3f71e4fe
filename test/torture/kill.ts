/** `kill -9` at random moments of a run that grows, evaluates and keeps its best: it goes on as if it had been left alone. */

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { hasCheckpoint } from "../../src/checkpoint/index.ts";
import type { Random } from "../../src/random.ts";
import { MAIN, startProcess, TINY, textOf } from "../support/program.ts";
import { differences } from "./compare.ts";
import { type Counts, check, type Part, type Setting, type Trials } from "./part.ts";

export const kills: Part = {
  name: "kills",
  title:
    "`kill -9` at random moments of a run with growth, evaluation and best-keeping: it ends bitwise like the run left alone",
  async begin({ folder, short }: Setting): Promise<Trials> {
    await writeFile(join(folder, "text.txt"), textOf(4000));
    const victim = new Victim(folder, short ? 20 : 120);
    const begun = performance.now();
    const { code, stderr } = await victim.start("alone").outcome;
    check(code === 0, () => `the run that is left alone: ${stderr}`);
    const duration = performance.now() - begun;
    return {
      count: short ? 1 : 100,
      trial: async (index, random) => {
        const run = `run-${index}`;
        const count = await victim.killed(run, duration, random);
        const wrong = await differences(join(folder, "alone"), join(folder, run));
        check(wrong.length === 0, () => `not the run that was left alone: ${wrong.join("; ")}`);
        await rm(join(folder, run), { recursive: true });
        return count;
      },
      close: () => Promise.resolve(),
    };
  },
};

/** A training that is the same whenever it is begun, and goes on where it was. */
class Victim {
  readonly #folder: string;
  readonly #steps: number;

  constructor(folder: string, steps: number) {
    this.#folder = folder;
    this.#steps = steps;
  }

  start(run: string) {
    return startProcess([MAIN, ...this.#beginning(), "--out", run], this.#folder);
  }

  async goOn(run: string) {
    const hasBegun = await hasCheckpoint(join(this.#folder, run));
    return hasBegun ? startProcess([MAIN, "train", "--resume", "--out", run], this.#folder) : this.start(run);
  }

  /** Kills a run, and perhaps the one that goes on from it, then lets it end. */
  async killed(run: string, duration: number, random: Random): Promise<Counts> {
    const wanted = 1 + random.integer(3);
    let done = 0;
    while (done < wanted) {
      const process = await this.goOn(run);
      await Promise.race([delay(random.uniform() * duration), process.outcome]);
      process.signal("SIGKILL");
      const { code, stderr } = await process.outcome;
      check(code === null || code === 0, () => `it ended before it was killed: ${stderr}`);
      if (code === null) done += 1;
      // It was faster than the moment drawn: once more, from the start.
      else await rm(join(this.#folder, run), { recursive: true });
    }
    const { code, stderr } = await (await this.goOn(run)).outcome;
    check(code === 0, () => `after ${done} kills it does not go on: ${stderr}`);
    return { kills: done };
  }

  /** Growths of three kinds, each kind of save, and an end that is none of them. */
  #beginning(): string[] {
    const settings = { steps: this.#steps, evaluateEvery: 5, checkpointEvery: 3, schedule: "constant" };
    const plans = ["q=8,k=8,v=8,proj=8,ffn=16", "ffn=x2;init=split;tau=fixed", "all=x2;freeze=3"];
    return [
      ...["train", "--data", "text.txt", ...TINY],
      ...Object.entries(settings).flatMap(([key, value]) => ["--set", `training.${key}=${value}`]),
      ...plans.flatMap((plan, index) => ["--grow-at", `${Math.floor(((index + 1) * this.#steps) / 4)}:${plan}`]),
    ];
  }
}
