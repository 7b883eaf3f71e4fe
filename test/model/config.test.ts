import { expect, it } from "vitest";
import { modelSchema, rotaryChannels, sitesOf, withSites } from "../../src/model/index.ts";
import { tinyTokenFormer } from "../support/models.ts";

/** The paths and messages of what is wrong with a configuration. */
function issuesOf(changes: Readonly<Record<string, unknown>>): string[] {
  const { error } = modelSchema.safeParse({ ...tinyTokenFormer, ...changes });
  return error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
}

const { tokens } = tinyTokenFormer;

it("accepts what is consistent", () => {
  expect(issuesOf({})).toEqual([]);
  expect(issuesOf({ tokens: { ...tokens, key: [3, 5] }, tau: { ...tokens, value: [1.5, 2] } })).toEqual([]);
  expect(issuesOf({ positions: "learned", rotaryFraction: 0.1 })).toEqual([]);
});

it("fills in what the paper has", () => {
  const { type, vocabulary, context, layers, heads, tied } = tinyTokenFormer;
  const given = { type, vocabulary, context, layers, heads, width: 16, tied, tokens };
  expect(modelSchema.parse(given)).toEqual({ ...tinyTokenFormer, width: 16, rotaryFraction: 0.25 });
});

it("gives a transformer learned positions, or rotary ones where there is something to rotate", () => {
  const { vocabulary, context, layers, heads, width, tied } = tinyTokenFormer;
  const given = {
    type: "transformer",
    vocabulary,
    context,
    layers,
    heads,
    width,
    tied,
    activation: "gelu",
    biases: true,
  };
  expect(modelSchema.parse(given)).toMatchObject({ positions: "learned", rotaryFraction: 0.25 });
  const { error } = modelSchema.safeParse({ ...given, positions: "rotary", rotaryFraction: 0.3 });
  expect(error?.issues.map(({ path }) => path)).toEqual([["rotaryFraction"]]);
  const rotary = modelSchema.parse({ ...given, positions: "rotary", rotaryFraction: 0.8 });
  expect(rotary.type === "transformer" && rotaryChannels(rotary)).toBe(4);
});

it.each([
  ["a width that the heads do not divide", { heads: 3 }],
  ["a width that is no multiple of many heads", { heads: 7 }],
  ["a learned τ where there is none", { learnedTau: true, activation: "softmax" }],
  ["nothing to rotate", { rotaryFraction: 0.3 }],
  ["too few values for the layers", { tokens: { ...tokens, key: [6] } }],
  ["too many values for the layers", { tau: { ...tokens, feedForward: [1, 2, 3] } }],
  ["several mistakes", { heads: 4, tokens: { ...tokens, query: [1, 2, 3], value: [4] } }],
  ["an unknown key", { depth: 3 }],
  ["an unknown site", { tokens: { ...tokens, mlp: 3 } }],
  ["a missing site", { tokens: { query: 7, key: 6, value: 9, projection: 8 } }],
  ["an unknown activation", { activation: "relu" }],
  ["no layers", { layers: 0 }],
  ["more layers than any model has", { layers: 1001 }],
  ["rotations without end", { width: 600_000, heads: 2 }],
  ["half a token", { tokens: { ...tokens, key: 1.5 } }],
  ["a τ of zero", { tau: { ...tokens, key: 0 } }],
  ["dropping all", { dropout: 1 }],
  ["an unknown type", { type: "mamba" }],
  ["the key of another type", { type: "bigram" }],
])("refuses %s", (_, changes) => {
  expect(issuesOf(changes)).toMatchSnapshot();
});

it("rotates an even number of channels, at most those that the fraction says", () => {
  const channels = (width: number, heads: number, rotaryFraction: number) =>
    rotaryChannels({ ...tinyTokenFormer, width, heads, rotaryFraction });
  expect(channels(768, 12, 0.25)).toBe(16);
  expect(channels(32, 4, 0.25)).toBe(2);
  expect(channels(10, 2, 0.8)).toBe(4);
  expect(channels(10, 2, 1)).toBe(4);
  expect(rotaryChannels({ ...tinyTokenFormer, positions: "learned" })).toBe(0);
});

/** The first tokens of a place, which have its path. */
const first = (path: string) => ({ path, place: path, generation: 0 });

it("lists the sites layer by layer, and takes them back in the shortest form", () => {
  const config = { ...tinyTokenFormer, tokens: { ...tokens, key: [6, 4] } };
  const sites = sitesOf(config);
  expect(sites).toHaveLength(10);
  expect(sites.slice(4, 7)).toEqual([
    { ...first("blocks.0.feedForward"), layer: 0, kind: "feedForward", tokens: 11, tau: Math.sqrt(11) },
    { ...first("blocks.1.attention.query"), layer: 1, kind: "query", tokens: 7, tau: Math.sqrt(7) },
    { ...first("blocks.1.attention.key"), layer: 1, kind: "key", tokens: 4, tau: 2 },
  ]);
  const back = withSites(config, sites);
  expect(back.tokens).toEqual(config.tokens);
  expect(sitesOf(back)).toEqual(sites);
  expect(back.tau).toMatchObject({ query: Math.sqrt(7), key: [Math.sqrt(6), 2] });
});
