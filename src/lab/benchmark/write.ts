/** Writes a report as files. */

import { join } from "node:path";
import { makeFolder, writeFileAtomic, writeJson } from "../../formats/index.ts";
import { type BenchmarkReport, benchmarkMarkdown } from "./markdown.ts";

/** benchmark.md with its figures, and benchmark.json with all numbers. */
export async function writeBenchmark(report: BenchmarkReport, folder: string): Promise<void> {
  await makeFolder(folder);
  // Loaded when it is needed: the plotting library takes a while.
  const { scalingFigures } = await import("./figures.ts");
  const figures = scalingFigures(report.scaling ?? []);
  for (const [name, svg] of figures) await writeFileAtomic(join(folder, name), svg);
  await writeFileAtomic(join(folder, "benchmark.md"), benchmarkMarkdown(report, [...figures.keys()]));
  await writeJson(join(folder, "benchmark.json"), report);
}
