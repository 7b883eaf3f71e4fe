/** A link that shares a run: what it holds, and that who opens it grows the same model. */

import fc from "fast-check";
import { CharacterTokenizer, createCorpus, type Device, memoryTokens, openDevice } from "tokenformer";
import { parseConfig, Run, type RunConfig } from "tokenformer/browser";
import { sites } from "tokenformer/model";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Choices, GrowthRequest, PlannedGrowth, SiteView } from "../../studio/src/engine/api.ts";
import { choicesOf, configFromChoices, equalTransformer, fromScratch } from "../../studio/src/engine/choices.ts";
import { requestedPlan } from "../../studio/src/engine/growing.ts";
import { EMPTY } from "../../studio/src/engine/history.ts";
import { type Facts, LiveRun } from "../../studio/src/engine/live-run.ts";
import { isOfChoices } from "../../studio/src/engine/regrowing.ts";
import { siteViews } from "../../studio/src/engine/sites.ts";
import {
  growthsOf,
  growthWord,
  plannedGrowth,
  recipeOfQuery,
  recipeOfRun,
  recipeQuery,
} from "../../studio/src/page/share/recipe.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("cpu", { threads: 1 });
});
afterAll(() => device.close());

const choices: Choices = {
  name: "sent",
  architecture: "tokenformer",
  text: { kind: "gallery", key: "moby-dick" },
  pieces: "characters",
  layers: 2,
  heads: 2,
  width: 16,
  context: 11,
  attentionTokens: 7,
  feedForwardTokens: 13,
  batch: 3,
  learningRate: 2e-3,
  seed: 5,
};

const TEXT = "Call me Ishmael. Some years ago, never mind how long precisely. ".repeat(20);
const tokenizer = CharacterTokenizer.fromText(TEXT);
const corpus = createCorpus("whale", tokenizer, memoryTokens(tokenizer.encode(TEXT)));

const UPDATES = 20;

/** The loss of each update, and the run after them. */
async function trained(from: Choices, growths: Readonly<Record<number, readonly GrowthRequest[]>> = {}) {
  const made = configFromChoices(from);
  if ("complaints" in made) throw new Error(JSON.stringify(made.complaints));
  const run = await Run.create({ config: made.config, corpus, device });
  const losses: number[] = [];
  for await (const event of run.events()) {
    if (event.type !== "step") continue;
    losses.push(event.loss);
    for (const request of growths[event.step] ?? []) await run.grow(requestedPlan(request, run.config.model));
    if (event.step === UPDATES) break;
  }
  return { run, losses };
}

const factsOf = ({ config, trainer, part }: Run): Facts => ({
  config,
  lineage: trainer.lineage,
  tokenizer,
  history: EMPTY,
  part,
});

/** The run as it is drawn. */
function viewOf({ config, trainer }: Run) {
  const summary = {
    id: "a",
    name: "sent",
    architecture: "tokenformer",
    textName: "whale",
    parameters: 1,
    changed: 0,
  } as const;
  return {
    summary: { ...summary, step: trainer.step, status: { kind: "paused" } },
    choices: choicesOf("sent", config),
    pieces: "characters",
    lossOn: "all",
    sites: siteViews(config.model, trainer.lineage),
    validation: [{ step: 50, tokens: 1, flops: 1, seconds: 1, loss: 2.3456, bitsPerByte: 3 }],
    samples: [
      { step: 1, text: "qx, &= zj" },
      { step: 19, text: "Call me, say\nIshmael: 100 % of it" },
    ],
    growths: [],
    usage: [],
  } as const;
}

const growths = {
  9: [{ add: { query: 7, key: 7, value: 7, projection: 7, feedForward: 13 }, init: "zero-key" }],
  13: [
    { add: { query: 3, feedForward: 5 }, layers: [1], init: "random" },
    { add: { query: 2, value: 11 }, init: "zero-key" },
    { add: { query: 4 }, layers: [1], init: "random" },
  ],
} as const;

it("holds all that is shown of the run, and grows the same model for who opens it", async () => {
  const sender = await trained(choices, growths);
  const view = viewOf(sender.run);
  const recipe = recipeOfRun({ ...view, growths: [{ step: 9 }, { step: 13 }] });
  const query = recipeQuery(recipe);
  expect(new URLSearchParams(query).get("grow")).toBe(
    "9:x2,13:q2.v11@0,13:v11@1,13:q3.f5@1~random,13:q2@1,13:q4@1~random",
  );
  expect(recipeOfQuery(query)).toEqual({ ...recipe, curve: [{ step: 50, loss: 2.346 }] });
  expect(recipe).toMatchObject({ before: "qx, &= zj", now: "Call me, say Ishmael: 100 % of it" });
  expect(recipe.rings.map(({ tokens }) => tokens)).toEqual([2 * 41, 2 * 41, 8 + 2 * 13 + 4]);

  const { draft, pieces, lossOn, growth } = recipeOfQuery(query);
  expect(lossOn).toBe("all");
  const receiver = await trained({
    ...draft,
    pieces,
    growth,
    name: "received",
    text: { kind: "gallery", key: "moby-dick" },
  });
  expect(receiver.losses).toHaveLength(UPDATES);
  for (const [index, loss] of receiver.losses.entries())
    expect(loss).toBeCloseTo(sender.losses[index] ?? Number.NaN, 5);
  expect(viewOf(receiver.run).sites).toEqual(view.sites);
  expect([sender, receiver].map(({ run }) => isOfChoices(factsOf(run)))).toEqual([true, true]);
  const [sent, received] = await Promise.all(
    [sender, receiver].map(async ({ run }) => (await run.checkpoint()).state.lineage),
  );
  expect(received).toEqual(sent);
  expect(sent?.get("blocks.0.attention.query")?.[1]).toMatchObject({ warmup: 200, boost: { rate: 4, steps: 500 } });
  await sender.run.close();
  await receiver.run.close();
});

