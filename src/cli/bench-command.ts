/** `tokenformer bench`: how fast this machine trains. */

import { Command, Option } from "commander";
import { UserError } from "../errors.ts";
import { makeFolder } from "../formats/index.ts";
import {
  type BenchmarkPart,
  benchmarkMarkdown,
  benchmarkParts,
  comparisonMarkdown,
  deviceParts,
  runBenchmark,
  type StepComparison,
  type WorkName,
  workNames,
  writeBenchmark,
} from "../lab/benchmark/index.ts";
import type { DeviceKind } from "../runtime/index.ts";
import { machine, software, today } from "./circumstances.ts";
import { wholeOption } from "./numbers.ts";
import { note, print, printJson } from "./output.ts";

interface Options {
  readonly device: DeviceKind;
  readonly only?: readonly BenchmarkPart[];
  readonly sizes: readonly WorkName[];
  readonly large: boolean;
  readonly rounds: number;
  readonly minutes?: number;
  readonly out?: string;
  readonly json: boolean;
}

export const benchCommand = () =>
  new Command("bench")
    .addOption(new Option("--device <name>", "where to compute").choices(["cpu", "webgpu", "cuda"]).default("cpu"))
    .addOption(
      new Option(
        "--only <parts...>",
        `what to measure (default: all of them on the cpu, else ${deviceParts.join(" and ")})`,
      ).choices(benchmarkParts),
    )
    .addOption(
      new Option("--sizes <names...>", "sizes of training steps; 124m takes 6 GB of memory")
        .choices(workNames)
        .default(["nanogpt-cpu", "lecture"], "nanogpt-cpu lecture"),
    )
    .option("--large", "grow up to 1.4B parameters too, which takes 16 GB of memory and some minutes", false)
    .option("--rounds <n>", "turns of each side", wholeOption("--rounds", 1), 7)
    .option("--minutes <n>", "begin nothing further after so many (default: make all)", wholeOption("--minutes", 1))
    .option("--out <folder>", "where benchmark.md, benchmark.json and plots go (default: nowhere)")
    .option("--json", "print the numbers as JSON", false)
    .action(runBench);

async function runBench({ device, only, sizes, large, rounds, minutes, out, json }: Options): Promise<void> {
  const parts = only ?? (device === "cpu" ? benchmarkParts : deviceParts);
  const others = device === "cpu" ? [] : parts.filter((part) => !deviceParts.some((known) => known === part));
  if (others.length > 0) {
    throw new UserError(
      `--device ${device}: ${others.join(" and ")} can be measured on the cpu alone; use --only ${deviceParts.join(" ")}`,
    );
  }
  if (out !== undefined) await makeFolder(out); // before the minutes of measuring
  const [, program = ""] = process.argv;
  const compared = (comparison: StepComparison) => {
    if (!json) note(`\n${comparisonMarkdown(comparison)}\n`);
  };
  const measured = await runBenchmark({ device, parts, sizes, large, rounds, minutes, program, note, compared });
  const where = device === "cpu" ? machine() : `${device}, ${machine()}`;
  const report = { date: today(), machine: where, software: await software(), ...measured };
  // Before it is written, as a disk that is full must not take what took minutes.
  if (json) printJson(report);
  else print(benchmarkMarkdown(report).trimEnd());
  if (out !== undefined) await writeBenchmark(report, out);
}
