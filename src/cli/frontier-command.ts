/** `tokenformer study frontier`: one run that grows beside the compute-optimal frontier of models from scratch. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import type { Ranks } from "../cluster/index.ts";
import { parseBy } from "../configuration/index.ts";
import { readJson } from "../formats/index.ts";
import { freeAll } from "../freeing.ts";
import {
  costAt,
  type FrontierConfig,
  type FrontierPlan,
  type FrontierSurvey,
  frontierPreset,
  frontierResults,
  frontierSchema,
  planFrontier,
  runFrontier,
  rungsOf,
  sumOf,
  surveyFrontier,
} from "../lab/frontier/index.ts";
import { formatCount, formatDuration, formatFlops } from "../lab/report/format.ts";
import { type Speed, secondsOf, speedFor } from "../lab/study/index.ts";
import type { Device } from "../runtime/index.ts";
import type { Corpus } from "../text/index.ts";
import { circumstances } from "./circumstances.ts";
import { assignAll } from "./configuration.ts";
import { FrontierProgress } from "./frontier-progress.ts";
import { withInterrupt } from "./interrupt.ts";
import { collected } from "./open.ts";
import { note, printJson, printTable } from "./output.ts";
import {
  claimFolder,
  commandLine,
  concludeStudy,
  openDevices,
  plannedOn,
  type StudyWorkOptions,
  withStudyOptions,
  withVocabulary,
  workOnStudy,
} from "./study-work.ts";

/** The file that says which frontier a folder holds. */
const NOTE = "frontier.json";

/** The text of a study that is given none. */
const TEXT = "SOTU";

interface Options extends StudyWorkOptions {
  /** A JSON file, instead of the preset. */
  readonly config?: string;
  readonly set: readonly string[];
}

export function frontierCommand(): Command {
  const command = new Command("frontier")
    .description("one run that grows, beside the best that models from scratch do with as much compute")
    .option("--config <file>", "a JSON file with a frontier, instead of the built-in one")
    .option("--set <key=value>", 'change it, for example seeds=[1] or arms=["scratch","grown"]', collected, []);
  return withStudyOptions(command, TEXT).action(run);
}

const run = (options: Options): Promise<void> =>
  workOnStudy(options, {
    note: NOTE,
    planned: () => planned(options),
    claim: (out, { plan, corpus }) => claim(out, plan.study, corpus),
    work: ({ plan, corpus }, ranks) => planAndRun(plan, corpus, options, ranks),
  });

async function planned(options: Options): Promise<{ plan: FrontierPlan; corpus: Corpus }> {
  const { config, set } = options;
  const value = config === undefined ? frontierPreset : await readJson(config);
  const where = config ?? "the configuration";
  const study = parseBy(frontierSchema, assignAll(value, set), where, "tokenformer study presets --json");
  const named = { ...options, data: options.data ?? [TEXT] };
  return plannedOn(named, study.tokenizer, (corpus) => planFrontier(withVocabulary(study, corpus)));
}

async function planAndRun(
  plan: FrontierPlan,
  corpus: Corpus,
  options: Options,
  ranks: Ranks | undefined,
): Promise<void> {
  const { dryRun, json, out } = options;
  const devices = await openDevices(options, ranks);
  try {
    const survey = await surveyFrontier(plan, out);
    const speed = await speedFor(survey.left, devices[0], corpus);
    const parallel = Math.min(devices.length * (ranks?.communicator.size ?? 1), availableParallelism());
    const pace = { speed, parallel, survey };
    if (!dryRun || !json) notePlan(plan, pace);
    if (dryRun && json) printJson(summaryOf(plan, pace));
    if (dryRun || out === undefined) return;
    await carryOut(plan, corpus, devices, { ...options, out }, ranks);
  } finally {
    await freeAll(...devices.map((device) => () => device.close()));
  }
}

async function carryOut(
  plan: FrontierPlan,
  corpus: Corpus,
  devices: readonly Device[],
  { out, json }: Options & { readonly out: string },
  ranks: Ranks | undefined,
): Promise<void> {
  const startedAt = performance.now();
  const own = await circumstances(commandLine());
  const { date, machine, software } = own;
  const progress = new FrontierProgress(plan, out, ranks?.communicator.size ?? 1);
  const outcome = await withInterrupt("stopping after the updates under way", (signal) =>
    runFrontier({
      plan,
      corpus,
      devices,
      directory: out,
      signal,
      maker: { date, machine, software },
      onBranch: (...told) => progress.show(...told),
      onPart: (cost) => progress.part(cost),
      onWaiting: (words) => progress.waiting(words),
    }),
  ).finally(() => progress.stop());
  if (outcome.interrupted) process.exitCode = 130;
  if (ranks !== undefined && ranks.communicator.rank > 0) return;
  const results = frontierResults(plan, outcome, corpus, own);
  // Loaded only when asked for: plots take time to load.
  const { writeFrontierReport } = await import("../lab/frontier/report.ts");
  await writeFrontierReport(results, out);
  concludeStudy(results, { interrupted: outcome.interrupted, startedAt, report: join(out, "report.md"), json });
}