/** As of a run that has just begun. */
const lineageOf = (config: RunConfig) =>
  new Map(
    sites(config.model).map(({ path, tokens }) => [
      path,
      [{ tokens, born: 0, init: "initial", updates: 0, frozenUntil: 0 }],
    ]),
  );

it("knows which runs a link cannot grow again", async () => {
  const { run } = await trained(choices, { 3: [{ add: { query: 7 }, layers: [1], init: "split" }] });
  const facts = factsOf(run);
  const { config } = facts;
  const { training, model, growth } = config;
  expect(isOfChoices(facts)).toBe(true);
  const changed: Readonly<Record<string, Partial<Facts>>> = {
    "a schedule": { config: { ...config, training: { ...training, schedule: "warmup-stable-decay" } } },
    "a warm-up": { config: { ...config, training: { ...training, warmup: 50 } } },
    dropout: { config: { ...config, model: { ...model, dropout: 0.1 } as typeof model } },
    "a growth with settings": { config: { ...config, growth: growth.map((plan) => ({ ...plan, rewarm: 7 })) } },
    "a skill": { part: { parameters: [] } },
    "another size in each block": { lineage: lineageOf(config) },
  };
  for (const [what, different] of Object.entries(changed))
    expect(isOfChoices({ ...facts, ...different }), what).toBe(false);
  const bigram = parseConfig({ model: { type: "bigram", context: 5 } });
  expect(isOfChoices({ ...facts, config: { ...bigram, model: { ...bigram.model, vocabulary: 9 } } })).toBe(false);
  // The run from scratch beside it has the sizes of its blocks from the start; the plain GPT is as the page makes them.
  const scratch = { ...fromScratch(config, EMPTY), model: { ...config.model, tau: undefined } as typeof model };
  expect(isOfChoices({ ...facts, config: scratch, lineage: lineageOf(scratch) })).toBe(false);
  const plain = equalTransformer(config, EMPTY);
  const plainModel = { ...plain.model, vocabulary: tokenizer.vocabularySize };
  expect(isOfChoices({ ...facts, config: { ...plain, model: plainModel }, lineage: new Map() })).toBe(true);
  await run.close();
});

it("grows by itself in the studio when it comes to the step, and tells so", async () => {
  const planned = [
    { step: 2, add: { query: "x2" }, init: "zero-key" },
    { step: 9, add: { query: "x2" }, init: "random" },
  ] as const;
  const made = configFromChoices({ ...choices, growth: planned });
  if ("complaints" in made) throw new Error(JSON.stringify(made.complaints));
  const told: string[] = [];
  const run = await Run.create({ config: made.config, corpus, device });
  const live = new LiveRun("a", run, EMPTY, ({ type }) => told.push(type));
  while (live.step < 3) await live.advance();
  expect(told).toContain("grown");
  expect(live.facts().history.growths).toMatchObject([{ step: 2, init: "zero-key", summary: "query 7 → 14 tokens" }]);
  await live.close();
});

it("knows a growth before the first update from what the run began with", () => {
  const site = (kind: "query" | "feedForward", generations: SiteView["generations"]): SiteView => {
    const tokens = generations.reduce((sum, own) => sum + own.tokens, 0);
    return { path: kind, layer: 0, kind, tokens, tau: 1, generations };
  };
  const first = (tokens: number) => ({ tokens, born: 0, init: "initial" });
  const sites = [site("query", [first(7), { tokens: 3, born: 0, init: "split" }]), site("feedForward", [first(13)])];
  expect(growthsOf(sites)).toEqual([{ step: 0, add: { query: 3 }, init: "split" }]);
});

const tokens = fc.option(fc.oneof(fc.constant("x2" as const), fc.integer({ min: 1, max: 5000 })), { nil: undefined });
const kinds = { query: tokens, key: tokens, value: tokens, projection: tokens, feedForward: tokens };
const growth = fc
  .record({
    step: fc.integer({ min: 1, max: 1e6 }),
    add: fc.record(kinds, { requiredKeys: [] }),
    layers: fc.option(fc.uniqueArray(fc.nat(11), { minLength: 1 }), { nil: undefined }),
    init: fc.constantFrom("zero-key", "split", "random"),
  })
  .map(({ add, layers, ...others }): PlannedGrowth => {
    const given = Object.entries(add).filter(([, amount]) => amount !== undefined);
    return { ...others, add: Object.fromEntries(given), ...(layers !== undefined && { layers }) };
  })
  .filter(({ add }) => Object.keys(add).length > 0);

it("writes every growth as a word that is read as the same growth, and reads no other", () => {
  fc.assert(fc.property(growth, (plan) => void expect(plannedGrowth(growthWord(plan))).toEqual(plan)));
  for (const word of ["", "x2", "9:", "9:z4", "-1:x2", "9:x2@", "9:x2~later", "9:q-5"])
    expect(plannedGrowth(word), word).toBeUndefined();
});
