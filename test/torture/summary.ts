/** What the torture suite found, as a page and for programs. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fileExists, formatJson, makeFolder, parseJson, writeFileAtomic } from "../../src/formats/index.ts";
import type { PartResult } from "./suite.ts";

const schema = z.object({
  date: z.string(),
  machine: z.string(),
  commit: z.string(),
  results: z.array(
    z.object({
      part: z.string(),
      title: z.string(),
      seed: z.number(),
      done: z.number(),
      count: z.number(),
      counts: z.record(z.string(), z.number()),
      failures: z.array(z.object({ trial: z.number(), message: z.string() })),
      seconds: z.number(),
    }),
  ),
});

/** The results of a suite, and where they were had. */
export type Summary = z.infer<typeof schema>;

const JSON_NAME = "torture.json";

/** The summary that an earlier suite left in a folder. */
export async function readSummary(folder: string): Promise<Summary | undefined> {
  const file = join(folder, JSON_NAME);
  return (await fileExists(file)) ? parseJson(await readFile(file, "utf8"), file, schema) : undefined;
}

/** Writes `torture.json` and `torture.md`. */
export async function writeSummary(folder: string, summary: Summary): Promise<void> {
  await makeFolder(folder);
  await writeFileAtomic(join(folder, JSON_NAME), formatJson(summary));
  await writeFileAtomic(join(folder, "torture.md"), markdown(summary));
}

export function markdown({ date, machine, commit, results }: Summary): string {
  const rows = results.map(({ part, title, seed, done, count, counts, failures, seconds }) => {
    const happened = Object.entries(counts).map(([name, times]) => `${times.toLocaleString("en")} ${name}`);
    const cells = [part, title, `${done} of ${count}`, happened.join(", "), failures.length, duration(seconds), seed];
    return `| ${cells.join(" | ")} |`;
  });
  const failures = results.flatMap(({ part, seed, failures: failed }) =>
    failed.map(
      ({ trial, message }) =>
        `- \`npm run torture -- --only ${part} --seed ${seed} --trial ${trial}\`: ${message.split("\n")[0]}`,
    ),
  );
  return [
    "# Torture",
    "",
    `Measured on ${date} at commit ${commit}, on ${machine}, by \`npm run torture\`.`,
    "",
    "| part | what is done, and what must come of it | trials | in them | failures | time | seed |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    ...(failures.length === 0 ? [] : ["", "Failures, and how each is made again:", "", ...failures]),
    "",
  ].join("\n");
}

function duration(seconds: number): string {
  return seconds < 100 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}

/** Puts the result of a part in the place of an earlier one. */
export function withResult(summary: Summary, result: PartResult): Summary {
  const parts = new Map(summary.results.map((old) => [old.part, old]));
  const { failures, counts, ...others } = result;
  return {
    ...summary,
    results: [...parts.set(result.part, { ...others, counts: { ...counts }, failures: [...failures] }).values()],
  };
}
