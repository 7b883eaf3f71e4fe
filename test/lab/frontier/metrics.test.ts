/** The documents of a frontier, and what is made of their losses. */

import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CharacterTokenizer, createCorpus, memoryTokens } from "../../../src/index.ts";
import { documentsOf, halfOf } from "../../../src/lab/frontier/documents.ts";
import { frontierFigure } from "../../../src/lab/frontier/figure.ts";
import {
  difference,
  type FrontierResults,
  familySaving,
  frontierArms,
  gapAt,
  type Point,
  splitOfGain,
  studentHalfWidth,
} from "../../../src/lab/frontier/index.ts";
import { frontierMarkdown, writeFrontierReport } from "../../../src/lab/frontier/report.ts";
import { bestOf } from "../../../src/lab/frontier/results.ts";
import { useSharedFolder } from "../../support/folder.ts";

const at = useSharedFolder();

describe("documents", () => {
  const corpusOf = (held: string) => {
    const tokenizer = CharacterTokenizer.fromText("ab\n");
    const tokens = (text: string) => memoryTokens(tokenizer.encode(text));
    return createCorpus("lines", tokenizer, { train: tokens("ab\nab\n"), validation: tokens(held) });
  };

  it("are lines, short ones joined, and what follows the last whole one is left out", () => {
    const lines = ["a".repeat(40), "b".repeat(3), "a".repeat(30), "ab".repeat(20), "b".repeat(29), "a".repeat(9)];
    const found = documentsOf(corpusOf(lines.join("\n")), 10);
    expect(found).toEqual([
      { start: 0, length: 41 },
      { start: 41, length: 35 },
      { start: 76, length: 41 },
      { start: 117, length: 30 },
    ]);
    expect(halfOf(found, "tuning").map(({ start }) => start)).toEqual([0, 76]);
    expect(halfOf(found, "report").map(({ start }) => start)).toEqual([41, 117]);
  });

  it("have to be four", () => {
    const three = `${"a".repeat(40)}\n`.repeat(3);
    expect(() => documentsOf(corpusOf(three), 10)).toThrow(
      /^lines: its held-out part has 3 documents, lines of at least 20 tokens together; a frontier needs 4/,
    );
  });
});

/** A run whose documents for choosing and for reporting have these losses. */
function point(
  track: string,
  budget: number,
  seed: number,
  tuning: number,
  report: number,
  flops = 10 ** budget,
): Point {
  const arm = frontierArms.find((name) => name === track.split("/")[0]) ?? "scratch";
  const documents = [tuning, report, tuning, report].map((loss, index) => ({ loss, tokens: 100 + index }));
  return { track, arm, budget, seed, rates: [1e-3], steps: 1, tokens: 1, flops, seconds: 1, documents };
}

const results = (points: readonly Point[], budgets = [1, 10]): FrontierResults => ({
  name: "test",
  date: "",
  machine: "",
  software: "",
  command: "",
  data: { name: "", documents: 4, heldOutTokens: 406 },
  rungs: budgets.map(() => ({ attention: 1, feedForward: 1, parameters: 1, transformerParameters: 1 })),
  budgets,
  tracks: [...new Set(points.map(({ track }) => track))].map((id) => ({
    id,
    arm: points.find(({ track }) => track === id)?.arm ?? "scratch",
    budgets: budgets.map((_, budget) => budget),
  })),
  seeds: budgets.map(() => 2),
  points,
  tunings: [],
});

