/** Models of one's own: what defines one, what of it a configuration keeps, and what is told of one that is not what it says. */

import { expect, it } from "vitest";
import { z } from "zod";
import { modelWithVocabulary } from "../../src/data/portable.ts";
import {
  type CompleteModelConfig,
  countParameters,
  defineModel,
  forwardFlops,
  givenOf,
  leastActivations,
  leastParameters,
  type ModelDefinition,
  modelOf,
  modelSchema,
  parametersOf,
  sameProgram,
  sites,
  tauRule,
  traceModel,
  withSites,
} from "../../src/model/index.ts";
import { type Model, normal, pattention, type Scope } from "../../src/nn/index.ts";
import { optionsWithDefaults } from "../../src/options.ts";
import { add, cast, gather, matmul, reshape, type Tensor } from "../../src/tensor/index.ts";

interface Options {
  readonly width: number;
  readonly layers: number;
  readonly tokens: number;
}

const drawn = { initial: normal(0.1) };

const mixed = (scope: Scope, x: Tensor, width: number, learnedTau: number | undefined) =>
  pattention(scope, x, { width, activation: "l2_norm_gelu", keys: drawn, values: drawn, learnedTau });

/** Embeddings, then `layers` sites that add to them, then the embeddings again; those from `first` on learn τ. */
const learningAt =
  (first: number) =>
  ({ vocabulary, width, layers }: Options & { vocabulary: number }): Model =>
  (scope, tokens) => {
    const table = scope.within("embedding").parameter("tokens", [vocabulary, width], normal(1));
    let x = gather(table, tokens);
    for (let layer = 0; layer < layers; layer++) {
      const learnedTau = layer < first ? undefined : 1.7;
      x = add(x, mixed(scope.within(`blocks.${layer}.mixer`), x, width, learnedTau));
    }
    return matmul(x, table, { transposeB: true });
  };

const forward = learningAt(Number.POSITIVE_INFINITY);

let count = 0;

/** Defines the model under a name of its own, with some things changed. */
function define(changes: Partial<ModelDefinition<Options>> = {}): `${string}:${string}` {
  return defineModel({
    name: `test:m${count++}`,
    options: optionsWithDefaults({ width: 6, layers: 2, tokens: 5 }),
    sites: ({ layers, tokens }) =>
      Array.from({ length: layers }, (_, layer) => ({ path: `blocks.${layer}.mixer`, tokens: tokens + layer })),
    forward,
    ...changes,
  });
}

const faultsOf = (given: object) =>
  modelSchema.safeParse(given).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

const whole = (type: `${string}:${string}`, options: object = {}): CompleteModelConfig =>
  modelWithVocabulary(modelSchema.parse({ type, vocabulary: 11, context: 7, ...options }), undefined, "here");

