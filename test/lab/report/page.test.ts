import { describe, expect, test } from "vitest";
import { renderReport } from "../../../src/lab/report/index.ts";
import { expectWellFormed, parse, texts } from "../../support/page.ts";
import { type Options, sampleReport } from "./sample-report.ts";

const page = renderReport(sampleReport());
const root = parse(page);

describe("the page", () => {
  test("tells the title, the facts, the command and the date", () => {
    expect(texts(root, "title")).toEqual(["A model grows up"]);
    expect(texts(root, "h1")).toEqual(["A model grows up"]);
    expect(texts(root, "dt")).toEqual(["Device", "Time"]);
    expect(texts(root, "dd")).toEqual(["NVIDIA H100", "1 min 42 s"]);
    expect(page).toContain("npx tokenformer demo");
    expect(page).toContain("12 March 2026");
    expect(texts(root, "details code")).toEqual([JSON.stringify({ type: "tokenformer", layers: 6 }, null, 2)]);
  });

  test("has a language and headings that never skip a level", () => {
    expect(root.getAttribute("lang")).toBe("en-GB");
    const levels = Array.from(root.querySelectorAll("h1, h2, h3, h4"), ({ localName }) => Number(localName.slice(1)));
    levels.forEach((level, at) => {
      expect(level - (levels[at - 1] ?? 0)).toBeLessThanOrEqual(1);
    });
  });

  test("is well-formed, and the same each time", () => {
    expectWellFormed(page);
    expect(renderReport(sampleReport())).toBe(page);
  });

  test("refers to nothing outside and runs nothing", () => {
    expect(page).not.toMatch(/https?:|\bsrc=|\bhref=|url\(|@import|<script|<link/i);
  });

  test("has each figure in two sizes, with a description and a caption", () => {
    const plots = [...root.querySelectorAll("svg")];
    expect(plots).toHaveLength(4);
    for (const plot of plots) {
      expect(plot.getAttribute("role")).toBe("img");
      expect(plot.getAttribute("aria-label")).toMatch(/over steps/);
      expect(plot.getAttribute("viewBox")).toMatch(/^0 0 \d+ \d+$/);
      expect(plot.textContent).not.toContain("NaN");
    }
    expect([...root.querySelectorAll("figcaption")]).toHaveLength(2);
  });
});

describe("the loss", () => {
  test("is labelled at the ends of its lines, and at each growth", () => {
    const labels = texts(root, "svg text");
    expect(labels).toContain("1.06 M → 1.58 M parameters");
    expect(labels).toContain("loss (nats per token)");
    expect(labels.filter((label) => label.startsWith("validation"))).toHaveLength(2);
    expect(labels.filter((label) => label.startsWith("training"))).toHaveLength(2);
  });

  test("says what it leaves out", () => {
    expect(texts(root, "figcaption")[0]).toMatch(/\d+ values lie above the plot \(up to \d+\.\d{3}\)/);
  });

  test("has a dot for each validation in the plot, and none where the line leaves it", () => {
    const report = sampleReport({ steps: 400, growths: [] });
    const high = { step: 0, validationLoss: 40, perplexity: 1, bitsPerByte: 1 };
    const drawn = parse(renderReport({ ...report, validations: [high, ...report.validations] }));
    expect(Array.from(drawn.querySelectorAll("svg circle"))).toHaveLength(2 * report.validations.length);
  });

  test("counts the steps whose loss is no number", () => {
    const report = sampleReport({ steps: 200, growths: [] });
    const steps = report.steps.map((step) => (step.step > 190 ? { ...step, loss: Number.NaN } : step));
    expect(renderReport({ ...report, steps })).toContain("At 10 of the steps the loss was not a finite number.");
  });
});

test("a growth has a row, with the preservation check", () => {
  const [row] = texts(root, "tbody tr").filter((text) => text.includes("attention +64"));
  expect(row).toContain("1,000");
  expect(row).toContain("1.06 M → 1.58 M");
  expect(row).toContain("1.900 → 1.900");
  expect(row).toContain("2.1 × 10⁻⁶");
  expect(page).toContain("largest change of a logit when the tokens were appended");
  expect(texts(root, "figcaption")[1]).toContain("33%\u00a0at\u00a01.06\u00a0M");
});

test("samples keep their white space, and are told from their prompt", () => {
  const text = "\n  two  spaces\n\tand a tab";
  const parsed = parse(renderReport({ ...sampleReport(), samples: [{ step: 5, prompt: "\nA ", text, label: "x" }] }));
  expect(texts(parsed, ".text")).toEqual([`\nA ${text}`]);
  expect(texts(parsed, ".text .prompt")).toEqual(["\nA "]);
});

test("whatever is given is text, never markup", () => {
  const nasty = `</style></title><script>alert("1")</script> & 'x' \u0000\u001b\u007f 🐳 ſþ ‮`;
  const report = sampleReport({ growths: [1000] });
  const growths = report.growths.map((growth) => ({ ...growth, init: nasty, summary: nasty }));
  const samples = [{ step: 1000, prompt: nasty, text: nasty, label: nasty }];
  const all = { title: nasty, subtitle: nasty, command: nasty, date: nasty, config: { nasty } };
  const source = renderReport({ ...report, ...all, growths, samples, facts: [{ name: nasty, value: nasty }] });
  expectWellFormed(source);
  expect(source).not.toContain("<script");
  expect(source).not.toMatch(/[^\P{Cc}\t\n]/u);
  expect(texts(parse(source), "h1")).toEqual([nasty.replace("\u0000\u001b\u007f", "␀␛�")]);
});

describe("a run", () => {
  const cases: readonly [string, Options][] = [
    ["of no step", { steps: 0, growths: [] }],
    ["of one step", { steps: 1, growths: [] }],
    ["of two steps", { steps: 2, growths: [1] }],
    ["of one step that grew after it", { steps: 1, growths: [1] }],
    ["with no growth", { growths: [] }],
    ["with growths close to each other", { growths: [2950, 2960, 2960, 2970] }],
    ["with many growths", { growths: Array.from({ length: 30 }, (_, at) => 100 * (at + 1)) }],
    ["of many steps", { steps: 50_000 }],
  ];
  test.each(cases)("%s has a page", (_, options) => {
    const source = renderReport(sampleReport(options));
    expectWellFormed(source);
    expect(source).not.toContain("NaN");
    expect(source).not.toContain("Infinity");
    expect(source).not.toContain("undefined");
    expect(source.length).toBeLessThan(300_000);
  });

  test("with huge losses has a page", () => {
    const report = sampleReport();
    for (const scale of [1e9, 1e300]) {
      const steps = report.steps.map((step) => (step.step > 1500 ? { ...step, loss: step.loss * scale } : step));
      const source = renderReport({ ...report, steps });
      expectWellFormed(source);
      expect(source).not.toContain("NaN");
    }
  });

  test("without samples, validations, facts and configuration has none of their parts", () => {
    const nothing = { samples: [], validations: [], facts: [], growths: [], config: undefined };
    const parsed = parse(renderReport({ ...sampleReport(), ...nothing }));
    expect(texts(parsed, "h2")).toEqual(["Loss", "Run it again"]);
    expect(texts(parsed, "dl, table, ol")).toEqual([]);
  });
});
