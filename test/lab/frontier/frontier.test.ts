/** A tiny frontier: its plan, what it does once, stopped, and divided among processes. */

import { cpSync, existsSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { FrontierProgress } from "../../../src/cli/frontier-progress.ts";
import { CharacterTokenizer, createCorpus, type Device, memoryTokens, openDevice, Random } from "../../../src/index.ts";
import {
  costAt,
  type FrontierOutcome,
  frontierResults,
  frontierSchema,
  type MadePart,
  paceOf,
  planFrontier,
  runFrontier,
  sumOf,
  surveyFrontier,
  type Track,
} from "../../../src/lab/frontier/index.ts";
import { trunkConfig } from "../../../src/lab/frontier/plan.ts";
import { frontierMarkdown, writeFrontierReport } from "../../../src/lab/frontier/report.ts";
import { flopsPerStep } from "../../../src/lab/study/index.ts";
import { type CompleteModelConfig, countParameters } from "../../../src/model/index.ts";
import { required } from "../../../src/required.ts";
import { useSharedFolder } from "../../support/folder.ts";

/** Lines of words in random order: something can be learned, and nothing is the same for two seeds. */
function text(): string {
  const random = Random.from("frontier test", 1);
  const words = ["key", "value", "token", "grow", "model", "loss"];
  const line = () => Array.from({ length: 20 }, () => words[random.integer(words.length)]).join(" ");
  return `${Array.from({ length: 90 }, line).join("\n")}\n`;
}

const tokenizer = CharacterTokenizer.fromText(text());
const corpus = createCorpus("words", tokenizer, memoryTokens(tokenizer.encode(text())));

const study = frontierSchema.parse({
  name: "test",
  doc: "two sizes",
  model: { layers: 1, heads: 2, width: 16, context: 7, parametrisation: "balanced" },
  rungs: [
    { attention: 4, feedForward: 6 },
    { attention: 12, feedForward: 24 },
  ],
  tokensPerParameter: 1,
  training: { batch: 5, warmup: 2 },
  heldOutTokens: 300,
  learningRates: [0.004, 0.008],
  extensions: 1,
  seeds: [2, 1],
  growAfter: [0.5],
});

const plan = planFrontier({ ...study, model: { ...study.model, vocabulary: tokenizer.vocabularySize } });

const track = (id: string): Track => required(new Map(plan.tracks.map((found) => [found.id, found])), id);

const folder = useSharedFolder();
const devices: Device[] = [];
beforeAll(async () => {
  devices.push(await openDevice("cpu", { threads: 1 }), await openDevice("cpu", { threads: 1 }));
});
afterAll(async () => {
  for (const device of devices) await device.close();
});

/** What does not depend on the clock. */
const measured = ({ points, tunings }: FrontierOutcome) => ({
  points: points.map(({ seconds: _, ...point }) => point),
  tunings,
});

describe("the plan", () => {
  it("spends each budget, cooldowns included", () => {
    for (const { branches, climbs } of plan.tracks) {
      let [trunk, before] = [0, 0];
      for (const { model, trunkSteps, cooldownSteps, budget, spentBefore, flops } of branches) {
        const cost = flopsPerStep(plan.study, model);
        const total = required(new Map(plan.budgets.entries()), budget);
        trunk += (trunkSteps - before) * cost;
        expect(Math.abs(cooldownSteps * cost - 0.2 * total)).toBeLessThanOrEqual(cost);
        if (climbs) expect(Math.abs(spentBefore + trunk + cooldownSteps * cost - total)).toBeLessThanOrEqual(cost);
        expect(flops).toBeGreaterThan(0);
        before = trunkSteps;
      }
    }
    const scratch = track("scratch/1").branches.map(({ trunkSteps, cooldownSteps }) => trunkSteps + cooldownSteps);
    const cost = flopsPerStep(plan.study, track("scratch/1").start);
    expect(scratch).toEqual(plan.budgets.map((budget) => Math.round(budget / cost)));
  });

  it("has every arm, and one trunk for the smallest size whether it is never grown or from scratch", () => {
    expect(plan.tracks.map(({ id }) => id)).toEqual([
      ...["scratch/0", "scratch/1", "rotary/0", "rotary/1", "grown", "grown-by-default"],
      ...["zero-start", "net2net", "when/1/0.5"],
    ]);
    const wide = { ...plan.study, bracket: 0 };
    const budgetsOf = (arms: typeof study.arms) =>
      planFrontier({ ...wide, arms }).tracks.map(({ id, branches }) => [id, branches.map(({ budget }) => budget)]);
    expect(budgetsOf(["scratch", "never-grown"])).toEqual([
      ["scratch/0", [0, 1]],
      ["scratch/1", [1]],
    ]);
    expect(budgetsOf(["never-grown"])).toEqual([["scratch/0", [0, 1]]]);
  });

  it("grows once to the last size or to the one that is asked for, within its budget", () => {
    const rungs = [3, 9, 27].map((tokens) => ({ attention: tokens, feedForward: 2 * tokens }));
    const grownOnce = (more: object) => {
      const { model } = plan.study;
      const asked = { ...study, rungs, tokensPerParameter: 9, arms: ["when"], growAfter: [5, 10], ...more };
      const made = planFrontier({ ...frontierSchema.parse(asked), model });
      return made.tracks.map(({ id, start, branches }) => {
        const [branch] = branches;
        if (branch === undefined || branches.length !== 1) throw new Error("it has one branch");
        const { step, add } = z.object({ step: z.number(), add: z.object({ query: z.number() }) }).parse(branch.growth);
        const cost = (config: CompleteModelConfig) => flopsPerStep(made.study, config);
        const spent = step * cost(start) + (branch.trunkSteps + branch.cooldownSteps - step) * cost(branch.model);
        expect(Math.abs(spent - required(new Map(made.budgets.entries()), branch.budget))).toBeLessThan(
          cost(branch.model),
        );
        const tokens = step * made.study.training.batch * made.study.model.context;
        const told = Math.round(tokens / countParameters(start).total);
        return [id, told, branch.budget, add.query];
      });
    };
    expect(grownOnce({})).toEqual([
      ["when/2/5", 5, 2, 18],
      ["when/2/10", 10, 2, 18],
    ]);
    expect(grownOnce({ growAfterSize: 1 })).toEqual([
      ["when/1/5", 5, 1, 6],
      ["when/1/10", 10, 1, 6],
    ]);
    const { error } = frontierSchema.safeParse({ ...study, growAfterSize: 2 });
    expect(error?.issues.map(({ path, message }) => [path, message])).toEqual([
      [["growAfterSize"], "is 2, and the last of 2 sizes is 1; sizes count from 0"],
    ]);
  });

  it("grows as the study says, or as `grow` does unless told otherwise", () => {
    const growth = (id: string) => trunkConfig(plan, track(id), 1, [0.004, 0.008], 1).growth;
    const [usual, byDefault] = [growth("grown"), growth("grown-by-default")];
    const same = { step: track("grown").branches[0]?.trunkSteps, init: "zero-key", restart: true, learningRate: 0.008 };
    const add = { query: 8, key: 8, value: 8, projection: 8, feedForward: 18 };
    expect(usual).toMatchObject([{ ...same, add, newRate: 1, newWarmup: 50 }]);
    expect(byDefault).toMatchObject([{ ...same, add, newRate: 4, newWarmup: 200 }]);
    expect(track("grown-by-default").branches.map(({ flops }) => flops)).toEqual(
      track("grown").branches.map(({ flops }) => flops),
    );
  });

  it("brackets each budget by as many sizes as asked, and refuses what is no number of sizes", () => {
    const rungs = [3, 9, 27, 81, 243].map((tokens) => ({ attention: tokens, feedForward: 2 * tokens }));
    const budgetsOf = (bracket: unknown) => {
      const { model } = plan.study;
      const wide = frontierSchema.parse({ ...study, rungs, tokensPerParameter: 9, arms: ["scratch"], bracket });
      return planFrontier({ ...wide, model }).tracks.map(({ branches }) => branches.map(({ budget }) => budget));
    };
    expect(budgetsOf(1)).toEqual([
      [0, 1],
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 4],
      [3, 4],
    ]);
    expect(budgetsOf([2, 3, 0])).toEqual([
      [0, 1],
      [0, 1],
      [0, 1, 2],
      [1, 3],
      [1, 4],
    ]);
    for (const bracket of [-1, 0.5, [], [1, -2], "2"])
      expect(frontierSchema.safeParse({ ...study, bracket }).error?.issues.map(({ path }) => path[0])).toEqual([
        "bracket",
      ]);
  });

  it("has all of its cost left where nothing is made yet", async () => {
    for (const directory of [folder("nothing"), undefined]) {
      const { done, left } = await surveyFrontier(plan, directory);
      const all = sumOf(plan.budgets.map((_, budget) => costAt(plan, budget)));
      expect(done).toEqual({ runs: 0, steps: 0, flops: 0 });
      expect({ ...left, flops: 0 }).toEqual({ ...all, flops: 0 });
      expect(left.flops / all.flops).toBeCloseTo(1, 9);
    }
  });

  it("takes as long as the parts that were made tell, whatever one of them waited", async () => {
    const part = (flops: number, seconds?: number) => ({
      ...{ runs: 1, steps: 1, flops },
      ...(seconds !== undefined && { seconds }),
    });
    expect(paceOf([])).toBeUndefined();
    expect(paceOf([part(7)])).toBeUndefined();
    // By FLOPs: 5 of 11 took 1 second each, 4 took 2, and 2 a hundred; of 3 more no time is known.
    expect(paceOf([part(2, 200), part(5, 5), part(3), part(4, 8)])).toBe(2);
    const { left } = await surveyFrontier(plan);
    const told: string[] = [];
    const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => told.push(String(text)) > 0);
    const progress = new FrontierProgress(plan, folder("unmade"), 2);
    const place = { track: track("scratch/0"), index: 0, rates: [0.004], seed: 1 };
    const work = { steps: 1, tokens: 1, flops: 1, seconds: 1, documents: [{ loss: 2, tokens: 3 }] };
    progress.part(part(left.flops / 10, 60));
    progress.show(place, work, true);
    await progress.stop();
    write.mockRestore();
    expect(told.join("")).toMatch(/0 % done, 5 min left/);
  });

  it("refuses growth that the sizes do not allow", () => {
    const growth = { ...plan.study.growth, init: "split" as const };
    expect(() => planFrontier({ ...plan.study, growth })).not.toThrow();
    const rungs = [
      { attention: 4, feedForward: 6 },
      { attention: 23, feedForward: 48 },
    ];
    expect(() => planFrontier({ ...plan.study, rungs, growth })).toThrow(
      /^arms: grown cannot grow so: .*split copies all 4 tokens .*; change rungs or growth, or leave grown out of the arms$/,
    );
    expect(() => planFrontier({ ...plan.study, rungs, growth, arms: ["scratch", "net2net"] })).not.toThrow();
  });

  it("refuses a warm-up that outlasts a trunk", () => {
    expect(() => planFrontier({ ...plan.study, training: { ...plan.study.training, warmup: 60 } })).toThrow(
      /^training.warmup: is 60 updates, and the first branch of scratch\/0 leaves its trunk after \d+; lower it/,
    );
  });
});

