/** `tokenformer study` as a user meets it. */

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { plannedOn, workOnStudy } from "../../src/cli/study-work.ts";
import { json, useCommandLine } from "../support/command-line.ts";
import { itWith, openMpi, runRanks } from "../support/mpi.ts";

const { at, answer, main, run } = useCommandLine();

const progressive = (...options: string[]) => ["study", "progressive", "--data", "text.txt", ...options];

const set = (...changes: string[]) => changes.flatMap((change) => ["--set", change]);

const ladder = [
  { attention: 4, feedForward: 6, steps: 5 },
  { attention: 24, feedForward: 48, steps: 4 },
];

/** A study of seconds. */
const tiny = [
  ...["--seeds", "1", "--arms", "grown,net2net"],
  ...set(`ladder=${JSON.stringify(ladder)}`, 'ablation={"stage":1,"questions":[]}', "learningRates=[0.01]"),
  ...set('model={"layers":1,"heads":2,"width":16,"context":8}', "training.evaluationTokens=64"),
];

it("plans, runs, goes on with more arms and reports", async () => {
  const plan = json(await answer(...progressive(...tiny, "--dry-run", "--json")));
  expect(plan).toMatchObject({
    stages: [
      { attention: 4, feedForward: 6, width: 8 },
      { attention: 24, feedForward: 48, width: 16 },
    ],
    rows: [
      { id: "grown", runs: 1, steps: 9 },
      { id: "net2net", runs: 1, steps: 9 },
    ],
    total: { runs: 2, steps: 18 },
  });

  const data = ["--data", "text.txt", "text.txt", "--validation", "text.txt"];
  const held = json(
    await answer("study", "progressive", ...data, ...tiny, "--arms", "grown", "--out", "held", "--json"),
  );
  expect(held).toMatchObject({ data: { name: "text.txt, text.txt (held out: text.txt)" } });

  const first = json(await answer(...progressive(...tiny, "--out", "study", "--json")));
  expect(first).toMatchObject({
    seeds: [1],
    spent: { runs: 2 },
    command: expect.stringContaining("study progressive"),
  });
  // As an earlier version noted it, without an option that came later.
  const noted: { study: { training: { precision?: string } } } = JSON.parse(
    await readFile(at("study", "study.json"), "utf8"),
  );
  expect(noted.study.training.precision).toBe("float32");
  delete noted.study.training.precision;
  await writeFile(at("study", "study.json"), JSON.stringify(noted));
  const extended = progressive(...tiny, "--out", "study", "--arms", "grown,net2net,no-growth");
  expect(json(await answer(...extended, "--dry-run", "--json"))).toMatchObject({
    total: { runs: 3 },
    left: { runs: 1 },
  });
  const more = await run(...extended);
  expect(more.stderr).toMatch(/about .* on this machine for what is left, 1 of 3 runs, /);
  expect(more).toMatchObject({ code: 0, stdout: "report: study/report.html\n" });
  expect(more.stderr.match(/ rate 0\.01 /g)).toHaveLength(1); // only the new arm
  expect(await readFile(at("study", "report.html"), "utf8")).toContain("never grown");
  expect(existsSync(at("study", "report.md"))).toBe(true);
  expect((await run(...extended, "--dry-run")).stderr).toMatch(/^all of it is done already$/m);

  for (const more of [[], ["--dry-run"]]) {
    const other = await run(...progressive(...tiny, "--out", "study", ...set("training.batch=3"), ...more));
    expect(other).toMatchObject({ code: 1, stdout: "" });
    expect(other.stderr).toMatch(/^tokenformer: study: holds another study \(see study\/study\.json\)/);
  }
});

it.skipIf(!existsSync("/proc/self/fd"))("closes its text where the plan, or the folder, is refused", async () => {
  await answer("tokenize", "--data", "text.txt", "--to", "ids.bin");
  const file = at("ids.bin");
  const opened = () => readdirSync("/proc/self/fd").filter((name) => placeOf(name) === file).length;
  const fixed = { device: "cpu", sumOrder: "fixed", dryRun: false, json: false } as const;
  const named = { ...fixed, data: [file], out: at("refused") };
  const refuse = () => {
    throw new Error(`refused with ${opened()} open`);
  };
  await expect(plannedOn(named, "character", refuse)).rejects.toThrow("refused with 1 open");
  expect(opened()).toBe(0);
  const planned = () => plannedOn(named, "character", () => ({ study: {} }));
  const kind = { note: "study.json", planned, claim: async () => refuse(), work: async () => undefined };
  await expect(workOnStudy(named, kind)).rejects.toThrow("refused with 1 open");
  expect(opened()).toBe(0);
});

function placeOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

