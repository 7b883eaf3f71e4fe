/** Writes a report as files. */

import { commitTexts, formatJson } from "../../formats/index.ts";
import { type BenchmarkReport, benchmarkMarkdown } from "./markdown.ts";

/** benchmark.md with its figures, and benchmark.json with all numbers, together. Throws as `commitFiles` does. */
export async function writeBenchmark(report: BenchmarkReport, folder: string): Promise<void> {
  // Loaded when it is needed: the plotting library takes a while.
  const { scalingFigures } = await import("./figures.ts");
  const figures = scalingFigures(report.scaling ?? []);
  await commitTexts(folder, {
    ...Object.fromEntries(figures),
    "benchmark.md": benchmarkMarkdown(report, [...figures.keys()]),
    "benchmark.json": formatJson(report),
  });
}