/** What is to be made, and how fast that will be. */
interface Pace {
  readonly speed: Speed;
  /** Runs at a time. */
  readonly parallel: number;
  readonly survey: FrontierSurvey;
}

/** Everything that the study will do, as a value for programs; `seconds` are those of what is left. */
function summaryOf(plan: FrontierPlan, { speed, parallel, survey: { done, left } }: Pace) {
  const budgets = plan.budgets.map((budget, index) => ({ budget, ...costAt(plan, index) }));
  const total = sumOf(budgets);
  return {
    rungs: rungsOf(plan),
    budgets,
    tracks: plan.tracks.map(({ id, arm, branches }) => ({
      id,
      arm,
      branches: branches.map(({ budget, trunkSteps, cooldownSteps }) => ({ budget, trunkSteps, cooldownSteps })),
    })),
    total,
    done,
    left,
    seconds: secondsOf(left, speed) / parallel,
  };
}

/** Prints sizes, budgets, arms and what they cost, to stderr. */
function notePlan(plan: FrontierPlan, pace: Pace): void {
  const { study, budgets, tracks } = plan;
  const { rungs, total, done, left, seconds } = summaryOf(plan, pace);
  note(`study ${study.name}: ${study.doc}`);
  note();
  const sizes = rungs.map(({ attention, feedForward, parameters, transformerParameters }, index) => [
    ...[String(index), `${attention} / ${feedForward}`, formatCount(parameters), formatCount(transformerParameters)],
    formatFlops(budgets[index] ?? Number.NaN),
  ]);
  printTable([["size", "tokens a site", "parameters", "rotary GPT", "budget"], ...sizes], note);
  note();
  const rows = study.arms.flatMap((arm) => {
    const own = tracks.filter((track) => track.arm === arm);
    const costs = budgets.map((_, budget) => costAt(plan, budget, own));
    const { runs, steps, flops } = sumOf(costs);
    // Its runs are the smallest size from scratch at more budgets.
    if (runs === 0) return [[arm, "those of scratch", "", "", ""]];
    return [[arm, String(own.length), String(runs), formatCount(steps), formatFlops(flops)]];
  });
  const all = ["all", String(tracks.length), String(total.runs), formatCount(total.steps), formatFlops(total.flops)];
  printTable([["arm", "trunks", "branches", "updates", "FLOPs"], ...rows, all], note);
  note();
  const { tunedBudgets: tuned } = study;
  const kept =
    tuned === undefined ? "" : `; after ${tuned} ${tuned === 1 ? "budget" : "budgets"} each track keeps its last one`;
  note(
    `a trunk with a constant rate, and a cooldown of ${100 * study.cooldown} % for each budget; learning rates ${study.learningRates.join(", ")} with a seed of their own, then ${study.seeds.join(", ")} seeds; more learning rates are tried where the best is at the edge${kept}`,
  );
  const rest = done.runs > 0 ? ` for what is left, ${left.runs} of ${done.runs + left.runs} branches` : "";
  note(
    left.runs === 0
      ? "all of it is done already"
      : `about ${formatDuration(seconds)} on this machine${rest}, ${pace.parallel} at a time, smallest budgets first`,
  );
}

const noteSchema = z.object({ data: z.string(), study: z.looseObject({}) });

/** Seeds, arms, growths of `when`, which its tracks are named by, and budgets' rates may be added to a frontier later. */
async function claim(out: string, study: FrontierConfig, { name }: Corpus): Promise<void> {
  await claimFolder(join(out, NOTE), out, noteOf(name, study), (found) => {
    const noted = noteSchema.safeParse(found);
    const read = noted.success ? frontierSchema.safeParse({ doc: "", ...noted.data.study }) : noted;
    return noted.success && read.success ? noteOf(noted.data.data, read.data) : undefined;
  });
}

function noteOf(
  data: string,
  {
    doc: _doc,
    seeds: _seeds,
    arms: _arms,
    growAfter: _growAfter,
    growAfterSize: _growAfterSize,
    tunedBudgets: _tunedBudgets,
    ...fixed
  }: FrontierConfig,
): unknown {
  return JSON.parse(JSON.stringify({ data, study: fixed }));
}
