/** Commands that meet a misfortune: a full disk, a device that refuses. What must be so of their files afterwards. */

import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCheckpoint, loadCheckpoint, loadSummary } from "../../src/checkpoint/index.ts";
import { type CommandHost, type Outcome, TINY, textOf } from "../support/program.ts";
import { changesOf, differences, snapshot } from "./compare.ts";
import { check } from "./part.ts";

/** Runs a command in a folder. */
export type Execute = (args: readonly string[], folder: string) => Promise<Outcome>;

/** In a process that goes on to the next command: nothing happens to it. */
export const undisturbed =
  (host: CommandHost): Execute =>
  (args, folder) =>
    host.run(args, folder);

/** A command that writes to a place, and what is there before. */
export interface CommandCase {
  readonly name: string;
  readonly args: (to: string) => readonly string[];
  /** A run that is copied to the place; default: nothing is there. */
  readonly from?: string;
  /** Whether it trains: what it saved before the disk was full is gone on from, once its step is beyond this one. */
  readonly trainsFrom?: number;
}

const training = (...settings: string[]) => settings.flatMap((setting) => ["--set", `training.${setting}`]);

export const writingCases: readonly CommandCase[] = [
  {
    name: "train",
    args: (to) => [
      "train",
      "--data",
      "text.txt",
      ...TINY,
      ...training("checkpointEvery=2", "evaluateEvery=3"),
      "--out",
      to,
    ],
    trainsFrom: -1,
  },
  {
    name: "train --resume",
    args: (to) => ["train", "--resume", "--out", to, ...training("steps=9"), "--grow-at", "7:all=x2"],
    from: "run",
    trainsFrom: 6,
  },
  { name: "grow", args: (to) => ["grow", "run", "--to", to, "--add", "all=x2"] },
  { name: "prune", args: (to) => ["prune", "run", "--to", to, "--keep", "0.5"] },
  { name: "import", args: (to) => ["import", "published", "--to", to] },
  ...["neox", "safetensors", "onnx"].map((format) => ({
    name: `export --format ${format}`,
    args: (to: string) => ["export", "run", "--format", format, "--to", to],
  })),
  { name: "tokenize", args: (to) => ["tokenize", "--data", "text.txt", "--validation", "more.txt", "--to", to] },
  { name: "logits", args: (to) => ["logits", "run", "--tokens", "tokens.json", "--to", `${to}.safetensors`] },
];

/** Makes what the commands read. */
export async function prepare(folder: string, host: CommandHost): Promise<void> {
  await writeFile(join(folder, "text.txt"), textOf(4000));
  await writeFile(join(folder, "more.txt"), textOf(500));
  await writeFile(join(folder, "tokens.json"), JSON.stringify([[1, 2, 3, 4, 5]]));
  for (const args of [
    ["train", "--data", "text.txt", ...TINY, "--out", "run"],
    ["export", "run", "--format", "neox", "--to", "published"],
  ]) {
    const { code, stderr } = await host.run(args, folder);
    check(code === 0, () => `${args.join(" ")}: ${stderr}`);
  }
}

/** A case in a folder of its own below the one that was prepared. */
export class CommandTrial {
  readonly #case: CommandCase;
  readonly #folder: string;
  readonly #place: string;
  readonly #execute: Execute;

  /**
   * @param place where it writes, below the prepared folder
   * @param execute runs a command in that folder
   */
  constructor(commandCase: CommandCase, folder: string, place: string, execute: Execute) {
    this.#case = commandCase;
    this.#folder = folder;
    this.#place = place;
    this.#execute = execute;
  }

  /** Puts there what is there before. */
  async begin(): Promise<ReadonlyMap<string, string>> {
    const { from } = this.#case;
    if (from !== undefined)
      await cp(join(this.#folder, from), join(this.#folder, this.#place, "made"), { recursive: true });
    return snapshot(join(this.#folder, this.#place));
  }

  /** Runs the command. */
  run(): Promise<Outcome> {
    return this.#execute(this.#case.args(join(this.#place, "made")), this.#folder);
  }

  /** Fails unless what was there is there, or the whole of something newer. */
  async checkFiles(before: ReadonlyMap<string, string>, expected: string): Promise<void> {
    const { name } = this.#case;
    const place = join(this.#folder, this.#place);
    const after = await snapshot(place);
    const stray = [...after.keys()].filter((file) => /(^|\/)\.(?!commit\/)/.test(file));
    check(stray.length === 0, () => `${name} leaves ${stray.join(", ")}`);
    const changed = changesOf(before, after).filter((file) => !file.endsWith("metrics.jsonl"));
    if (changed.length === 0) return;
    // There is the whole of something newer: a checkpoint, or all that the command makes.
    if (await hasCheckpoint(join(place, "made"))) await loadCheckpoint(join(place, "made"));
    else {
      const wrong = await differences(expected, place);
      check(wrong.length === 0, () => `${name} leaves half of what it makes: ${wrong.join("; ")}`);
    }
  }

  /** Does it again where there is space: fails unless it makes what it makes on any day. */
  async checkAgain(expected: string): Promise<void> {
    const { name, from, trainsFrom } = this.#case;
    const made = join(this.#folder, this.#place, "made");
    const goesOn = trainsFrom !== undefined && (await hasCheckpoint(made)) && (await stepOf(made)) > trainsFrom;
    if (!goesOn && from === undefined) await rm(made, { recursive: true, force: true });
    const goOn = ["train", "--resume", "--out", join(this.#place, "made")];
    const { code, stderr } = await (goesOn ? this.#execute(goOn, this.#folder) : this.run());
    check(code === 0, () => `${name} with space again: ${stderr}`);
    const wrong = await differences(expected, join(this.#folder, this.#place));
    check(wrong.length === 0, () => `${name} with space again: ${wrong.join("; ")}`);
  }
}

async function stepOf(run: string): Promise<number> {
  return (await loadSummary(run)).state.step;
}