it("is divided among processes, which all end with the same, and reported with what is missing", {
  timeout: 300_000,
}, async () => {
  const arms = ["scratch", "grown", "zero-start", "net2net"] as const;
  const untuned = planFrontier({ ...plan.study, arms: [...arms], learningRates: [0.004] });
  const directory = folder("shared");
  const counts = [0, 0];
  const parts: MadePart[] = [];
  const before = await surveyFrontier(untuned, directory);
  const [one, other] = await Promise.all(
    devices.map((device, process) =>
      runFrontier({
        plan: untuned,
        corpus,
        devices: [device],
        directory,
        maker: { date: "2025-12-31", machine: "m", software: `s${process}` },
        onBranch: (_place, _work, isNew) => {
          counts[process] = (counts[process] ?? 0) + (isNew ? 1 : 0);
        },
        onPart: (part) => parts.push(part),
      }),
    ),
  );
  if (one === undefined || other === undefined) throw new Error("no outcome");
  expect(one.interrupted || other.interrupted).toBe(false);
  expect(measured(one)).toEqual(measured(other));
  const planned = untuned.tracks.flatMap(({ branches }) => branches.map(({ budget }) => (budget === 0 ? 2 : 1)));
  expect(one.points).toHaveLength(planned.reduce((sum, seeds) => sum + seeds, 0));
  expect(counts[0]).toBeGreaterThan(0);
  expect(counts[1]).toBeGreaterThan(0);
  // Each is made once, and told by the one that made it.
  const made = sumOf(parts);
  expect(paceOf(parts)).toBeGreaterThan(0);
  expect(made.runs).toBe(one.points.length);
  expect({ ...made, flops: 0 }).toEqual({ ...before.left, flops: 0 });
  expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(one.points.length);
  expect(await surveyFrontier(untuned, directory)).toMatchObject({ left: { runs: 0, steps: 0 } });
  // A grown run begins as the smallest size from scratch, and its cooldowns count.
  const at = (id: string, budget: number) => one.points.find((point) => point.track === id && point.budget === budget);
  expect(at("grown", 0)?.documents).toEqual(at("scratch/0", 0)?.documents);
  const spent = required(new Map(untuned.budgets.entries()), 1);
  expect(Math.abs((at("grown", 1)?.flops ?? 0) / spent - 1)).toBeLessThan(0.05);
  // What nothing starts from any more is gone.
  const left = readdirSync(join(directory, "runs"), { recursive: true, encoding: "utf8" });
  expect(left.filter((file) => /(branch|004-0.004-trunk).*(model|optimizer)\.safetensors/.test(file))).toEqual([]);

  const circumstances = { date: "2026-01-01", machine: "m", software: "s", command: "c" };
  const results = frontierResults(untuned, one, corpus, circumstances);
  await writeFrontierReport(results, folder("report"));
  expect(readdirSync(folder("report")).toSorted()).toEqual(["frontier.svg", "report.md", "results.json"]);
  const report = frontierMarkdown(results);
  const makers = (["s0", "s1"] as const).map(
    (name) => one.points.filter(({ maker }) => maker?.software === name).length,
  );
  expect(makers).toEqual(counts);
  const lines = makers.map((count, process) => `s${process}, on m (${count} branch${count === 1 ? "" : "es"})`);
  for (const told of lines) expect(report).toContain(told);
  expect(report).toContain("All of the plan is done.");
  expect(report).toMatch(/\*\*Reuse\*\* at the last size \(zero-key start − grown\): [+−]\d\.\d{4} \(.*; 1 seed\)/);
  expect(frontierMarkdown({ ...results, points: results.points.slice(1) })).toMatch(
    /\*\*Partial\.\*\* Not done yet: at .* scratch\/0 \(1 of 2 seeds\)\. All runs of .*grown.* are done, and differences between them are final;/,
  );
  expect(frontierMarkdown({ ...results, points: [] })).toContain("Nothing follows from what is below until it is.");
});