describe("the report", () => {
  const [grown, other] = [point("grown", 1, 1, 2, 1.5), point("grown", 1, 2, 2, 1.6)];
  const scratch = [point("scratch/0", 0, 1, 2.5, 2.2), point("scratch/0", 1, 1, 2, 1.7)];
  const lost = (run: Point): Point => ({ ...run, documents: [], diverged: "NaN" });

  it("draws what did not diverge, and names what did", () => {
    const whole = results([...scratch, grown, other]);
    const partly = {
      ...results([lost(grown), other, ...scratch]),
      tunings: [
        {
          track: "grown",
          budget: 1,
          grid: [{ learningRate: 1, loss: Number.POSITIVE_INFINITY }],
          learningRate: 1,
        },
      ],
    };
    const points = (svg: string | undefined) => svg?.match(/<circle/g)?.length;
    const [all, some] = [frontierFigure(whole), frontierFigure(partly)];
    expect(some).not.toMatch(/NaN|Infinity/);
    // The point of the grown run at its budget is gone, and with it the name of its line.
    expect(points(some)).toBe((points(all) ?? 0) - 1);
    expect(all).toMatch(/grown/);
    expect(some).not.toMatch(/grown/);
    const told = frontierMarkdown(partly);
    expect(told).toContain(
      "**Diverged**, so that the mean loss is infinite and the figure leaves it out: grown at 10 FLOP (1 of 2 seeds).",
    );
    expect(told).toContain("others, 204 tokens, are reported");
    expect(told).toMatch(/\| 1\.700 \(scratch\/0\) \| {2}\| diverged \|/);
    expect(told).toContain("1: diverged");
    expect(told).not.toMatch(/NaN|Infinity|∞/);
    expect(frontierMarkdown(whole)).not.toContain("iverged");
  });

  it("sets a run that grows by default beside the best from scratch and the run that grows by the study's recipe", () => {
    const byDefault = point("grown-by-default", 1, 1, 2, 1.45);
    const found = results([...scratch, grown, other, byDefault]);
    expect(frontierMarkdown(found)).toMatch(
      /\n\| 10 FLOP \| 1\.450 \| −0\.2500 \(.*; 1 seed\) \| −0\.0500 \(.*; 1 seed\) \|\n/,
    );
    expect(frontierFigure(found)).toMatch(/grown by default/);
    expect(frontierMarkdown(results([...scratch, grown]))).not.toContain("by default");
  });

  it("sets a GPT that is widened beside the best of both families and the run that grows", () => {
    const gpts = [point("rotary/0", 1, 1, 2, 1.375), point("rotary/1", 1, 1, 1.875, 1.25)];
    const widened = point("net2net", 1, 1, 2, 1.3125);
    const found = results([...scratch, grown, other, ...gpts, widened]);
    expect(frontierMarkdown(found)).toMatch(
      /\n\| 10 FLOP \| 1\.313 \| \+0\.0625 \(.*; 1 seed\) \| −0\.3875 \(.*; 1 seed\) \| −0\.1875 \(.*; 1 seed\) \|\n/,
    );
    expect(frontierFigure(found)).toMatch(/GPT widened/);
    expect(frontierMarkdown(results([...scratch, grown]))).not.toContain("widened");
  });

  it("sets the smallest size beside the run that grew from it, and growths early and late beside what does not grow", () => {
    const once = { ...point("when/1/20", 1, 1, 2, 1.4375), arm: "when" as const };
    const large = point("scratch/1", 1, 1, 1.5, 1.375);
    const all = results([...scratch, grown, large, once]);
    const tracks = all.tracks.map((track) => (track.arm === "when" ? { ...track, budgets: [1] } : track));
    const told = frontierMarkdown({ ...all, tracks });
    expect(told).toMatch(/never grown:\n\n.*\n.*\n\| 10 FLOP \| 1\.700 \| −0\.2000 \(.*; 1 seed\) \|\n/);
    expect(told).toContain("One growth from size 0 to size 1 within 10 FLOP, early or late:");
    expect(told).toMatch(
      /\n\| 20 tokens a parameter \| 1\.438 \| \+0\.0625 \(.*; 1 seed\) \| \+0\.0625 \(.*; 1 seed\) \| −0\.2625 \(.*; 1 seed\) \|\n/,
    );
    const without = frontierMarkdown(results([point("scratch/1", 1, 1, 2, 1.5), grown]));
    expect(without).not.toMatch(/never grown|early or late/);
  });

  it("has no figure where all diverged", () => {
    const nothing = results([...scratch, grown].map(lost));
    expect(frontierFigure(nothing)).toBeUndefined();
    expect(frontierMarkdown(nothing)).not.toContain("frontier.svg");
  });

  it("is replaced as a whole or not at all", async () => {
    await writeFrontierReport(results([...scratch, grown]), at("whole"));
    const before = await readFile(join(at("whole"), "report.md"), "utf8");
    await rm(join(at("whole"), "results.json"));
    await mkdir(join(at("whole"), "results.json"));
    await expect(writeFrontierReport(results([...scratch, other]), at("whole"))).rejects.toThrow(
      /results\.json.*a folder/,
    );
    expect(await readFile(join(at("whole"), "report.md"), "utf8")).toBe(before);
  });

  it("leaves no figure of before where there is none now", async () => {
    const files = async (of: FrontierResults) => {
      await writeFrontierReport(of, at("report"));
      return (await readdir(at("report"))).toSorted((a, b) => a.localeCompare(b));
    };
    expect(await files(results([...scratch, grown]))).toEqual(["frontier.svg", "report.md", "results.json"]);
    expect(await files(results([...scratch, grown].map(lost)))).toEqual(["report.md", "results.json"]);
  });
});

it("the interval by Student's t is half as wide as tables say", () => {
  // Of −1 and 1, as often as there are pairs, and a 0: the standard error is √(2 pairs / (count − 1) / count).
  const halfOfPairs = (pairs: number) => {
    const values = [0, ...Array.from({ length: pairs }, () => [-1, 1]).flat()];
    return (studentHalfWidth(values) ?? Number.NaN) / Math.sqrt((2 * pairs) / (values.length - 1) / values.length);
  };
  expect([1, 4, 5, 15].map(halfOfPairs)).toEqual([4.303, 2.306, 2.228, 2.042].map((t) => expect.closeTo(t, 2)));
  expect(studentHalfWidth([3])).toBeUndefined();
});

