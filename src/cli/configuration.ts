/** The effective configuration: a preset or a file, changed by `--set`, checked with messages that help. */

import { type Config, type PresetName, parseConfig, presetNames, presets } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { readJson } from "../formats/index.ts";
import { siteNamesOf } from "../growth/index.ts";
import { isOwn, modelSchema } from "../model/index.ts";
import { suggestion } from "../suggestion.ts";
import { parseGrowAt } from "./growth-options.ts";

export interface ConfigurationOptions {
  readonly preset?: string;
  /** A model of one's own, in place of the preset's. */
  readonly ownModel?: string;
  /** A JSON file, instead of a preset. */
  readonly config?: string;
  /** Changes such as `training.learningRate=1e-3`, in order. */
  readonly set?: readonly string[];
  /** Growth plans such as `400:q=32,ffn=128`. */
  readonly growAt?: readonly string[];
  /** How text becomes tokens. */
  readonly tokenizer?: string;
}

/**
 * Builds and checks a configuration.
 * @param from the configuration of the run to start from: used as it is, or for its model where a file names none
 * @throws UserError that names the key, and the near one if it is unknown
 */
export async function configurationOf(options: ConfigurationOptions, from?: Config): Promise<Config> {
  const { value, where } = await startingPoint(options, from);
  return changed(value, options, where);
}

/** A configuration, changed by `--tokenizer`, `--set` and `--grow-at`. */
export function changed(
  start: unknown,
  { set = [], growAt = [], tokenizer }: ConfigurationOptions,
  where: string,
): Config {
  const value = assignAll(start, set);
  if (tokenizer !== undefined) assignPath(value, ["tokenizer"], tokenizer, "--tokenizer");
  if (growAt.length > 0) {
    const names = siteNamesIn(value);
    const plans = growAt.map((text) => parseGrowAt(text, names));
    assignPath(value, ["growth"], plans, "--grow-at");
  }
  return parseConfig(value, where);
}

/** What sites may be called in the plans of a configuration: those of its model, if that is one of one's own. */
function siteNamesIn(value: unknown): ReturnType<typeof siteNamesOf> | undefined {
  const model = isRecord(value) && isOwn(value["model"]) ? modelSchema.safeParse(value["model"]).data : undefined;
  return model && siteNamesOf(model);
}

/** The preset of a name. Throws a `UserError` that lists them. */
export function presetOf(name: string): (typeof presets)[PresetName] {
  const found = presetNames.find((preset) => preset === name);
  if (found === undefined) {
    throw new UserError(
      `--preset ${name}: there is no such preset${suggestion(name, presetNames)} Choose one of ${presetNames.join(", ")}`,
    );
  }
  return presets[found];
}

/** A copy of a value, with changes such as `training.learningRate=1e-3`. */
export function assignAll(start: unknown, assignments: readonly string[]): unknown {
  const value = structuredClone(start);
  for (const assignment of assignments) assign(value, assignment);
  return value;
}

async function startingPoint(
  { preset, config, ownModel }: ConfigurationOptions,
  from: Config | undefined,
): Promise<{ value: unknown; where: string }> {
  if (config !== undefined && preset !== undefined) {
    throw new UserError("--preset and --config: both are given; leave one out, or start from the preset in the file");
  }
  if (config !== undefined) {
    const value = await readJson(config);
    const model = from?.model ?? (ownModel === undefined ? undefined : { type: ownModel });
    return { value: model !== undefined && isRecord(value) ? { model, ...value } : value, where: config };
  }
  if (from !== undefined && preset === undefined) return { value: from, where: "the configuration" };
  const named = presetOf(preset ?? "mini").config;
  const model = ownModel === undefined ? named.model : { type: ownModel, context: named.model.context };
  return { value: { ...named, model }, where: "the configuration" };
}

/** `path=value`; the value is JSON, or text where it is none. */
function assign(target: unknown, assignment: string): void {
  const match = /^([^=]+)=(.*)$/s.exec(assignment);
  const [, path = "", text = ""] = match ?? [];
  if (match === null) throw new UserError(`--set ${assignment}: expected key=value, such as --set training.steps=200`);
  assignPath(target, path.split("."), parseValue(text), `--set ${assignment}`);
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function assignPath(target: unknown, path: readonly string[], value: unknown, where: string): void {
  const [key, ...rest] = path;
  if (Array.isArray(target)) {
    assignElement(target, path, value, where);
    return;
  }
  if (key === undefined || !isRecord(target)) throw new UserError(`${where}: there is nothing to set at that path`);
  // Own keys only: a path such as __proto__.x would reach into every object.
  if (key === "__proto__") throw new UserError(`${where}: "__proto__" is no key of a configuration`);
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  if (!isRecord(target[key]) && !Array.isArray(target[key])) target[key] = {};
  assignPath(target[key], rest, value, where);
}

/** As `assignPath`, for an element of a list that is there. */
function assignElement(target: unknown[], [key = "", ...rest]: readonly string[], value: unknown, where: string): void {
  if (!/^\d+$/.test(key) || Number(key) >= target.length) {
    throw new UserError(
      `${where}: the list has ${target.length} elements, expected a number from 0 below that, not "${key}"`,
    );
  }
  if (rest.length === 0) target[Number(key)] = value;
  else assignPath(target[Number(key)], rest, value, where);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
