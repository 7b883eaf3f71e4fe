/** Ways to learn a text by a part of a model: where they begin, and what of it learns. */

import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/checkpoint/portable.ts";
import { trainingSchema } from "../../../src/configuration/index.ts";
import { gptBeside, rankFor, withLora } from "../../../src/lab/skills/lora.ts";
import { beginnings, type PartStart } from "../../../src/lab/skills/ways.ts";
import { type CompleteModelConfig, countParameters, sites } from "../../../src/model/index.ts";
import { Run } from "../../../src/training/index.ts";
import { useDevice } from "../../support/device.ts";
import { drawnBatch, drawnParameters, logitsOf, modelState, tinyTokenFormer } from "../../support/models.ts";
import { corpus, tinyConfig, tokenizer } from "../../training/support.ts";

const device = useDevice("cpu", { threads: 1 });

const training = trainingSchema.parse({ steps: 3, batch: 3, warmup: 0, learningRate: 0.02, evaluateEvery: 0 });
const vocabulary = tokenizer.vocabularySize;
const tokenformer = { ...tinyTokenFormer, vocabulary, context: 7 };
const gpt = gptBeside({ layers: 1, width: 12, heads: 2, context: 7, vocabulary }, 3000);

function checkpointOf(model: CompleteModelConfig): Checkpoint {
  const state = modelState(model, { parameters: drawnParameters(model, 0.3), step: 9 });
  const progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  return { config: { ...tinyConfig(), model }, state, tokenizer, dataName: "cats", progress };
}

async function trained({ start }: PartStart) {
  const run = await Run.begin(start, { device: device() });
  for await (const event of run.events()) void event;
  const { state } = await run.checkpoint();
  await run.close();
  return state;
}

const batch = drawnBatch("ways", [2, 5], vocabulary);
const how = { size: 2, learning: 400, training };

describe.each([
  ["shared", checkpointOf(tokenformer)],
  ["old", checkpointOf(tokenformer)],
  ["lora", checkpointOf(gpt)],
] as const)("%s", (way, base) => {
  it("begins at the model as it is", async () => {
    const { start } = beginnings[way](base, corpus, how);
    const [before, after] = [await logitsOf(device(), base.state, batch), await logitsOf(device(), start.state, batch)];
    after.data.forEach((logit, index) => {
      expect(logit).toBeCloseTo(before.data[index] ?? Number.NaN, 4);
    });
  });
});

describe("of a TokenFormer", () => {
  const base = checkpointOf(tokenformer);

  it.each([
    ["shared", 0],
    ["old", -2],
  ] as const)("%s: only the rows that are to learn do", async (way, from) => {
    const begun = beginnings[way](base, corpus, how);
    const after = await trained(begun);
    for (const [name, { data }] of base.state.parameters) {
      const site = sites(base.state.config).find(({ path }) => name === `${path}.keys` || name === `${path}.values`);
      const frozen = site === undefined ? data.length : (site.tokens + from) * tokenformer.width;
      expect(after.parameters.get(name)?.data.slice(0, frozen), name).toEqual(data.slice(0, frozen));
      if (site !== undefined) {
        const rows = after.parameters.get(name)?.data.slice(frozen, frozen + 2 * tokenformer.width);
        expect(rows, name).not.toEqual(
          begun.start.state.parameters.get(name)?.data.slice(frozen, frozen + 2 * tokenformer.width),
        );
      }
    }
  });

  it("as many old tokens learn as a site has, at most", () => {
    const all = sites(base.state.config).reduce((sum, { tokens }) => sum + tokens, 0);
    expect(beginnings.old(base, corpus, { ...how, size: 1000 }).learning).toBe(2 * tokenformer.width * all);
  });
});

describe("LoRA", () => {
  it("has the rank with which about as many numbers learn, and leaves all else as it is", async () => {
    const base = checkpointOf(gpt);
    const ofRankOne = countParameters(withLora(gpt, 1)).total - countParameters(gpt).total;
    // Four matrices of D by D, and two of D by 4 D.
    expect(ofRankOne).toBe(4 * 2 * gpt.width + 2 * 5 * gpt.width);
    expect([1, ofRankOne, 2.4 * ofRankOne, 7.6 * ofRankOne].map((learning) => rankFor(gpt, learning))).toEqual([
      1, 1, 2, 8,
    ]);
    const { start, learning } = beginnings.lora(base, corpus, { ...how, learning: 2 * ofRankOne });
    expect(learning).toBe(2 * ofRankOne);
    const after = await trained({ start, learning });
    for (const [name, { data }] of base.state.parameters) expect(after.parameters.get(name)?.data, name).toEqual(data);
    for (const name of start.part?.parameters ?? [])
      expect(after.parameters.get(name)?.data, name).not.toEqual(start.state.parameters.get(name)?.data);
  });

  it("is beside a GPT of about as many parameters", () => {
    const { layers, width, heads, context } = tokenformer;
    const wanted = countParameters(tokenformer).total;
    const beside = gptBeside({ layers, width, heads, context, vocabulary }, wanted);
    const step = countParameters({ ...beside, heads: beside.heads + 1, width: beside.width + width / heads }).total;
    expect(Math.abs(countParameters(beside).total - wanted)).toBeLessThan(step - countParameters(beside).total);
  });
});
