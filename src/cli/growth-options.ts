/** Growth plans as the command line writes them. */

import { z } from "zod";
import { type ScheduledGrowth, scheduledGrowthSchema } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import { parseSites } from "../growth/index.ts";
import { suggestion } from "../suggestion.ts";

/** Options of a plan, by their names on the command line. */
export interface PlanOptions {
  readonly add?: string;
  readonly width?: number;
  readonly init?: string;
  readonly tau?: string;
  readonly rampSteps?: number;
  readonly optimizer?: string;
  readonly freeze?: number;
  readonly newWarmup?: number;
  readonly rewarm?: number;
  readonly layers?: string;
  readonly restart?: boolean;
  readonly learningRate?: number;
  readonly warmup?: number;
}

/** A plan for growth after a step, from options. Throws a `UserError` that names what is wrong. */
export function planOf({ add, layers, ...options }: PlanOptions, step: number): ScheduledGrowth {
  if ((add === undefined) === (options.width === undefined)) {
    throw new UserError(
      `--add and --width: ${add === undefined ? "neither is given" : "both are given"}, expected one of them: --add all=x2 or --add q=32,k=32,v=32,proj=32,ffn=128 for a TokenFormer, --width 96 for a Transformer`,
    );
  }
  const result = scheduledGrowthSchema.safeParse({
    step,
    ...(add !== undefined && { add: parseSites(add) }),
    ...(layers !== undefined && { layers: parseLayers(layers) }),
    ...options,
  });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const what = options.width === undefined ? (add ?? "") : `width=${options.width}`;
  throw new UserError(`growth plan "${what}": ${issue === undefined ? "invalid" : explanation(issue)}`);
}

function explanation(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return `a plan of this kind has no ${issue.keys.join(", ")}`;
  return [issue.path.map(String).join("."), issue.message].filter((part) => part !== "").join(": ");
}

const keys = z.enum([
  "init",
  "tau",
  "rampSteps",
  "optimizer",
  "freeze",
  "newWarmup",
  "rewarm",
  "layers",
  "restart",
  "learningRate",
  "warmup",
]);

/**
 * `STEP:SITES[;key=value…]`, for example `400:q=32,k=32,ffn=128;init=split;restart` or `400:width=96;rewarm=50`: the entry of
 * `growth` in a configuration, still unchecked but for its form. A key without a value is true.
 */
export function parseGrowAt(text: string): unknown {
  const match = /^(\d+):([^;]+)(?:;(.*))?$/s.exec(text);
  if (match === null) {
    throw new UserError(
      `--grow-at ${text}: expected STEP:SITES, such as --grow-at 400:q=32,k=32,v=32,proj=32,ffn=128, or STEP:width=96`,
    );
  }
  const [, step = "", sites = "", rest = ""] = match;
  const options = rest.split(";").filter((option) => option !== "");
  const entries = options.map((option) => {
    const [key = "", value = "true"] = option.split("=");
    const known = keys.safeParse(key.trim());
    if (!known.success) {
      throw new UserError(
        `--grow-at ${text}: unknown option "${key.trim()}"${suggestion(key.trim(), keys.options)} Expected one of ${keys.options.join(", ")}`,
      );
    }
    if (known.data === "layers") return [known.data, parseLayers(value.replaceAll("+", ","))];
    return [known.data, parseValue(value.trim())];
  });
  return { step: Number(step), ...amountOf(sites), ...Object.fromEntries(entries) };
}

/** How much a plan grows: `width=96`, or sites with tokens. */
function amountOf(text: string) {
  const [, width] = /^\s*width=(.*)$/s.exec(text) ?? [];
  if (width === undefined) return { add: parseSites(text) };
  if (/^\d+$/.test(width)) return { width: Number(width) };
  throw new UserError(`growth plan "${text}": "${width}" is no width, expected a whole number such as width=96`);
}

function parseValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function parseLayers(text: string): number[] {
  return text.split(",").map((layer) => {
    if (!/^\s*\d+\s*$/.test(layer))
      throw new UserError(`layers "${text}": "${layer}" is no layer; expected for example 0,2`);
    return Number(layer);
  });
}
