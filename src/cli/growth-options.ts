/** Growth plans as the command line writes them. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { parseSites } from "../growth/index.ts";
import { type ScheduledGrowth, scheduledGrowthSchema } from "../training/index.ts";

/** Options of a plan, by their names on the command line. */
export interface PlanOptions {
  readonly add: string;
  readonly init?: string;
  readonly tau?: string;
  readonly rampSteps?: number;
  readonly optimizer?: string;
  readonly freeze?: number;
  readonly rewarm?: number;
  readonly layers?: string;
  readonly restart?: boolean;
  readonly learningRate?: number;
  readonly warmup?: number;
}

/** A plan for growth after a step, from options. Throws a `UserError` that names what is wrong. */
export function planOf({ add, layers, ...options }: PlanOptions, step: number): ScheduledGrowth {
  const sites = { add: parseSites(add), ...(layers !== undefined && { layers: parseLayers(layers) }) };
  const result = scheduledGrowthSchema.safeParse({ step, ...sites, ...options });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(
    `growth plan "${add}": ${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "invalid"}`,
  );
}

const keys = z.enum([
  "init",
  "tau",
  "rampSteps",
  "optimizer",
  "freeze",
  "rewarm",
  "layers",
  "restart",
  "learningRate",
  "warmup",
]);

/**
 * `STEP:SITES[;key=value…]`, for example `400:q=32,k=32,ffn=128;init=split;restart`: the entry of `growth` in a
 * configuration, still unchecked but for its form. A key without a value is true.
 */
export function parseGrowAt(text: string): unknown {
  const match = /^(\d+):([^;]+)(?:;(.*))?$/s.exec(text);
  if (match === null) {
    throw new UserError(`--grow-at ${text}: expected STEP:SITES, such as --grow-at 400:q=32,k=32,v=32,proj=32,ffn=128`);
  }
  const [, step = "", sites = "", rest = ""] = match;
  const options = rest.split(";").filter((option) => option !== "");
  const entries = options.map((option) => {
    const [key = "", value = "true"] = option.split("=");
    const known = keys.safeParse(key.trim());
    if (!known.success) {
      throw new UserError(
        `--grow-at ${text}: unknown option "${key.trim()}", expected one of ${keys.options.join(", ")}`,
      );
    }
    if (known.data === "layers") return [known.data, parseLayers(value.replaceAll("+", ","))];
    return [known.data, parseValue(value.trim())];
  });
  return { step: Number(step), add: parseSites(sites), ...Object.fromEntries(entries) };
}

function parseValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return /^\d/.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
}

function parseLayers(text: string): number[] {
  return text.split(",").map((layer) => {
    if (!/^\s*\d+\s*$/.test(layer))
      throw new UserError(`layers "${text}": "${layer}" is no layer; expected for example 0,2`);
    return Number(layer);
  });
}
