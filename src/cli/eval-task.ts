/** `tokenformer eval --task`: a model's score on a task in JSON Lines. */

import { UserError } from "../errors.ts";
import {
  type Estimate,
  evaluateTask,
  metricNames,
  readTask,
  Scorer,
  type TaskResult,
  type TaskType,
} from "../evaluation/index.ts";
import type { Inference } from "../inference/index.ts";
import type { QuantizationName } from "../model/index.ts";
import type { DeviceName } from "../runtime/index.ts";
import { type OpenedRun, tokenizerOf, type WithOptions, withModel, withRun } from "./open.ts";
import { print, printJson, printTable } from "./output.ts";

export interface TaskCommandOptions extends WithOptions {
  readonly taskType?: TaskType;
  readonly longest?: number;
  readonly tokenizer?: string;
  readonly quantize?: QuantizationName;
  readonly device: DeviceName;
  readonly json: boolean;
}

export async function evaluateTaskFile(run: string, file: string, options: TaskCommandOptions): Promise<void> {
  return withRun(run, (checkpoint) => evaluateOn(checkpoint, file, options), options);
}

async function evaluateOn(checkpoint: OpenedRun, file: string, options: TaskCommandOptions): Promise<void> {
  const tokenizer = await tokenizerOf(checkpoint, options.tokenizer);
  const longest = longestOf(options.longest, checkpoint.state.config.context);
  const task = await readTask(file, options.taskType);
  const score = async (inference: Inference) => {
    const scorer = await Scorer.create(inference, { top: 1, next: false });
    return evaluateTask(scorer, tokenizer, file, task, { longest });
  };
  const result = await withModel(checkpoint, options.device, score, options.quantize);
  if (options.json) printJson({ ...jsonOf(result), task: file });
  else show(file, result);
}

/** The last token of a sequence is only predicted, so that it may be one longer than the context. */
function longestOf(given: number | undefined, context: number): number {
  if (given === undefined) return context + 1;
  if (given >= 2 && given <= context + 1) return given;
  throw new UserError(
    `--longest ${given}: expected 2 to ${context + 1}, the model's context of ${context} and one more`,
  );
}

/** Each metric by its name, and `…StandardError` where there is one. */
function jsonOf({ type, questions, metrics }: TaskResult): Record<string, unknown> {
  const entries = Object.entries<Estimate>(metrics).flatMap(([name, { value, standardError }]) => [
    [name, value] as const,
    ...(Number.isNaN(standardError) ? [] : [[`${name}StandardError`, standardError] as const]),
  ]);
  return { ...Object.fromEntries(entries), taskType: type, questions };
}

function show(file: string, { type, questions, metrics }: TaskResult): void {
  print(`${file}, ${questions} ${questions === 1 ? "question" : "questions"} in the layout of ${type}`);
  const harness = new Map<string, string>(Object.entries(metricNames));
  printTable(
    Object.entries<Estimate>(metrics).map(([name, { value, standardError }]) => [
      `${spelled(name)} (${harness.get(name)})`,
      value.toFixed(4),
      Number.isNaN(standardError) ? "" : `± ${standardError.toFixed(4)}`,
    ]),
  );
}

/** The name of a metric for people, for example "byte normalised accuracy". */
const spelled = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