describe.concurrent("one line says what is wrong and how to mend it", () => {
  it.each([
    ["no folder", progressive(), /^tokenformer: study: needs --out, a folder/],
    [
      "an unknown preset",
      progressive("--preset", "midi", "--dry-run"),
      /there is no such study; did you mean "mini"\?/,
    ],
    ["an unknown arm", progressive("--arms", "grow", "--dry-run"), /--arms grow: .* did you mean "grown"\?/],
    [
      "an unknown key",
      progressive("--dry-run", ...set("ladder.0.step=3")),
      /unknown key "ladder.0.step".*study presets/,
    ],
    ["a size that is not there", progressive("--dry-run", ...set("ladder.7.steps=3")), /the list has 4 elements/],
    [
      "sizes that do not ascend",
      progressive("--dry-run", ...set("ladder.1.attention=3")),
      /ladder\.1: is not larger than the size before it/,
    ],
    [
      "heads that do not divide the width",
      progressive("--dry-run", ...set("model.heads=7")),
      /model\.heads: width 128/,
    ],
    [
      "a growth to no size",
      progressive("--dry-run", ...set("ablation.stage=4")),
      /ablation\.stage: is 4, but the sizes/,
    ],
    [
      "a text to hold out that is not there",
      progressive("--dry-run", "--validation", "gone.txt"),
      /gone\.txt: there is no/,
    ],
    ["no runs at a time", progressive("--dry-run", "--parallel", "0"), /--parallel 0: expected a whole number from 1/],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

itWith(openMpi, "is made by several ranks, with the numbers of one", async () => {
  // The study of the first test has been made by one.
  const words = [main, ...progressive(...tiny, "--out", "several", "--parallel", "1", "--json")];
  const { code, output, errors } = await runRanks(openMpi, 2, words, at());
  expect(code, errors).toBe(0);
  expect(json(output)).toMatchObject({ seeds: [1] });
  for (const arm of ["grown", "net2net"]) {
    const [one, several] = await Promise.all(
      ["study", "several"].map(async (folder) => {
        const file = at(folder, "runs", arm, "rate-0.01-seed-1", "result.json");
        const { curve }: { curve: { step: number; loss: number }[] } = JSON.parse(await readFile(file, "utf8"));
        return curve.map(({ step, loss }) => ({ step, loss }));
      }),
    );
    expect(several).toEqual(one);
    expect(one?.length).toBeGreaterThan(2);
  }
});

const frontier = (...options: string[]) => ["study", "frontier", "--data", "text.txt", ...options];

/** A frontier of seconds. */
const small = [
  ...set('rungs=[{"attention":4,"feedForward":6},{"attention":12,"feedForward":24}]', 'arms=["scratch","grown"]'),
  ...set('model={"layers":1,"heads":2,"width":16,"context":8}', "training.warmup=1", "learningRates=[0.01]"),
  ...set("tokensPerParameter=2", "seeds=[1]", "heldOutTokens=64"),
];

it("plans a frontier, and makes and reports it", async () => {
  const plan = json(await answer(...frontier(...small, "--dry-run", "--json")));
  expect(plan).toMatchObject({
    rungs: [{ attention: 4 }, { attention: 12 }],
    budgets: [{ runs: 3 }, { runs: 3 }],
    tracks: [{ id: "scratch/0" }, { id: "scratch/1" }, { id: "grown" }],
    total: { runs: 6 },
    left: { runs: 6 },
  });
  // Documents are lines, of which the text has enough.
  const made = await run(...frontier(...small, "--out", "frontier", "--json"));
  expect(made, made.stderr).toMatchObject({ code: 0 });
  expect(json(made.stdout)).toMatchObject({ name: "frontier", seeds: [1, 1], points: { length: 6 } });
  expect(made.stderr).toMatch(/FLOP {2}grown {2}rate 0\.01 {2}seed 1 {2}loss \d\.\d{4} {2}\d+ % done, \d.* left$/m);
  const shares = [...made.stderr.matchAll(/ (\d+) % done, (.*) left$/gm)].map(([, share, time]) => [
    Number(share),
    time,
  ]);
  expect(shares).toHaveLength(6);
  expect(shares.at(-1)).toEqual([100, "0 s"]);
  expect(await readFile(at("frontier", "report.md"), "utf8")).toContain("All of the plan is done.");
  const again = json(await answer(...frontier(...small, "--out", "frontier", "--dry-run", "--json")));
  expect(again).toMatchObject({ done: { runs: 6 }, left: { runs: 0, steps: 0, flops: 0 }, seconds: 0 });
  // Of another rate that diverges nothing is left either.
  const wild = await run(...frontier(...small, "--out", "wild", ...set("learningRates=[0.01,1e30]", "extensions=0")));
  expect(wild.stderr).toMatch(/ 100 % done, 0 s left$/m);
  expect(wild.stderr).not.toContain("NaN");
  // Nothing starts from a run that diverged: its weights are gone.
  const files = await readdir(at("wild", "runs"), { recursive: true });
  expect(files.filter((file) => /1e\+30.*trunk[\\/]result\.json$/.test(file))).not.toEqual([]);
  expect(files.filter((file) => /1e\+30.*\.safetensors$/.test(file))).toEqual([]);
  // Those that a version before left, or a process that ended before they were removed, are, too.
  const trunk = files.find((file) => /1e\+30.*trunk[\\/]result\.json$/.test(file)) ?? "";
  const left = at("wild", "runs", trunk, "../model.safetensors");
  await writeFile(left, "");
  await run(...frontier(...small, "--out", "wild", ...set("learningRates=[0.01,1e30]", "extensions=0")));
  await expect(readFile(left)).rejects.toThrow("ENOENT");
  const when = set('arms=["when"]', "growAfter=[1]", "growAfterSize=1");
  const added = json(await answer(...frontier(...small, "--out", "frontier", ...when, "--dry-run", "--json")));
  expect(added).toMatchObject({ tracks: [{ id: "when/1/1" }], done: { runs: 0 }, left: { runs: 1 } });
  for (const more of [[], ["--dry-run"]]) {
    const other = await run(...frontier(...small, "--out", "frontier", ...set("cooldown=0.3"), ...more));
    expect(other.stderr).toMatch(/^tokenformer: frontier: holds another study \(see frontier\/frontier\.json\)/);
  }
  const wrong = await run(...frontier(...set("rungs.0.attention=30"), "--dry-run"));
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("is not larger than the size before it") });
});