it("has its options in the configuration, with their defaults", () => {
  const type = define();
  const given = { type, context: 7, layers: 3 };
  const parsed = modelSchema.parse(given);
  expect(parsed).toEqual({ type, context: 7, width: 6, layers: 3, tokens: 5 });
  expect(modelSchema.parse(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
});

it.each([
  ["an unknown option", { wdith: 3 }, /^wdith: is no option; the options are: width, layers, tokens$/],
  ["an option of another kind", { width: "wide" }, /^width: expected a number such as 6$/],
  ["no context", { context: undefined }, /^context: /],
  ["a site of no tokens", { sites: { "blocks.0.mixer": { tokens: 0, tau: 1 } } }, /^sites\.blocks\.0\.mixer\.tokens: /],
])("refuses %s", (_, changes, message) => {
  expect(faultsOf({ type: define(), context: 7, ...changes })).toEqual([expect.stringMatching(message)]);
});

it("takes the options of any Standard Schema", () => {
  const options = z.strictObject({ width: z.int().max(8), layers: z.int().default(1), tokens: z.int().default(4) });
  const type = define({ options });
  expect(modelSchema.parse({ type, context: 7, width: 8 })).toMatchObject({ width: 8, layers: 1 });
  expect(faultsOf({ type, context: 7, width: 9 })).toEqual(["width: Too big: expected number to be <=8"]);
});

it("names a model that is not defined, and says what to do", () => {
  expect(faultsOf({ type: "test:elsewhere", context: 7 })).toEqual([
    'type: the model "test:elsewhere" is not defined here; import the module that defines it first (on the command line: --model FILE.js)',
  ]);
});

it("is defined once, under a name with a prefix", () => {
  const type = define();
  expect(() => define({ name: type })).toThrow(`the model "${type}" is defined already`);
  // What JavaScript lets pass.
  const plain = "mixer" as `${string}:${string}`;
  expect(() => define({ name: plain })).toThrow('expected a name with a prefix of your own, such as "mine:mixer"');
});

it("has sites, whose tokens and τ the configuration keeps", () => {
  const model = whole(define());
  expect(sites(model)).toEqual([
    {
      path: "blocks.0.mixer",
      place: "blocks.0.mixer",
      generation: 0,
      kind: "mixer",
      layer: 0,
      tokens: 5,
      tau: Math.sqrt(5),
    },
    {
      path: "blocks.1.mixer",
      place: "blocks.1.mixer",
      generation: 0,
      kind: "mixer",
      layer: 1,
      tokens: 6,
      tau: Math.sqrt(6),
    },
  ]);
  const [first, second] = sites(model);
  if (first === undefined || second === undefined) throw new Error("two sites");
  const grown = withSites(model, [{ ...first, tokens: 8, tau: 2 }, second]);
  expect(modelSchema.parse(JSON.parse(JSON.stringify(grown)))).toEqual(grown);
  expect([...givenOf(grown)]).toEqual([
    ["blocks.0.mixer.tau", 2],
    ["blocks.1.mixer.tau", Math.sqrt(6)],
  ]);
  expect(parametersOf(grown).map(({ name, size }) => `${name} ${size}`)).toEqual([
    "embedding.tokens 11,6",
    "blocks.0.mixer.keys 8,6",
    "blocks.0.mixer.values 8,6",
    "blocks.1.mixer.keys 6,6",
    "blocks.1.mixer.values 6,6",
  ]);
  expect(sameProgram(model, grown)).toBe(true);
  expect(sameProgram(model, whole(define(), { layers: 3 }))).toBe(false);
});

it("is given no τ that it learns", () => {
  const model = whole(define({ forward: learningAt(0) }));
  expect(tauRule(model)).toBe("learned");
  expect(givenOf(model)).toEqual(new Map());
  expect(parametersOf(model).map(({ name }) => name)).toContain("blocks.1.mixer.tau");
});

it("is told of documents that it takes no notice of", () => {
  const type = define();
  expect(() => traceModel(modelOf(whole(type)), { training: true, separate: true })).toThrow(
    `the model "${type}": takes no notice of the documents of tokens; use causalAttention, hide tokens by scope.documents, or leave out --separate-documents`,
  );
  const hiding = define({
    forward: (config) => (scope, tokens) => {
      const logits = forward(config)(scope, tokens);
      return scope.documents === undefined
        ? logits
        : add(logits, reshape(cast(scope.documents, "float32"), [...tokens.shape, 1]));
    },
  });
  expect(traceModel(modelOf(whole(hiding)), { training: true, separate: true }).logits.shape.at(-1)).toBe(11);
});

it("costs what its products do, unless it says otherwise", () => {
  const model = whole(define());
  const tokenParameters = 2 * 6 * (5 + 6);
  expect(countParameters(model)).toMatchObject({
    embedding: 66,
    feedForward: tokenParameters,
    total: 66 + tokenParameters,
  });
  // Scores and sums over parameter tokens, then the logits; per token, multiplications and additions.
  const perToken = 2 * tokenParameters + 2 * 6 * 11;
  expect(forwardFlops(model)).toBe(7 * perToken);
  expect(forwardFlops(model, 3)).toBe(3 * perToken);
  expect(leastParameters({ ...model, vocabulary: undefined })).toBe(6 + tokenParameters);
  expect(leastActivations(model)).toBe(5 + 6 + 6 + 6 + 11);
  const said = whole(define({ flops: ({ width }, time) => width * time, activations: ({ vocabulary }) => vocabulary }));
  expect(forwardFlops(said, 5)).toBe(30);
  expect(leastActivations(said)).toBe(11);
});

it.each<[string, Partial<ModelDefinition<Options>>, string]>([
  [
    "gives something other than logits",
    {
      forward: (config) => (scope, tokens) =>
        gather(scope.parameter("table", [config.vocabulary, 3], normal(1)), tokens),
    },
    "its forward pass gives float32[B, T, 3], expected logits float32[B, T, 11]",
  ],
  [
    "declares a site that it does not use",
    { sites: () => [{ path: "blocks.7.mixer", tokens: 3 }] },
    "declares the site blocks.7.mixer, at which its forward pass calls no pattention",
  ],
  [
    "declares a site twice",
    { sites: () => [0, 1].map((tokens) => ({ path: "blocks.0.mixer", tokens: 3 + tokens })) },
    "declares the site blocks.0.mixer twice; leave one out",
  ],
  ...[0, 2.5, Number.NaN].map((tokens): [string, Partial<ModelDefinition<Options>>, string] => [
    `declares a site of ${tokens} tokens`,
    { sites: () => [{ path: "blocks.0.mixer", tokens }] },
    `the site blocks.0.mixer has ${tokens} tokens, expected a whole number from 1`,
  ]),
  [
    "learns τ at one site and is given it at another",
    { forward: learningAt(1) },
    "learns τ at blocks.1.mixer and is given it at blocks.0.mixer; say learnedTau at all of its sites, or at none",
  ],
  [
    "uses a site that it does not declare",
    { sites: ({ tokens }) => [{ path: "blocks.0.mixer", tokens }] },
    "the parameter blocks.1.mixer.keys has blocks.1.mixer.tokens rows; declare the site blocks.1.mixer in its sites",
  ],
])("says so of one that %s", (_, changes, message) => {
  const type = define(changes);
  expect(() => whole(type)).toThrow(`the model "${type}": ${message}`);
});

it("says of one that gives no logits what it is to give", () => {
  // What JavaScript lets pass.
  const forward = (): Model => () => JSON.parse("null");
  const type = define({ forward });
  expect(() => whole(type)).toThrow(
    "the model's forward pass gives null, expected its logits, a tensor [B, T, vocabulary]; return them",
  );
});

it.each(["type", "vocabulary", "context", "sites"])("has no option named %s, as all configurations have one", (key) => {
  const options = optionsWithDefaults({ width: 6, layers: 2, tokens: 5, [key]: 3 });
  const message = `has an option named ${key}, which is a key of every configuration; choose another name`;
  expect(() => define({ options })).toThrow(message);
  // Where it is not known before it is told.
  const told = define({
    options: z
      .looseObject({ width: z.int(), layers: z.int(), tokens: z.int() })
      .transform((own) => ({ ...own, [key]: 3 })),
  });
  expect(() => modelSchema.parse({ type: told, context: 7, width: 6, layers: 2, tokens: 5 })).toThrow(message);
});
