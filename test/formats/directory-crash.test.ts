/** Commits in a child process that dies at every step, and at random moments. */

import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { inEffect, recoverDirectory } from "../../src/formats/files/directory.ts";
import { useFolder } from "./helpers.ts";

const folder = useFolder();

const NAMES = ["config.json", "model.safetensors", "state.safetensors"];
const BUILT = new URL("../../dist/formats/files/", import.meta.url);

/** Commits generation after generation, and prints each once it is committed; to be run with arguments. */
const COMMITTER = `
  const [directory, first, last] = process.argv.slice(1);
  const { commitFiles } = await import(${JSON.stringify(new URL("directory.js", BUILT).href)});
  const { writeFileAtomic } = await import(${JSON.stringify(new URL("atomic.js", BUILT).href)});
  for (let generation = Number(first); generation <= Number(last); generation += 1) {
    const write = (file) => writeFileAtomic(file, String(generation).padEnd(20_000 + file.length, "."));
    await commitFiles(directory, Object.fromEntries(${JSON.stringify(NAMES)}.map((name) => [name, write])));
    console.log(generation);
  }
`;

/** Kills its own process when it enters the \`step\`-th call that changes names in the file system. */
const DIES_AT_STEP = `
  import files from "node:fs/promises";
  import { syncBuiltinESMExports } from "node:module";
  let left = Number(process.env.DIE_AT_STEP);
  for (const name of ["mkdir", "open", "writeFile", "rename", "rmdir", "rm"]) {
    const original = files[name];
    files[name] = (...args) => {
      left -= 1;
      if (left === 0) process.kill(process.pid, "SIGKILL");
      return original(...args);
    };
  }
  syncBuiltinESMExports();
`;

interface Child {
  /** Ends the process as a power cut would, without warning. */
  kill: () => void;
  /** Settles at the first output, or at the end where there is none. */
  started: Promise<void>;
  /** Settles at its end, with the generations that it printed and whether it ended by itself. */
  ended: Promise<{ printed: number[]; whole: boolean; complaint: string }>;
}

function start(script: string, args: readonly (string | number)[], environment: Record<string, string> = {}): Child {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, ...args.map(String)], {
    env: { ...process.env, ...environment },
  });
  let output = "";
  let complaint = "";
  child.stdout.on("data", (data: Buffer) => {
    output += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    complaint += data.toString();
  });
  const ended = new Promise<{ printed: number[]; whole: boolean; complaint: string }>((resolve) => {
    child.on("close", (code) => {
      // A last line without its newline was cut off.
      const printed = output.split("\n").slice(0, -1).map(Number);
      resolve({ printed, whole: code === 0, complaint });
    });
  });
  const started = new Promise<void>((resolve) => {
    child.stdout.once("data", resolve).once("close", resolve);
  });
  return { kill: () => child.kill("SIGKILL"), started, ended };
}

/** The generation of all files, as a reader finds them: 0 where none is there, an error where they differ. */
async function generation(): Promise<number> {
  const found = new Set<number>();
  for (const name of NAMES) {
    const text = (await inEffect(folder.at(), name, (file) => readFile(file, "utf8"))) ?? "0";
    const [number = ""] = text.split(".");
    // Each file is as long as it was meant to be: none is half written.
    if (number !== "0") expect(text.length).toBeGreaterThanOrEqual(20_000);
    found.add(Number(number));
  }
  expect([...found]).toHaveLength(1);
  return [...found][0] ?? Number.NaN;
}

describe("a process that commits", () => {
  test("and dies at any step leaves one generation whole", async () => {
    const seen: number[] = [];
    for (let step = 1, done = false; !done && step < 200; step += 1) {
      const before = await generation();
      const child = start(DIES_AT_STEP + COMMITTER, [folder.at(), before + 1, before + 1], {
        DIE_AT_STEP: String(step),
      });
      const { printed, whole, complaint } = await child.ended;
      expect(complaint).toBe("");
      const after = await generation();
      expect(after).toBeGreaterThanOrEqual(before + printed.length);
      expect(after).toBeLessThanOrEqual(before + 1);
      await recoverDirectory(folder.at());
      expect(await generation()).toBe(after);
      expect((await readdir(folder.at())).filter((name) => name.startsWith("."))).toEqual([]);
      seen.push(after - before);
      done = whole;
    }
    // Early deaths kept the old files, late ones had committed the new, and there is one step between.
    expect(seen.join("")).toMatch(/^0{10,}1{5,}$/);
  });

  test("and is killed at random moments leaves one generation whole, no older than the last it reported", async () => {
    const end = Date.now() + 8_000;
    let rounds = 0;
    let reported = 0;
    while (rounds < 60 && Date.now() < end) {
      const first = await generation();
      const child = start(COMMITTER, [folder.at(), first + 1, first + 10_000]);
      await child.started;
      // Long enough for a few commits.
      await delay(Math.random() * 50);
      child.kill();
      const { printed, complaint } = await child.ended;
      expect(complaint).toBe("");
      reported = printed.at(-1) ?? reported;
      expect(await generation()).toBeGreaterThanOrEqual(reported);
      rounds += 1;
    }
    expect(reported).toBeGreaterThanOrEqual(rounds);
    await recoverDirectory(folder.at());
    expect((await readdir(folder.at())).sort()).toEqual(NAMES);
  });
});
