/** Growth plans as the command line writes them. */

import { z } from "zod";
import { type ScheduledGrowth, scheduledGrowthSchema } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { parseSites, siteNamesOf, withModelDefaults } from "../growth/index.ts";
import type { ModelConfig } from "../model/index.ts";
import { isOwnName } from "../own-names.ts";
import { checkPlainly } from "../plain-words.ts";
import { suggestion } from "../suggestion.ts";

/** Options of a plan, by their names on the command line. */
export interface PlanOptions {
  readonly add?: string;
  readonly width?: number;
  readonly init?: string;
  /** What a strategy of one's own is told, such as `noise=0.01`. */
  readonly option?: readonly string[];
  readonly tau?: string;
  readonly rampSteps?: number;
  readonly optimizer?: string;
  readonly freeze?: number;
  readonly newWarmup?: number;
  readonly newRate?: number;
  readonly newRateSteps?: number;
  readonly rewarm?: number;
  readonly layers?: string;
  readonly restart?: boolean;
  readonly learningRate?: number;
  readonly warmup?: number;
}

/** A plan for the growth of a model after a step, from options. Throws a `UserError` that names what is wrong. */
export function planOfOptions(
  { add, layers, option, ...options }: PlanOptions,
  step: number,
  model: ModelConfig,
): ScheduledGrowth {
  const isOwn = add === undefined && isOwnName(options.init);
  if (!isOwn && (add === undefined) === (options.width === undefined)) {
    throw new UserError(
      `--add and --width: ${add === undefined ? "neither is given" : "both are given"}, expected one of them: --add all=x2 or --add q=32,k=32,v=32,proj=32,ffn=128 for a TokenFormer, --width 96 for a Transformer, or --init with a strategy of your own`,
    );
  }
  const given = {
    step,
    ...(add !== undefined && { add: parseSites(add, siteNamesOf(model)) }),
    ...(option !== undefined && { options: Object.fromEntries(option.map(keyAndValue)) }),
    ...(layers !== undefined && { layers: parseLayers(layers) }),
    ...options,
  };
  const result = checkPlainly(scheduledGrowthSchema, withModelDefaults(given, model));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const what = options.width === undefined ? (add ?? options.init ?? "") : `width=${options.width}`;
  throw new UserError(`growth plan "${what}": ${issue === undefined ? "invalid" : explanation(issue)}`);
}

function explanation(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `a plan of this kind has no ${issue.keys.join(", ")}`;
  return [issue.path.map(String).join("."), issue.message].filter((part) => part !== "").join(": ");
}

/** What options of a strategy of one's own begin with. */
const OPTION = "option.";

const keys = z.enum([
  "init",
  "tau",
  "rampSteps",
  "optimizer",
  "freeze",
  "newWarmup",
  "newRate",
  "newRateSteps",
  "rewarm",
  "layers",
  "restart",
  "learningRate",
  "warmup",
]);

/** An option of a strategy of one's own, such as `noise=0.01`. */
function keyAndValue(text: string): [string, unknown] {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key.trim(), parseValue(value.trim())];
  throw new UserError(`--option ${text}: expected key=value, such as --option noise=0.01`);
}

/**
 * `STEP:SITES[;key=value…]`, for example `400:q=32,k=32,ffn=128;init=split;restart` or `400:width=96;rewarm=50`: the entry of
 * `growth` in a configuration, still unchecked but for its form. A key without a value is true. A strategy of one's own that says
 * itself what grows is `400:init=mine:deeper;option.blocks=1`.
 * @param names what sites may be called
 */
export function parseGrowAt(text: string, names?: Parameters<typeof parseSites>[1]): unknown {
  const match = /^(\d+):([^;]+)(?:;(.*))?$/s.exec(text);
  if (match === null) {
    throw new UserError(
      `--grow-at ${text}: expected STEP:SITES, such as --grow-at 400:q=32,k=32,v=32,proj=32,ffn=128, or STEP:width=96`,
    );
  }
  const [, step = "", sites = "", rest = ""] = match;
  const isOwn = /^\s*init=/.test(sites);
  const given = `${isOwn ? `${sites};` : ""}${rest}`.split(";").filter((option) => option !== "");
  const told = given
    .filter((option) => option.startsWith(OPTION))
    .map((option) => keyAndValue(option.slice(OPTION.length)));
  const entries = given.filter((option) => !option.startsWith(OPTION)).map((option) => entryOf(option, text));
  return {
    step: Number(step),
    ...(isOwn ? {} : amountOf(sites, names)),
    ...Object.fromEntries(entries),
    ...(told.length > 0 && { options: Object.fromEntries(told) }),
  };
}

/** A key of a plan with its value. */
function entryOf(option: string, text: string): [string, unknown] {
  const [key = "", value = "true"] = option.split("=");
  const known = keys.safeParse(key.trim());
  if (!known.success) {
    throw new UserError(
      `--grow-at ${text}: unknown option "${key.trim()}"${suggestion(key.trim(), keys.options)} Expected one of ${keys.options.join(", ")}, or ${OPTION}KEY for what a strategy of your own is told`,
    );
  }
  if (known.data === "layers") return [known.data, parseLayers(value.replaceAll("+", ","))];
  return [known.data, parseValue(value.trim())];
}

/** How much a plan grows: `width=96`, or sites with tokens. */
function amountOf(text: string, names: Parameters<typeof parseSites>[1]) {
  const [, width] = /^\s*width=(.*)$/s.exec(text) ?? [];
  if (width === undefined) return { add: parseSites(text, names) };
  if (/^\d+$/.test(width)) return { width: Number(width) };
  throw new UserError(`growth plan "${text}": "${width}" is no width, expected a whole number such as width=96`);
}

function parseValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Blocks such as `0,2`. Throws a `UserError` for what are none. */
export function parseLayers(text: string): number[] {
  return text.split(",").map((layer) => {
    if (!/^\s*\d+\s*$/.test(layer))
      throw new UserError(`layers "${text}": "${layer}" is no layer; expected for example 0,2`);
    return Number(layer);
  });
}
