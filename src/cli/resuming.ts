/** A run that is gone on with from the command line: what of the options applies to it, and what that changes. */

import type { CheckpointSummary } from "../checkpoint/portable.ts";
import { type Config, growthPlansOf, scheduleOf } from "../configuration/index.ts";
import { absoluteData } from "../data/index.ts";
import { type DataSource, dataFilesOf, nameOfData } from "../data/portable.ts";
import { UserError } from "../errors.ts";
import { sameJson } from "../formats/index.ts";
import { learningRateAt } from "../optimizer/index.ts";
import { growthGoingOn } from "../training/index.ts";
import { type ConfigurationOptions, changed } from "./configuration.ts";

export interface ResumeOptions extends ConfigurationOptions {
  readonly from?: string;
  readonly restart: boolean;
}

/**
 * The configuration of a run, with the changes asked for. Its model, but for the dropout, its tokenizer and the growth that it has
 * applied stay.
 * @throws UserError that names an option which does not apply
 */
export function resumedConfig(summary: CheckpointSummary, options: ResumeOptions, out: string): Config {
  for (const name of ["preset", "config", "from"] as const) {
    const value = options[name];
    if (value === undefined) continue;
    throw new UserError(
      `--${name} ${value}: a run that is resumed has its own ${name === "from" ? "weights" : "configuration"}, in ${out}; leave the option out${name === "from" ? "" : ", and change keys with --set"}`,
    );
  }
  const config = changed(summary.config, options, out);
  refuseOtherModel(summary.state.config, config, out);
  if (summary.tokenizer !== undefined && config.tokenizer !== summary.config.tokenizer) {
    throw new UserError(
      `tokenizer: ${out} has a tokenizer of its own, "${summary.config.tokenizer}", which its model was trained with; leave "${config.tokenizer}" out`,
    );
  }
  const { applied, coming } = growthGoingOn(summary.config, summary.progress, config);
  return { ...config, growth: [...applied, ...coming] };
}

function refuseOtherModel(known: Config["model"], { model }: Config, out: string): void {
  const [before, after] = [valuesOf({ model: known }), valuesOf({ model })];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    if (key === "model.dropout" || sameJson(before.get(key), after.get(key))) continue;
    throw new UserError(
      `${key}: is ${JSON.stringify(before.get(key))} in ${out}, not ${JSON.stringify(after.get(key))}; a run that is resumed keeps its model: leave it out, grow it, or start another run`,
    );
  }
}

/** What a user should know of a run before it goes on: what is changed, and what follows from it. */
export function notesOfResuming(summary: CheckpointSummary, config: Config, data: DataSource): string[] {
  const before = { ...summary.config, growth: growthPlansOf(summary.config) };
  return [...changes(before, config), ...rateNotes(summary, config), ...dataNotes(summary, data)];
}

/** A line for each value that differs, with its path. @param path of both, where they are a part of something */
function changes(known: object, now: object, path = ""): string[] {
  const [before, after] = [valuesOf(known, path), valuesOf(now, path)];
  const told = (value: unknown) => (value === undefined ? "unset" : JSON.stringify(value));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => !sameJson(before.get(key), after.get(key)))
    .map((key) => `${key}: ${told(before.get(key))} → ${told(after.get(key))}`);
}

/** Rates that differ by less are the same to a reader. */
const SAME_RATE = 0.02;

/** Where another schedule has the rate jump. */
function rateNotes({ config: known, state: { step, rewarm } }: CheckpointSummary, config: Config): string[] {
  const [before, after] = [known, config].map((each) => learningRateAt(step, scheduleOf(each), rewarm));
  if (before === undefined || after === undefined || Math.abs(after - before) <= SAME_RATE * before) return [];
  const steps = config.training.steps;
  const stretched = steps === known.training.steps ? "" : `, as the schedule now ends at step ${steps}`;
  return [
    `the learning rate jumps from ${before.toExponential(2)} to ${after.toExponential(2)} at step ${step}${stretched}; training.learningRate and training.schedule change that`,
  ];
}

function dataNotes({ data: known }: CheckpointSummary, data: DataSource): string[] {
  if (known === undefined) return [];
  const { train, validation, ...reading } = dataFilesOf(known);
  const now = absoluteData(data);
  const { train: train_, validation: validation_, ...readingNow } = now;
  const isOther = !sameJson([train, validation], [train_, validation_]);
  return [
    ...(isOther ? [`other data than before: ${nameOfData(now)}, not ${nameOfData(known)}`] : []),
    ...changes(reading, readingNow, "data"),
  ];
}

/** The values in a configuration by their paths; lists are one value. */
function valuesOf(value: object, path = ""): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => {
      const full = path === "" ? key : `${path}.${key}`;
      const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
      return isObject ? [...valuesOf(inner, full)] : [[full, inner] as const];
    }),
  );
}