describe("metrics", () => {
  it("choose the best size by one half and report the other", () => {
    const found = results([
      point("scratch/0", 1, 1, 2.0, 1.5),
      point("scratch/1", 1, 1, 1.9, 1.8),
      point("grown", 1, 1, 3, 1.7),
    ]);
    expect(bestOf(found, "scratch", 1)).toMatchObject({ track: "scratch/1", loss: expect.closeTo(1.8, 12) });
    expect(gapAt(found, 1)).toEqual({
      mean: expect.closeTo(-0.1, 12),
      low: expect.closeTo(-0.1, 12),
      high: expect.closeTo(-0.1, 12),
      seeds: 1,
    });
  });

  it("pair seeds, and an interval covers what seeds and documents differ by", () => {
    const [a, b] = [
      [point("grown", 1, 1, 0, 1.2), point("grown", 1, 2, 0, 1.6), point("grown", 1, 3, 0, 9)],
      [point("scratch/0", 1, 2, 0, 1.5), point("scratch/0", 1, 1, 0, 1.0)],
    ];
    const found = difference(a, b);
    // Of 0.2 and 0.1 the standard error is 0.05, and t of one degree of freedom 12.706.
    expect(found).toMatchObject({
      mean: expect.closeTo(0.15, 12),
      seeds: 2,
      bySeeds: expect.closeTo(0.05 * 12.706, 9),
    });
    expect(difference(a, b.slice(1))).not.toHaveProperty("bySeeds");
    expect(found?.low).toBeCloseTo(0.1, 12);
    expect(found?.high).toBeCloseTo(0.2, 12);
    expect(difference(a, [])).toBeUndefined();
    expect(difference([{ ...point("grown", 1, 1, 0, 1), diverged: "NaN" }], b)).toBeUndefined();
  });

  it("give the saving of a family from the curves of its sizes, and say where it is only a bound", () => {
    const curves = [point("scratch/0", 0, 1, 0, 2), point("scratch/0", 1, 1, 0, 1), point("scratch/1", 1, 1, 0, 0.9)];
    // Half way between 1 and 10 in the logarithm; the second is not reached, and counts with its budget.
    const grown = [point("grown", 0, 1, 0, 1.5), point("grown", 1, 1, 0, 0.8)];
    expect(familySaving(results([...curves, ...grown]))).toEqual({
      share: expect.closeTo(1 - 10 / (Math.sqrt(10) + 10), 12),
      unreached: 1,
      interval: {
        low: expect.closeTo(1 - 10 / (Math.sqrt(10) + 10), 12),
        high: expect.closeTo(1 - 10 / (Math.sqrt(10) + 10), 12),
      },
    });
    // Of two seeds, one of which is as low as the curve's end: half of its way in the mean, none or all in a resample of one alone.
    const second = [...curves, ...grown].map((run) => ({ ...run, seed: 2 }));
    const lower = second.map((run) => (run.track === "grown" && run.budget === 0 ? point("grown", 0, 2, 0, 1) : run));
    const saving = familySaving(results([...curves, ...grown, ...lower]));
    expect(saving).toMatchObject({ share: expect.closeTo(1 - 10 / (10 ** 0.75 + 10), 12) });
    expect(saving?.interval?.low).toBeCloseTo(1 - 10 / (Math.sqrt(10) + 10), 12);
    expect(saving?.interval?.high).toBeCloseTo(1 - 10 / (10 + 10), 12);
    // What diverged never got as low; where the grown run did, there is nothing to save.
    const broken = { ...point("scratch/0", 0, 1, 0, 2), documents: [], diverged: "NaN" };
    expect(familySaving(results([broken, ...curves.slice(1), ...grown]))).toMatchObject({
      share: expect.closeTo(1 - 10 / (10 + 10), 12),
      interval: { low: expect.closeTo(1 - 10 / (10 + 10), 12) },
    });
    const ended = { ...point("grown", 1, 1, 0, 1), documents: [], diverged: "NaN" };
    expect(familySaving(results([...curves, ...grown.slice(0, 1), ended]))).toBeUndefined();
    // Runs without a seed in common have a share, and no interval.
    const apart = familySaving(results([...curves, ...grown.map((run) => ({ ...run, seed: 3 }))]));
    expect(apart).toEqual({ share: expect.closeTo(1 - 10 / (Math.sqrt(10) + 10), 12), unreached: 1 });
    expect(familySaving(results(curves))).toBeUndefined();
  });

  it("split the gain at the last size into initialisation and reuse", () => {
    const found = splitOfGain(
      results([point("scratch/1", 1, 1, 0, 1.9), point("zero-start", 1, 1, 0, 1.6), point("grown", 1, 1, 0, 1.55)]),
    );
    expect(found.initialisation?.mean).toBeCloseTo(0.3, 12);
    expect(found.reuse?.mean).toBeCloseTo(0.05, 12);
  });
});
