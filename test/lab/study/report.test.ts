import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decimalTicks } from "../../../src/lab/study/report/axes.ts";
import { renderPage } from "../../../src/lab/study/report/html-page.ts";
import { writeStudyReport } from "../../../src/lab/study/report/index.ts";
import { figuresOf, renderMarkdown } from "../../../src/lab/study/report/markdown.ts";
import { studyDocument } from "../../../src/lab/study/report/study-document.ts";
import type { ArmResult, CellResult, StudyResults } from "../../../src/lab/study/results.ts";
import { compareArms } from "../../../src/lab/study/verdicts.ts";
import { expectWellFormed, parse, texts } from "../../support/page.ts";
import { sampleStudy } from "./sample-study.ts";

const results = sampleStudy();
const names = results.arms.map(({ label }) => label);
const variants = results.ablation.questions.flatMap((asked) => asked.variants.map(({ label }) => label));

let folder = "";
let page = "";
let markdown = "";

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "tokenformer-study-"));
  await writeStudyReport(results, path.join(folder, "deep", "report"));
  page = await readFile(path.join(folder, "deep", "report", "report.html"), "utf8");
  markdown = await readFile(path.join(folder, "deep", "report", "report.md"), "utf8");
});

afterAll(() => rm(folder, { recursive: true }));

