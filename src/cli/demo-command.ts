/** `tokenformer demo`, which `npm start` runs: trains on the embedded book, grows twice on the way, shows what came out. */

import { join } from "node:path";
import { Command } from "commander";
import type { Config, TrainingEvent } from "../configuration/index.ts";
import { EMBEDDED } from "../data/index.ts";
import { writeFileAtomic } from "../formats/index.ts";
import { Decoder, generate } from "../generation/index.ts";
import { formatCount, formatDuration, formatRate } from "../lab/report/format.ts";
import type { GrowthRecord, Report, SampleRecord, StepRecord, ValidationRecord } from "../lab/report/index.ts";
import { median } from "../median.ts";
import { countParameters } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { openRun, type Run } from "../training/index.ts";
import { configurationOf } from "./configuration.ts";
import { millisecondsOfUpdate, updatesInTime } from "./demo-length.ts";
import { deviceOption } from "./device-option.ts";
import { withInterrupt } from "./interrupt.ts";
import { collected } from "./open.ts";
import { note, print } from "./output.ts";
import { Progress } from "./progress.ts";

interface Options {
  readonly set: string[];
  readonly out?: string;
  readonly device: DeviceName;
}

/** What each growth appends: half as many tokens again as `mini` begins with. */
const GROWTH = "q=64,k=64,v=64,proj=64,ffn=256";
const PROMPT = "Call me Ishmael. ";
const SAMPLE = { prompt: PROMPT, temperature: 0.8, seed: 1 } as const;

export const demoCommand = () =>
  new Command("demo")
    .option("--set <key=value>", "change the configuration, for example training.steps=300", collected, [])
    .option("--out <folder>", "where the run goes (default: a new folder in runs)")
    .addOption(deviceOption())
    .action(runDemo);

/** What the report is made of. */
interface Collected {
  readonly steps: StepRecord[];
  readonly validations: ValidationRecord[];
  readonly growths: GrowthRecord[];
  readonly samples: SampleRecord[];
}

async function runDemo(options: Options): Promise<void> {
  const date = new Date();
  const out = options.out ?? join("runs", `demo-${date.toISOString().slice(0, 19).replaceAll(":", "-")}`);
  const config = await demoConfig(options);
  const progress = new Progress();
  const run = await openRun({ config, data: EMBEDDED, out, device: options.device });
  const gathered: Collected = { steps: [], validations: [], growths: [], samples: [] };
  const follow = async (signal: AbortSignal) => {
    for await (const event of run.events(signal)) {
      progress.show(event);
      await gather(gathered, event, run, progress);
      if (event.type === "end" && event.interrupted) process.exitCode = 130;
    }
  };
  try {
    await withInterrupt("stopping after this step", follow);
  } finally {
    progress.stop();
    await run.close();
  }
  // Loaded when it is needed: the plotting library takes a while.
  const { renderReport } = await import("../lab/report/index.ts");
  const page = join(out, "report.html");
  await writeFileAtomic(page, renderReport(reportOf(gathered, config, run, date)));
  const last = gathered.samples.at(-1);
  if (last !== undefined) print(`\n${last.prompt}${last.text}\n`);
  note(`curve and samples: ${page}\nwrite more with: npx tokenformer sample ${out} --prompt "The whale"`);
}

/** `mini`, grown after a third and after two thirds of its steps; of fewer steps on a slow machine, unless they are given. */
async function demoConfig({ set, device }: Pick<Options, "set" | "device">): Promise<Config> {
  const asked = await configurationOf({ set });
  const given = set.some((change) => change.startsWith("training.steps="));
  const all = given ? set : [...(await lengthFor(asked, device)), ...set];
  const { training } = given ? asked : await configurationOf({ set: all });
  const growAt = [1, 2].map((third) => `${Math.max(1, Math.floor((third * training.steps) / 3))}:${GROWTH}`);
  return configurationOf({ set: all, growAt });
}

/** Changes of the configuration that make a run end in about two minutes here. */
async function lengthFor(config: Config, device: DeviceName): Promise<string[]> {
  const milliseconds = await millisecondsOfUpdate(config, device);
  const most = config.training.steps;
  const steps = updatesInTime(milliseconds, most);
  const fewer = steps < most ? `, of ${most} that a faster machine makes` : "";
  note(`an update takes ${formatDuration(milliseconds / 1000)} here: ${steps} of them${fewer}`);
  return [`training.steps=${steps}`, `training.evaluateEvery=${steps / 6}`, `training.checkpointEvery=${steps / 3}`];
}

async function gather(gathered: Collected, event: TrainingEvent, run: Run, progress: Progress): Promise<void> {
  const { steps, validations, growths, samples } = gathered;
  const sample = async (step: number, label: string) => {
    let text = "";
    const decoder = await Decoder.open(run.trainer.inference, { context: run.context });
    for await (const piece of generate(decoder, run.corpus.tokenizer, { ...SAMPLE, tokens: 240 })) text += piece;
    await decoder.release();
    samples.push({ step, label, prompt: PROMPT, text });
    progress.line(`  ${label}: ${JSON.stringify(PROMPT + text).slice(0, 100)}…`);
  };
  if (event.type === "step") steps.push(event);
  if (event.type === "validation") {
    validations.push(event);
    if (run.growsAt(event.step)) await sample(event.step, "before growing");
    else if (event.step > 0 && samples.length === 0) await sample(event.step, `after ${event.step} updates`);
  }
  if (event.type === "growth") {
    growths.push(event);
    await sample(event.step, "just after growing");
  }
  if (event.type === "end") await sample(event.step, "at the end");
}

function reportOf(gathered: Collected, config: Config, run: Run, date: Date): Report {
  const { steps, validations, growths } = gathered;
  const last = steps.at(-1);
  const rate = median(steps.map(({ tokensPerSecond = 0 }) => tokensPerSecond));
  const parameters = growths.at(-1)?.parametersAfter ?? countParameters(run.config.model).total;
  const first = growths[0]?.parametersBefore ?? parameters;
  return {
    title: "A TokenFormer, grown while it learns",
    subtitle: `A character model trained on ${EMBEDDED}, grown ${growths.length === 2 ? "twice" : `${growths.length} times`} by appending parameter tokens: ${formatCount(first)} parameters at first, ${formatCount(parameters)} in the end.`,
    facts: [
      { name: "Validation loss", value: `${validations.at(-1)?.validationLoss.toFixed(3) ?? "–"} nats` },
      { name: "Bits per byte", value: validations.at(-1)?.bitsPerByte.toFixed(3) ?? "–" },
      { name: "Parameters", value: formatCount(parameters) },
      { name: "Training time", value: formatDuration(last?.seconds ?? 0) },
      { name: "Speed, median", value: formatRate(rate, "tokens") },
      { name: "Device", value: run.trainer.device.description },
    ],
    ...gathered,
    config,
    command: "npm start",
    date: date.toISOString().slice(0, 10),
  };
}
