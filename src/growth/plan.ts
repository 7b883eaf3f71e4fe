/** Growth plans: how many parameter tokens are appended where, or how wide a model gets, and how. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { isOwn, type ModelConfig, type SiteKind, siteKinds, sites } from "../model/index.ts";
import { isOwnName, type OwnName } from "../own-names.ts";

const steps = z.int().nonnegative();

const amountExpected = 'expected a whole number of tokens, or "x" and a whole multiple such as "x2"';

/** A number of tokens to append, or `xR`: R times as many as there are, in all. */
const amount = z.union([z.int().positive(), z.string().regex(/^x\d+$/, amountExpected)], { error: amountExpected });

const NEW_WARMUP = 50;

const NEW_RATE_STEPS = 500;

/** How tokens with zero keys learn faster at first in balanced models. Risen sooner, the rate would raise the loss for some updates. */
const FASTER = { newRate: 4, newWarmup: 200 };

const ownName = z.custom<OwnName>(isOwnName, 'expected the name of a strategy of your own, such as "mine:deeper"');
const ownOptions = z.record(z.string(), z.unknown()).optional();

/** A plan for a model with sites: parameter tokens are appended. */
export const tokenPlanSchema = z.strictObject({
  /**
   * Tokens to append at each site, by its name (`query`, `key`, `value`, `projection`, `feedForward`): a number, or "x2" for
   * twice as many as it has in all. Sites that are not named stay as they are.
   */
  add: z
    .record(z.string(), amount)
    .refine((add) => Object.keys(add).length > 0, "names no site; give at least one, such as feedForward: 128"),
  /** The blocks that grow, from 0. Default: all. */
  layers: z.array(z.int().nonnegative()).nonempty().optional(),
  /**
   * How new tokens start.
   * - `zero-key` (the paper): keys zero, values random. Preserves the function for the two Θ that normalise by the L2 norm.
   * - `zero-value`, where new tokens have a norm of their own (`model.tokenNorm`): values zero, keys random. Preserves it for every Θ.
   * - `split`: whole copies of the old keys, whose values are uneven shares of the old values. Preserves it for every Θ.
   * - `random` (the published code): drawn like the first ones. Does not preserve it.
   * - a strategy of one's own, by its name, such as `mine:copies`.
   *
   * Where new tokens have a norm of their own, the default is `zero-value`, and `zero-key` and `split` cannot be.
   */
  init: z
    .union([z.enum(["zero-key", "zero-value", "split", "random"]), ownName], {
      error:
        'expected one of "zero-key", "zero-value", "split", "random", or the name of a strategy of your own such as "mine:copies"',
    })
    .default("zero-key"),
  /** The options of a strategy of one's own. */
  options: ownOptions,
  /**
   * What becomes of τ. `fixed`: what preserves the function, for ever. `sqrt-n`: the square root of the new number of tokens,
   * at once. `ramp`: from the one to the other in equal parts over `rampSteps` steps. `learned`: what preserves the function,
   * and from there on a parameter of each site, in the whole model. Default: `sqrt-n` for
   * strategies that do not preserve the function, such as `random`, else `ramp`.
   *
   * Where τ is learned already, `fixed` (there the default, but for those strategies) and `learned` give it the value that preserves
   * the function, `sqrt-n` multiplies it by √((n + m) / n), and there is no ramp.
   *
   * New tokens with a norm of their own have a τ of their own, the square root of their number, and that of the old ones stays.
   */
  tau: z.enum(["fixed", "sqrt-n", "ramp", "learned"]).optional(),
  /** Steps of a ramp of τ. */
  rampSteps: steps.default(100),
  /**
   * The optimiser's moments of new tokens are zero. `new-only`: they count their own steps for Adam's bias correction, the
   * old ones go on. `keep`: they join the count of the old ones. `reset`: all moments and counts start again.
   */
  optimizer: z.enum(["new-only", "keep", "reset"]).default("new-only"),
  /** Steps for which the old tokens of the sites that grow are frozen. */
  freeze: steps.default(0),
  /** Steps over which the learning rate of new tokens rises from zero to that of the others. */
  newWarmup: steps.default(NEW_WARMUP),
  /**
   * What the learning rate of new tokens is multiplied by at their birth; it falls to 1 in a straight line over `newRateSteps`. In a
   * plan for a balanced model with `zero-key` that says neither this nor `newWarmup`, they are 4 and 200.
   */
  newRate: z.number().positive().default(1),
  /** Steps over which `newRate` falls to 1. */
  newRateSteps: steps.default(NEW_RATE_STEPS),
  /** Steps over which the learning rate of all rises again from zero to its schedule. */
  rewarm: steps.default(0),
});

/** A growth plan as it was written for a model, with those of its defaults that depend on the model. */
export function withModelDefaults(plan: unknown, model: unknown): unknown {
  const [given, of] = [plan, model].map((value) => anyObject.safeParse(value).data);
  if (given?.["add"] === undefined || of === undefined) return plan;
  const init = given["init"] ?? (of["tokenNorm"] === "generation" ? "zero-value" : "zero-key");
  const isFaster = init === "zero-key" && of["parametrisation"] === "balanced";
  const saysRate = given["newRate"] !== undefined || given["newWarmup"] !== undefined;
  return { ...given, init, ...(isFaster && !saysRate && FASTER) };
}