/** Nothing that a missing number would leave behind. */
const expectComplete = (source: string) => expect(source).not.toMatch(/NaN|undefined|Infinity|\[object/);

describe("the page", () => {
  test("is well-formed, needs nothing else, and misses no number", () => {
    expectWellFormed(page);
    expectComplete(page);
    expect(page).not.toMatch(/https?:|\bsrc=|\bhref=|url\(|@import|<script|<link/i);
  });

  test("begins with the verdicts", () => {
    const root = parse(page);
    expect(texts(root, "h2")[0]).toBe("The short answer");
    const told = texts(root, ".verdicts p");
    expect(told).toEqual(compareArms(results).map(({ sentence }) => sentence));
    expect(told).toHaveLength(names.length - 1);
    expect(texts(root, ".lead")).toEqual([
      "For the same compute, the grown model ends at a lower loss than one trained from scratch. Training the smallest model on, without growth, ends higher than growing.",
    ]);
  });

  test("begins with what speaks against growing, too", () => {
    const lower = (run: CellResult["runs"][number]) => ({
      ...run,
      outcomes: run.outcomes.map((outcome) => ({ ...outcome, loss: outcome.loss - 1 })),
    });
    const arms = results.arms.map((arm) =>
      arm.id === "no-growth"
        ? { ...arm, cells: arm.cells.map((cell) => ({ ...cell, runs: cell.runs.map(lower) })) }
        : arm,
    );
    expect(texts(parse(renderPage(studyDocument({ ...results, arms }))), ".lead")).toEqual([
      "For the same compute, the grown model ends at a lower loss than one trained from scratch. Training the smallest model on, without growth, ends lower than growing.",
    ]);
  });

  test("has every arm and every variant in a plot and in a table", () => {
    const root = parse(page);
    const drawn = texts(root, "svg text");
    const written = texts(root, "tbody th").join("\n");
    for (const label of [...names, ...variants]) {
      expect(drawn.some((text) => text.startsWith(label))).toBe(true);
      expect(written).toContain(label);
    }
  });

  test("has headings that never skip a level, and a description for each plot", () => {
    const root = parse(page);
    const levels = Array.from(root.querySelectorAll("h1, h2, h3, h4"), ({ localName }) => Number(localName.slice(1)));
    for (const [at, level] of levels.entries()) expect(level - (levels[at - 1] ?? 0)).toBeLessThanOrEqual(1);
    for (const plot of root.querySelectorAll("svg")) expect(plot.getAttribute("aria-label")).toMatch(/\w{4}/);
  });

  test("answers the sceptic from the numbers", () => {
    const answers = texts(parse(page), ".answers dd").join("\n");
    expect(answers).toContain("had 4 learning rates tried");
    expect(answers).toContain("1 recipe of 42 ended at the edge of the grid");
    expect(answers).toMatch(
      /From scratch with the tokens of the stage alone \(75\s% of the grown arm’s FLOPs\): grown is better/,
    );
    expect(answers).toContain("the learning rate of every run warms up and decays over its budget");
    const constant = studyDocument({ ...sampleStudy(), training: { schedule: "constant", warmup: 0 } });
    expect(renderMarkdown(constant)).toContain("the learning rate of every run stays constant, so final losses");
    expect(answers).toContain("3 seeds for each recipe");
    expect(answers).toContain("jump of 0.420 at growth");
  });

  test("flags the learning rate chosen at the edge, and no other", () => {
    expect(page).toContain(
      "The best is at the edge of what was tried, so that a better one may lie beyond, for transformer-flops/1.",
    );
    expect(texts(parse(page), "td").filter((text) => text.includes("(edge)"))).toEqual(["0.004 (edge)"]);
  });

  test("tells limits that follow from the data", () => {
    const limits = texts(parse(page), "section ul:not(.verdicts) li").join("\n");
    expect(limits).toContain("312 k, 606 k, 1.2 M and 2.38 M parameters");
    expect(limits).toContain("grown goes over the training text 3.3 times, never grown 13.4 times"); // 4700 · 768 / 1.09 M
    expect(limits).toContain("makes 4,700 updates in all");
  });

  test("tells bits per byte: the loss over ln 2 and the bytes of a token", () => {
    const row = texts(parse(page), "tbody tr").find((text) => /^grown2\.38 M1\./.test(text)) ?? "";
    const [, loss = "", bits = ""] = /2\.38 M(\d\.\d{3})[\d.]+ to [\d.]{5}(\d\.\d{3})/.exec(row) ?? [];
    expect(Number(bits)).toBeCloseTo(Number(loss) / Math.LN2 / 1.02, 2);
  });
});

describe("the Markdown", () => {
  test("says the same, with each figure in a file of its own that is there", async () => {
    expectComplete(markdown);
    for (const label of [...names, ...variants]) expect(markdown).toContain(label);
    const named = Array.from(markdown.matchAll(/<img src="figures\/([^"]+)"/g), ([, file]) => file);
    const files = await readdir(path.join(folder, "deep", "report", "figures"));
    expect(new Set(named)).toEqual(new Set(files));
    expect(named).toHaveLength(files.length);
  });

  test("has tables with as many cells in each row", () => {
    for (const table of markdown.split("\n\n").filter((block) => block.startsWith("| "))) {
      const widths = table.split("\n").map((line) => line.replaceAll("\\|", "").split("|").length);
      expect(new Set(widths).size).toBe(1);
    }
  });

  test("has figures that stand alone", () => {
    for (const [, source] of figuresOf(studyDocument(results))) {
      expectWellFormed(source);
      expect(source).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
      expect(source).toContain("prefers-color-scheme: dark");
      for (const [, colour] of source.matchAll(/var\(--([a-z-]+)\)/g)) expect(source).toContain(`--${colour}: #`);
      expectComplete(source);
    }
  });
});

test("the numbers are beside it", async () => {
  const file = path.join(folder, "deep", "report", "results.json");
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual(JSON.parse(JSON.stringify(results)));
});

test("a folder that cannot be made is told in one line", async () => {
  const file = path.join(folder, "deep", "report", "report.md");
  await expect(writeStudyReport(results, file)).rejects.toThrow(
    /^cannot write .*: .*; remove it or check the path$|a part of its path is a file/,
  );
});

test("a report that cannot be written as a whole leaves that of before", async () => {
  const place = path.join(folder, "replaced");
  await writeStudyReport(results, place);
  await rm(path.join(place, "results.json"));
  await mkdir(path.join(place, "results.json"));
  await expect(writeStudyReport({ ...results, name: "another" }, place)).rejects.toThrow(/results\.json.*a folder/);
  expect(await readFile(path.join(place, "report.md"), "utf8")).toBe(markdown);
  expect((await readdir(place)).toSorted()).toEqual(["figures", "report.html", "report.md", "results.json"]);
});

describe("a study under way", () => {
  /** The sample with its cells, and with its arms, changed. */
  function changed(
    change: (cell: CellResult) => CellResult,
    keep: (arm: ArmResult) => boolean = () => true,
  ): StudyResults {
    const { arms, ablation } = results;
    const questions = ablation.questions.map((asked) => ({
      ...asked,
      variants: asked.variants.map((variant) => ({ ...variant, cell: change(variant.cell) })),
    }));
    const changedArms = arms.filter(keep).map((arm) => ({ ...arm, cells: arm.cells.map(change) }));
    return { ...results, arms: changedArms, ablation: { ...ablation, questions } };
  }

  const nothing = { ...results, arms: [], ablation: { ...results.ablation, questions: [] } };
  const cases: readonly [string, StudyResults, RegExp][] = [
    ["without any result", { ...nothing, spent: { runs: 0, flops: 0, seconds: 0 } }, /Not known yet/],
    [
      "with arms that have no cells",
      { ...nothing, arms: results.arms.map((arm) => ({ ...arm, cells: [] })) },
      /606 k has 0 of 3 seeds/,
    ],
    ["with cells that have no runs", changed((cell) => ({ ...cell, runs: [], grid: [] })), /as no recipe has two/],
    ["with one seed", changed((cell) => ({ ...cell, runs: cell.runs.slice(0, 1) })), /606 k has 1 of 3 seeds/],
    [
      "with fewer seeds of one arm",
      changed((cell) => (cell.id === "net2net" ? { ...cell, runs: cell.runs.slice(1) } : cell)),
      /Net2Net: 606 k has 2 of 3 seeds/,
    ],
    [
      "without the grown arm",
      changed(
        (cell) => cell,
        ({ id }) => id !== "grown",
      ),
      /not known yet, as no size has two seeds/,
    ],
    [
      "with the grown arm alone",
      changed(
        (cell) => cell,
        ({ id }) => id === "grown",
      ),
      /Not known yet/,
    ],
    [
      "with a run that diverged",
      changed((cell) =>
        cell.id === "scratch-flops/1"
          ? {
              ...cell,
              runs: cell.runs.map((run, at) =>
                at === 0 ? { ...run, outcomes: [], diverged: "NaN at step 90".replace("NaN", "not finite") } : run,
              ),
            }
          : cell,
      ),
      /scratch-flops\/1: 1 of 3 runs diverged \(loss not finite at step 90\)/,
    ],
    [
      "with learning rates that diverged",
      changed((cell) => ({
        ...cell,
        grid: cell.grid.map((tried, at) => (at > 2 ? { ...tried, loss: Number.POSITIVE_INFINITY } : tried)),
      })),
      /0\.004: diverged/,
    ],
    [
      "with losses that are all equal",
      changed((cell) => ({
        ...cell,
        runs: cell.runs.map((run) => ({
          ...run,
          curve: run.curve.map((point) => ({ ...point, loss: 2 })),
          outcomes: run.outcomes.map((end) => ({ ...end, loss: 2 })),
        })),
      })),
      /No difference found/,
    ],
  ];

  test.each(cases)("%s has a report that says so", (_, partial, told) => {
    const document = studyDocument(partial);
    const source = renderPage(document);
    expectWellFormed(source);
    expectComplete(source);
    expect(source).toMatch(told);
    expectComplete(renderMarkdown(document));
    for (const [, figure] of figuresOf(document)) expectComplete(figure);
  });

  test("says at the top that something is missing, and a complete one does not", () => {
    const partial = renderPage(studyDocument(changed((cell) => ({ ...cell, runs: cell.runs.slice(1) }))));
    expect(partial).toContain("Parts of this study are missing or failed");
    expect(page).not.toContain("Parts of this study are missing or failed");
    expect(page).not.toContain("Missing so far");
  });
});

test("whatever labels hold is text, on the page, in Markdown and in figures", () => {
  const nasty = `<b>|"x" & 'y'</b>`;
  const arms = results.arms.map((arm) => ({ ...arm, label: nasty, doc: nasty }));
  const document = studyDocument({ ...results, arms, machine: nasty, command: nasty });
  const source = renderPage(document);
  expectWellFormed(source);
  expect(source).not.toContain("<b>");
  expect(renderMarkdown(document)).not.toMatch(/^(?! {4}).*<b>/m);
  for (const [, figure] of figuresOf(document)) expectWellFormed(figure);
});

test("logarithmic axes have round values, no more than fit", () => {
  expect(decimalTicks([0.9, 60], 9)).toEqual([1, 2, 5, 10, 20, 50]);
  expect(decimalTicks([0.9, 60], 5)).toEqual([1, 3, 10, 30]);
  expect(decimalTicks([0.9, 1e5], 5)).toEqual([1, 10, 100, 1000, 1e4, 1e5]);
  expect(decimalTicks([3e-4, 4e-3], 5)).toEqual([5e-4, 1e-3, 2e-3]);
});