it("makes the end of the smallest size's trunk again, for the arm that goes on from there", {
  timeout: 300_000,
}, async () => {
  const directory = folder("farther");
  const rungs = [plan.study.rungs[0], { attention: 5, feedForward: 7 }].flatMap((rung) => rung ?? []);
  const only = {
    rungs,
    bracket: 0,
    tokensPerParameter: 0.3,
    learningRates: [0.004] as [number],
    seeds: [1] as [number],
  };
  const planned = (arms: typeof study.arms) => planFrontier({ ...plan.study, ...only, arms });
  const { points } = await runFrontier({ plan: planned(["scratch"]), corpus, devices, directory });
  const later = await runFrontier({ plan: planned(["scratch", "never-grown"]), corpus, devices, directory });
  expect(later.points.map(({ track, budget }) => [track, budget])).toEqual([
    ["scratch/0", 0],
    ["scratch/0", 1],
    ["scratch/1", 1],
  ]);
  expect(later.points.toSpliced(1, 1)).toEqual(points);
});

it("tunes the rate of each segment, and goes on from where it was stopped", { timeout: 300_000 }, async () => {
  const grown = planFrontier({ ...plan.study, arms: ["grown"], seeds: [1] });
  const whole = await runFrontier({ plan: grown, corpus, devices, directory: folder("whole") });
  for (const { grid, learningRate } of whole.tunings) {
    expect(grid.length).toBe(3); // the best of two is at an edge
    expect(learningRate).toBe(grid.toSorted((a, b) => a.loss - b.loss)[0]?.learningRate);
  }
  expect(whole.points.map(({ rates }) => rates)).toEqual([
    whole.tunings.slice(0, 1).map(({ learningRate }) => learningRate),
    whole.tunings.map(({ learningRate }) => learningRate),
  ]);

  // Two seeds are left, at the rates that were found; a branch whose trunk is gone costs its trunk, too.
  const [first, second] = track("grown").branches;
  const last = whole.points.at(-1)?.rates;
  if (first === undefined || second === undefined || last === undefined) throw new Error("no points");
  const ofSecond = second.trunkSteps - first.trunkSteps + second.cooldownSteps;
  const ofBoth = first.trunkSteps + first.cooldownSteps + ofSecond;
  const nothing = { runs: 0, steps: 0, flops: 0 };
  expect(await surveyFrontier(grown, folder("whole"))).toMatchObject({ done: { runs: 8 }, left: nothing });
  const seeds = planFrontier({ ...grown.study, seeds: [3] });
  expect(await surveyFrontier(seeds, folder("whole"))).toMatchObject({ left: { runs: 4, steps: 2 * ofBoth } });
  const part = (kind: string, rates: readonly number[]) => `seed-1-rate-${rates.join("-")}-${kind}`;
  const runs = folder("whole", "runs", "grown");
  const gone = [part("branch", last), part("trunk", last), part("trunk", last.slice(0, 1))];
  const lefts: number[] = [];
  for (const name of gone) {
    renameSync(join(runs, name), folder(name));
    lefts.push((await surveyFrontier(grown, folder("whole"))).left.steps);
  }
  // The weights of the last segment were removed with the branch, so it has to be made again.
  expect(lefts).toEqual([ofSecond, ofSecond, first.trunkSteps + ofSecond]);
  for (const name of gone.slice(1)) renameSync(folder(name), join(runs, name));
  const again = await runFrontier({ plan: grown, corpus, devices, directory: folder("whole") });
  expect(measured(again)).toEqual(measured(whole));
  // As of a process that ended between the result and the removal of the weights: who only looks leaves them.
  const left = gone.slice(0, 2).map((name) => join(runs, name, "model.safetensors"));
  for (const file of left) writeFileSync(file, "");
  await runFrontier({ plan: grown, corpus, devices, directory: folder("whole"), signal: AbortSignal.abort() });
  expect(left.map((file) => existsSync(file))).toEqual([true, true]);
  await runFrontier({ plan: grown, corpus, devices, directory: folder("whole") });
  expect(left.map((file) => existsSync(file))).toEqual([false, false]);

  // Of a grid that is tried in part, no more than its own rates are foreseen.
  const tried = `seed-1000-rate-${grown.study.learningRates[0]}-branch`;
  cpSync(join(runs, tried), folder("part", "runs", "grown", tried), { recursive: true });
  const partly = await surveyFrontier(grown, folder("part"));
  expect(partly).toMatchObject({ done: { runs: 1 }, left: { runs: 2 * (2 + 1) - 1 } });

  // Where only the first budget is tuned, the rate found there is kept.
  const once = planFrontier({ ...grown.study, tunedBudgets: 1 });
  const kept = await runFrontier({ plan: once, corpus, devices, directory: folder("whole") });
  const [tuned] = whole.tunings;
  expect(kept.tunings).toEqual([tuned, { track: "grown", budget: 1, grid: [], learningRate: tuned?.learningRate }]);
  expect(kept.points.map(({ rates }) => rates)).toEqual([
    [tuned?.learningRate],
    [tuned?.learningRate, tuned?.learningRate],
  ]);
  expect(costAt(once, 1).runs).toBe(1);
  expect(costAt(grown, 1).runs).toBe(3);
  // What is there is told, also where an arm that was asked for later has nothing.
  const more = planFrontier({ ...grown.study, arms: ["rotary", "grown"] });
  const signal = AbortSignal.abort();
  const told = await runFrontier({ plan: more, corpus, devices, directory: folder("whole"), signal });
  expect(told.interrupted).toBe(true);
  expect(told.points).toEqual(again.points);
  // A track that begins later is tuned where it begins.
  const late = planFrontier({ ...once.study, arms: ["zero-start"] });
  expect(costAt(late, 1).runs).toBe(3);
  let outcome: FrontierOutcome | undefined;
  for (let stops = 0; outcome === undefined || outcome.interrupted; stops++) {
    expect(stops).toBeLessThan(9);
    const abort = new AbortController();
    const onBranch = (_place: unknown, _work: unknown, isNew: boolean) => isNew && abort.abort();
    const options = { plan: grown, corpus, devices, directory: folder("stopped") };
    outcome = await runFrontier({ ...options, signal: abort.signal, onBranch });
  }
  expect(measured(outcome)).toEqual(measured(whole));
});
