import { describe, expect, it } from "vitest";
import { z } from "zod";
import { configSchema } from "../src/configuration/index.ts";
import { checkPlainly } from "../src/plain-words.ts";

const messagesOf = (schema: z.ZodType, value: unknown): string[] =>
  (checkPlainly(schema, value).error?.issues ?? []).map(({ path, message }) =>
    [...path.map(String), message].join(": "),
  );

describe("a value that does not fit is told in plain words", () => {
  it.each<[z.ZodType, unknown, string]>([
    [z.number().positive(), 0, "is 0, expected a number above 0"],
    [z.number().lt(1), 1, "is 1, expected a number below 1"],
    [z.number().min(2), -3, "is -3, expected a number of at least 2"],
    [z.number().max(5), 7, "is 7, expected a number of at most 5"],
    [z.number().multipleOf(4), 7, "is 7, expected a multiple of 4"],
    [z.number(), Number.NaN, "is NaN, expected a number"],
    [z.int(), 1.5, "is 1.5, expected a whole number"],
    [z.int(), 2 ** 60, `is ${2 ** 60}, expected a number of at most ${Number.MAX_SAFE_INTEGER}`],
    [z.string(), 5, "is 5, expected a text"],
    [z.string().min(1), "", 'is "", expected a text of at least 1 character'],
    [z.array(z.string()).max(2), ["a", "b", "c"], 'is ["a","b","c"], expected a list of at most 2 elements'],
    [z.boolean(), "yes", 'is "yes", expected true or false'],
    [z.literal(3), 4, "is 4, expected 3"],
    [z.enum(["a", "b", "c"]), "d", 'is "d", expected "a", "b" or "c"'],
    [z.union([z.string(), z.array(z.string())]), {}, "is {}, expected a text or a list"],
    [z.object({}), null, "is null, expected an object"],
    [z.object({ of: z.string() }), {}, "of: is missing, expected a text"],
    [z.strictObject({}), { a: 1, b: 2 }, 'unknown keys "a", "b"'],
    [z.string(), Array(80).fill(11), `is ${JSON.stringify(Array(80).fill(11)).slice(0, 60)}…, expected a text`],
    [z.int({ error: "expected as it says itself" }), "x", "expected as it says itself"],
  ])("%#", (schema, value, message) => {
    expect(messagesOf(schema, value)).toEqual([message]);
  });
});

/** Values of every kind, for a place of any kind. */
const VALUES = [undefined, null, true, "", "x", "x1", -1, 0, 0.5, 1e9, Number.NaN, [], [-1], {}, { x: 1 }];

/** The paths of all that a configuration holds. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const inner = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([key, below]) => pathsOf(below, [...path, key]))];
}

function withValue(target: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(target))
    return target.map((item, at) => (String(at) === key ? withValue(item, rest, value) : item));
  if (typeof target !== "object" || target === null) throw new Error(`there is no ${key}`);
  return { ...target, [key]: withValue(Reflect.get(target, key), rest, value) };
}

it("holds for whatever stands anywhere in a configuration", () => {
  const models = [
    {
      type: "tokenformer",
      layers: 2,
      heads: 2,
      width: 16,
      context: 8,
      tied: true,
      tokens: { query: 5, key: 5, value: 5, projection: 5, feedForward: 7 },
    },
    { type: "transformer", layers: 2, heads: 2, width: 16, context: 8, tied: true, activation: "relu", biases: true },
    { type: "bigram", context: 8 },
  ];
  const growth = [[{ step: 3, add: { query: 2 }, rewarm: 2 }], [{ step: 3, width: 24 }], []];
  const seen = new Set<string>();
  for (const [index, model] of models.entries()) {
    const config = configSchema.parse({ model, growth: growth[index] });
    for (const path of pathsOf(config)) {
      for (const value of VALUES) {
        for (const message of messagesOf(configSchema, withValue(config, path, value))) seen.add(message);
      }
    }
  }
  expect(seen.size).toBeGreaterThan(200);
  expect([...seen].filter((message) => /Invalid|Too (small|big)|received|Unrecognized|[<>]=?\d/.test(message))).toEqual(
    [],
  );
});
