/** Commands that meet a misfortune: a full disk, a device that refuses. What must be so of their files afterwards. */

import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCheckpoint, loadCheckpoint, loadSummary } from "../../src/checkpoint/index.ts";
import { hasSkill, hasUnfinished, loadSkill, loadUnfinished } from "../../src/skills/index.ts";
import { type CommandHost, type Outcome, TINY, textOf } from "../support/program.ts";
import { changesOf, differences, snapshot } from "./compare.ts";
import { check } from "./part.ts";

/** A command that has not ended. */
export interface UnderWay {
  /** What it has written so far, to either stream. */
  said(): string;
  hasEnded(): boolean;
}

/** What a command meets while it runs. */
export interface Circumstances {
  /** Its standard input. Default: none. */
  readonly input?: string;
  /** What is done meanwhile. */
  readonly meanwhile?: (command: UnderWay) => Promise<void>;
}

/** Runs a command in a folder. */
export type Execute = (args: readonly string[], folder: string, circumstances: Circumstances) => Promise<Outcome>;

/** In a process that goes on to the next command: nothing happens to it. */
export const undisturbed =
  (host: CommandHost): Execute =>
  (args, folder) =>
    host.run(args, folder);

/** A command that writes to a place, and what is there before. */
export interface CommandCase extends Circumstances {
  readonly name: string;
  readonly args: (to: string) => readonly string[];
  /** A run that is copied to the place; default: nothing is there. */
  readonly from?: string;
  /** If it trains: what goes on from what it has saved in a folder; nothing where it has saved nothing yet. */
  readonly goOn?: (made: string) => Promise<((to: string) => readonly string[]) | undefined>;
  /** Whether what it has finished of many things may be there without the others. Default: false. */
  readonly leavesParts?: boolean;
  /** The files that are as on any day in the end, whatever happened. Default: all. */
  readonly compared?: RegExp;
}

/** What goes on with a run that was saved beyond a step. */
const resumedFrom = (step: number) => async (made: string) =>
  (await hasCheckpoint(made)) && (await stepOf(made)) > step
    ? (to: string) => ["train", "--resume", "--out", to]
    : undefined;

const training = (...settings: string[]) => settings.flatMap((setting) => ["--set", `training.${setting}`]);

/** A skill of few updates, saved more than once. */
const SHORT = training("steps=4", "warmup=0", "checkpointEvery=2");

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
    goOn: resumedFrom(-1),
  },
  {
    name: "train --resume",
    args: (to) => ["train", "--resume", "--out", to, ...training("steps=9"), "--grow-at", "7:all=x2"],
    from: "run",
    goOn: resumedFrom(6),
  },
  {
    name: "train --from",
    args: (to) => ["train", "--from", "run", "--cooldown", "3", ...training("checkpointEvery=2"), "--out", to],
    goOn: resumedFrom(-1),
  },
  {
    name: "train, exchanging",
    args: (to) => [
      "train",
      "--data",
      "text.txt",
      ...TINY,
      ...training("localSteps=2", "checkpointEvery=2", "evaluateEvery=2"),
      "--out",
      to,
    ],
    goOn: resumedFrom(-1),
  },
  {
    name: "adapt",
    args: (to) => ["adapt", "run", "--data", "more.txt", "--add", "all=2", ...SHORT, "--to", to],
    goOn: async (made) => ((await hasUnfinished(made)) ? (to) => ["adapt", "run", "--resume", "--to", to] : undefined),
  },
  { name: "merge", args: (to) => ["merge", "run", "--with", "skill", "--to", to] },
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
  // A conversation is written with a colon after each role.
  await writeFile(join(folder, "text.txt"), `a: ${textOf(4000)}`);
  await writeFile(join(folder, "more.txt"), textOf(500));
  await writeFile(join(folder, "tokens.json"), JSON.stringify([[1, 2, 3, 4, 5]]));
  await writeFile(join(folder, "questions.jsonl"), '{"text": "the whale sea"}\n{"text": "old man said"}\n');
  for (const args of [
    ["train", "--data", "text.txt", ...TINY, ...training("schedule=constant"), "--out", "run"],
    // With room for a conversation.
    ["train", "--data", "text.txt", ...TINY, "--set", "model.context=64", "--out", "talker"],
    ["adapt", "run", "--data", "more.txt", "--add", "all=2", ...SHORT, "--to", "skill"],
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
    return this.#execute(this.#case.args(join(this.#place, "made")), this.#folder, this.#case);
  }

  /** Fails unless what was there is there, or the whole of something newer. */
  async checkFiles(before: ReadonlyMap<string, string>, expected: string): Promise<void> {
    const { name, leavesParts = false } = this.#case;
    const place = join(this.#folder, this.#place);
    const after = await snapshot(place);
    const stray = [...after.keys()].filter((file) => /(^|\/)\.(?!commit\/|unfinished\/)/.test(file));
    check(stray.length === 0, () => `${name} leaves ${stray.join(", ")}`);
    const changed = changesOf(before, after).filter((file) => !file.endsWith("metrics.jsonl"));
    if (changed.length === 0 || leavesParts) return;
    // There is the whole of something newer: a checkpoint, a skill or what its training goes on from, or all that the command makes.
    const made = join(place, "made");
    const [isRun, isSkill, isUnfinished] = [await hasCheckpoint(made), await hasSkill(made), await hasUnfinished(made)];
    if (isRun) await loadCheckpoint(made);
    if (isSkill) await loadSkill(made);
    if (isUnfinished) await loadUnfinished(made);
    if (!isRun && !isSkill && !isUnfinished) {
      const wrong = await differences(expected, place);
      check(wrong.length === 0, () => `${name} leaves half of what it makes: ${wrong.join("; ")}`);
    }
  }

  /** Does it again where there is space: fails unless it makes what it makes on any day. */
  async checkAgain(expected: string): Promise<void> {
    const { name, from, goOn, compared } = this.#case;
    const made = join(this.#folder, this.#place, "made");
    const goingOn = await goOn?.(made);
    if (goingOn === undefined && from === undefined) await rm(made, { recursive: true, force: true });
    const args = goingOn?.(join(this.#place, "made"));
    const { code, stderr } = await (args === undefined ? this.run() : this.#execute(args, this.#folder, {}));
    check(code === 0, () => `${name} with space again: ${stderr}`);
    const wrong = await differences(expected, join(this.#folder, this.#place), compared);
    check(wrong.length === 0, () => `${name} with space again: ${wrong.join("; ")}`);
  }
}

async function stepOf(run: string): Promise<number> {
  return (await loadSummary(run)).state.step;
}