const anyObject = z.looseObject({});

/** A plan for a Transformer: its residual stream is widened, with as many heads and hidden units more as belong to it. */
export const widthPlanSchema = z.strictObject({
  /** The new width: a multiple of the channels of a head, which stay as many. */
  width: z.int().positive(),
  /**
   * How new channels, heads and hidden units start. `net2net`: copies of old ones (Net2Net, arXiv 1511.05641) and means over
   * them (LEMON, arXiv 2310.07999). Preserves the function.
   */
  init: z.literal("net2net").default("net2net"),
  /**
   * `keep`: the optimiser's moments of new entries are zero, and they count their own steps for Adam's bias correction; the old ones go
   * on. `reset`: all start again.
   */
  optimizer: z.enum(["keep", "reset"]).default("keep"),
  /** Steps over which the learning rate rises again from zero to its schedule. */
  rewarm: steps.default(0),
});

/** A plan for any model: a strategy of one's own makes another one of it. */
export const ownPlanSchema = z.strictObject({
  /** The name of the strategy, such as `mine:deeper`. */
  init: ownName,
  /** Options of the strategy. */
  options: ownOptions,
  /**
   * The optimiser's moments of new entries are zero, unless the strategy says otherwise. `new-only`: new parameters count their own
   * steps for Adam's bias correction, the old ones go on. `keep`: they join the count of the old ones. `reset`: all moments and counts
   * start again.
   */
  optimizer: z.enum(["new-only", "keep", "reset"]).default("new-only"),
  /** Steps over which the learning rate of new parameters rises from zero to that of the others; for `new-only`. */
  newWarmup: steps.default(NEW_WARMUP),
  /** Steps over which the learning rate of all rises again from zero to its schedule. */
  rewarm: steps.default(0),
});

/** A plan of any kind. */
export const growthPlanSchema = z.union([tokenPlanSchema, widthPlanSchema, ownPlanSchema], { error: planComplaint });

export type TokenPlan = z.infer<typeof tokenPlanSchema>;
export type WidthPlan = z.infer<typeof widthPlanSchema>;
export type OwnPlan = z.infer<typeof ownPlanSchema>;
export type GrowthPlan = z.infer<typeof growthPlanSchema>;

export const isTokenPlan = (plan: GrowthPlan): plan is TokenPlan => "add" in plan;
export const isWidthPlan = (plan: GrowthPlan): plan is WidthPlan => "width" in plan;

/** What is wrong with a plan that is of no kind: what is wrong with it as the kind that it seems to be. */
export function planComplaint(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== "invalid_union") return undefined;
  const value: Readonly<Record<string, unknown>> = z.looseObject({}).safeParse(issue.input).data ?? {};
  const given = Object.keys(value);
  const named = ["add", "width"].filter((kind) => given.includes(kind));
  const isOwnPlan = named.length === 0 && isOwnName(value["init"]);
  if (named.length !== 1 && !isOwnPlan)
    return `needs either add or width, ${named.length === 0 ? "but has neither" : "not both"}`;
  const [first] = issue.errors[isOwnPlan ? 2 : given.includes("width") ? 1 : 0] ?? [];
  return first && `${first.path.map(String).join(".")}: ${first.message}`;
}

/** The sites as the command line names them: shortly, by their kinds, or several at once. */
export const siteNames: Readonly<Record<string, readonly SiteKind[]>> = {
  q: ["query"],
  k: ["key"],
  v: ["value"],
  proj: ["projection"],
  ffn: ["feedForward"],
  ...Object.fromEntries(siteKinds.map((kind) => [kind, [kind]])),
  attention: ["query", "key", "value", "projection"],
  all: siteKinds,
};

/** The sites of a model as the command line names them: of one of one's own, by their kinds. */
export function siteNamesOf(config: ModelConfig): Readonly<Record<string, readonly string[]>> {
  if (!isOwn(config)) return siteNames;
  const kinds = [...new Set(sites(config).map(({ kind }) => kind))];
  return { ...Object.fromEntries(kinds.map((kind) => [kind, [kind]])), all: kinds };
}

/**
 * The sites of a plan's text: `q=32,k=32,ffn=128`, `all=x2`. Throws a `UserError` for an unknown site or amount.
 * @param names what may be named, and which sites that is
 */
export function parseSites(
  text: string,
  names: Readonly<Record<string, readonly string[]>> = siteNames,
): Record<string, number | string> {
  const add: Record<string, number | string> = {};
  for (const item of text.split(",")) {
    const [name = "", ...rest] = item.split("=");
    const value = rest.join("=");
    const kinds = Object.hasOwn(names, name.trim()) ? names[name.trim()] : undefined;
    if (kinds === undefined) {
      const known = Object.keys(names).join(", ");
      throw new UserError(`growth plan "${text}": unknown site "${name.trim()}", expected one of ${known}`);
    }
    if (!/^(x?\d+)$/.test(value.trim())) {
      throw new UserError(
        `growth plan "${text}": "${value.trim()}" is no number of tokens for ${name.trim()}, expected for example ${name.trim()}=32 or ${name.trim()}=x2`,
      );
    }
    for (const kind of kinds) add[kind] = value.trim().startsWith("x") ? value.trim() : Number(value.trim());
  }
  return add;
}
