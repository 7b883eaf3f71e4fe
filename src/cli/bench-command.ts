/** `tokenformer bench`: how fast this machine trains. */

import { Command, Option } from "commander";
import {
  type BenchmarkPart,
  benchmarkMarkdown,
  benchmarkParts,
  runBenchmark,
  type WorkName,
  workNames,
  writeBenchmark,
} from "../benchmark/index.ts";
import { UserError } from "../errors.ts";
import { makeFolder } from "../formats/index.ts";
import { machine, software, today } from "./circumstances.ts";
import { wholeOption } from "./numbers.ts";
import { note, print, printJson } from "./output.ts";

interface Options {
  readonly only: readonly BenchmarkPart[];
  readonly sizes: readonly WorkName[];
  readonly large: boolean;
  readonly rounds: number;
  readonly out?: string;
  readonly json: boolean;
}

export const benchCommand = () =>
  new Command("bench")
    .addOption(
      new Option("--only <parts...>", "what to measure").choices(benchmarkParts).default(benchmarkParts, "all of them"),
    )
    .addOption(
      new Option("--sizes <names...>", "sizes of training steps; 124m takes 6 GB of memory")
        .choices(workNames)
        .default(["nanogpt-cpu", "lecture"], "nanogpt-cpu lecture"),
    )
    .option("--large", "grow up to 1.4B parameters too, which takes 16 GB of memory and some minutes", false)
    .option("--rounds <n>", "turns of each side", wholeOption("--rounds"), 7)
    .option("--out <folder>", "where benchmark.md, benchmark.json and plots go (default: nowhere)")
    .option("--json", "print the numbers as JSON", false)
    .action(runBench);

async function runBench({ only, sizes, large, rounds, out, json }: Options): Promise<void> {
  if (rounds === 0) throw new UserError("--rounds 0: expected at least 1");
  if (out !== undefined) await makeFolder(out); // before the minutes of measuring
  const [, program = ""] = process.argv;
  const measured = await runBenchmark({ parts: only, sizes, large, rounds, program, note });
  const report = { date: today(), machine: machine(), software: await software(), ...measured };
  if (out !== undefined) await writeBenchmark(report, out);
  if (json) printJson(report);
  else print(benchmarkMarkdown(report).trimEnd());
}
