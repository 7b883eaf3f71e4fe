/** Start-up: the command line, the first step of a new run, and the programs of deep models. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { formatDuration } from "../report/format.ts";
import type { SessionTimes } from "./session-task.ts";
import { ownArguments } from "./sides.ts";
import { type Spread, spreadOf } from "./spread.ts";
import { type Course, timeOf } from "./time.ts";

export interface StartUp {
  /** Seconds of `tokenformer --help`. */
  readonly help: Spread;
  /** Seconds of Node alone, which are part of all others. */
  readonly node: Spread;
  /** Seconds from the start of `tokenformer train` to the first step of `mini`, reading the text and a validation included. */
  readonly firstStep: Spread;
  readonly sessions: readonly SessionTimes[];
}

/** @param program the file of the command line */
export async function measureStartUp(
  program: string,
  rounds: number,
  { note, isOver, begins }: Course,
): Promise<StartUp> {
  const times = { help: [] as number[], node: [] as number[], firstStep: [] as number[] };
  const node = (...given: readonly string[]) => timeOf(() => promisify(execFile)(process.execPath, given));
  for (let round = 0; round < rounds && (round === 0 || !isOver()); round++) {
    times.node.push((await node("-e", "0")).seconds);
    times.help.push((await node(program, "--help")).seconds);
    const first = await timeOf(() => untilFirstStep(program));
    times.firstStep.push(first.seconds);
    // What is timed next must not share the processor with what is left of the training.
    await first.result.end();
  }
  const spreads = { help: spreadOf(times.help), node: spreadOf(times.node), firstStep: spreadOf(times.firstStep) };
  const [alone, help, first] = [spreads.node, spreads.help, spreads.firstStep].map(({ median }) =>
    formatDuration(median),
  );
  note(`  node ${alone}, --help ${help}, the first step of mini ${first}`);
  const sessions: SessionTimes[] = [];
  for (const layers of [12, 40]) {
    if (!begins(`the program of ${layers} layers`)) continue;
    const { stdout } = await promisify(execFile)(process.execPath, ownArguments("session", String(layers)));
    const times: SessionTimes = JSON.parse(stdout);
    note(`  the program of ${layers} layers: ${formatDuration(times.graph + times.emission + times.session)}`);
    sessions.push(times);
  }
  return { ...spreads, sessions };
}

/** A training that has made its first step, which `end` ends. */
async function untilFirstStep(program: string): Promise<{ end(): Promise<unknown> }> {
  const given = ["train", "--preset", "mini", "--set", "training.steps=1"];
  const child = spawn(process.execPath, [program, ...given], { stdio: ["ignore", "ignore", "pipe"] });
  let shown = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
      if (shown.includes("step 1/1")) resolve();
    });
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`training ended with ${code} before its first step: ${shown}`)));
  });
  const closed = once(child, "close");
  const end = () => {
    child.kill("SIGKILL");
    return closed;
  };
  return { end };
}
