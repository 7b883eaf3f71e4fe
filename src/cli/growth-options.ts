/** Growth plans as the command line writes them. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { type GrowthPlan, growthPlanSchema, parseSites } from "../growth/index.ts";

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
}

/** A plan from options. Throws a `UserError` that names what is wrong. */
export function planOf({ add, layers, ...options }: PlanOptions): GrowthPlan {
  const value = { add: parseSites(add), ...(layers !== undefined && { layers: parseLayers(layers) }), ...options };
  const result = growthPlanSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(
    `growth plan "${add}": ${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "invalid"}`,
  );
}

const keys = z.enum(["init", "tau", "rampSteps", "optimizer", "freeze", "rewarm", "layers"]);

/**
 * `STEP:SITES[;key=value…]`, for example `400:q=32,k=32,ffn=128;init=split;freeze=50`: the entry of `growth` in a
 * configuration, still unchecked but for its form.
 */
export function parseGrowAt(text: string): unknown {
  const match = /^(\d+):([^;]+)(?:;(.*))?$/s.exec(text);
  if (match === null) {
    throw new UserError(`--grow-at ${text}: expected STEP:SITES, such as --grow-at 400:q=32,k=32,v=32,proj=32,ffn=128`);
  }
  const [, step = "", sites = "", rest = ""] = match;
  const options = rest.split(";").filter((option) => option !== "");
  const entries = options.map((option) => {
    const [key = "", value = ""] = option.split("=");
    const known = keys.safeParse(key.trim());
    if (!known.success) {
      throw new UserError(
        `--grow-at ${text}: unknown option "${key.trim()}", expected one of ${keys.options.join(", ")}`,
      );
    }
    if (known.data === "layers") return [known.data, parseLayers(value.replaceAll("+", ","))];
    return [known.data, /^\d+$/.test(value) ? Number(value) : value];
  });
  return { step: Number(step), add: parseSites(sites), ...Object.fromEntries(entries) };
}

function parseLayers(text: string): number[] {
  return text.split(",").map((layer) => {
    if (!/^\s*\d+\s*$/.test(layer))
      throw new UserError(`layers "${text}": "${layer}" is no layer; expected for example 0,2`);
    return Number(layer);
  });
}
