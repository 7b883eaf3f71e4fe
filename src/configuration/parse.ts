/** Reading a configuration that somebody wrote, with messages that help. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { type GrowthPlan, growthPlanSchema, withModelDefaults } from "../growth/index.ts";
import { type ModelConfig, modelSchema } from "../model/index.ts";
import { checkPlainly } from "../plain-words.ts";
import { type Config, configSchema } from "./config.ts";
import { nearKey } from "./near-key.ts";

/** The command that shows configurations. */
const EXAMPLES = "tokenformer presets --json";

/**
 * The configuration of a run, with its defaults.
 * @param value what a JSON file holds, or an object literal
 * @param where what messages call it
 * @throws UserError that names the key that is wrong, and the near one if it is unknown
 */
export function parseConfig(value: unknown, where = "the configuration"): Config {
  return parseBy(configSchema, withPlanDefaults(value), where, EXAMPLES);
}

/** What was written, with the defaults of growth plans that depend on more than their key. */
function withPlanDefaults(value: unknown): unknown {
  const { data } = z.looseObject({ model: z.unknown(), growth: z.array(z.unknown()) }).safeParse(value);
  return data === undefined
    ? value
    : { ...data, growth: data.growth.map((plan) => withModelDefaults(plan, data.model)) };
}

/** What is wrong with a value as a configuration: each fault with the path of its key, such as `["model", "heads"]`; none of a sound one. */
export function configFaults(value: unknown): { readonly path: readonly string[]; readonly message: string }[] {
  const issues = configSchema.safeParse(value).error?.issues ?? [];
  return issues.map((issue) => ({ path: issue.path.map(String), message: issue.message }));
}

/**
 * The configuration of a model, with its defaults: the part `model` of a run's.
 * @throws UserError as `parseConfig` does
 */
export function parseModel(value: unknown, where = "the model"): ModelConfig {
  return parseBy(modelSchema, value, where, EXAMPLES);
}

/**
 * A growth plan, with its defaults.
 * @param model the model that it is for: some defaults depend on it, and are those of any model without it
 * @throws UserError as `parseConfig` does
 */
export function parseGrowthPlan(value: unknown, where = "the growth plan", model?: ModelConfig): GrowthPlan {
  return parseBy(growthPlanSchema, withModelDefaults(value, model), where, EXAMPLES);
}

/**
 * Checks a value by a schema.
 * @param examples the command that shows some
 * @throws UserError that names the key, and the near one if it is unknown
 */
export function parseBy<Value>(schema: z.ZodType<Value>, value: unknown, where: string, examples: string): Value {
  const result = checkPlainly(schema, value);
  if (result.success) return result.data;
  const { issues } = result.error;
  // What is missing may be there under the unknown name.
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  const fault = issue === undefined ? "it is not a configuration" : explain(issue, schema, examples);
  throw new UserError(`${where}: ${fault}`);
}

/** Keys that configurations of Hugging Face and GPT-NeoX begin with. */
const PUBLISHED = /^(architectures|model_type|_name_or_path|pipe[-_]parallel[-_]size)$/;

function explain(issue: z.core.$ZodIssue, schema: z.ZodType, examples: string): string {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const full = [...path, key].join(".");
    const known = knownKeys(schema, path);
    const kind = path[0] === "growth" || Object.is(schema, growthPlanSchema) ? "growth plan" : "model";
    if (known.includes(full)) return `"${full}" is a key of another type of ${kind}; leave it out`;
    if (PUBLISHED.test(key)) {
      return `"${key}" is a key of a published model's configuration; import the model with: tokenformer import FOLDER --to RUN`;
    }
    const near = nearKey(full, known);
    const meant = near === undefined ? "." : `; did you mean "${near}"?`;
    return `unknown key "${full}"${meant} See \`${examples}\` for examples`;
  }
  return `${path.join(".") || "the whole"}: ${issue.message}; correct it, or see \`${examples}\` for examples`;
}

/** The paths of all keys that a value of a schema can have: of lists, those of the items that lead to a place alone. */
function knownKeys(schema: z.ZodType, place: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (description: unknown, path: readonly string[]): void => {
    const node = jsonSchema.safeParse(description);
    if (!node.success) return;
    if (path.length > 0) found.add(path.join("."));
    for (const option of [...(node.data.anyOf ?? []), ...(node.data.oneOf ?? [])]) visit(option, path);
    for (const [key, child] of Object.entries(node.data.properties ?? {})) visit(child, [...path, key]);
    const item = place[path.length];
    if (item !== undefined && path.every((key, depth) => key === place[depth])) visit(node.data.items, [...path, item]);
  };
  visit(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), []);
  return [...found];
}

const jsonSchema = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
});
