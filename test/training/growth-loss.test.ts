/** What the updates after a growth make of the loss that the growth itself preserves. */

import { expect, it } from "vitest";
import { configSchema } from "../../src/configuration/index.ts";
import { type Parametrisation, parametrisations } from "../../src/model/index.ts";
import { CharacterTokenizer, createCorpus, embeddedBook, memoryTokens } from "../../src/text/index.ts";
import { Run } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";

const device = useDevice("cpu", { threads: 1 });

const CONTEXT = 32;

async function pages() {
  const text = (await embeddedBook()).text.slice(0, 48_000);
  const tokenizer = CharacterTokenizer.fromText(text);
  return createCorpus("pages", tokenizer, memoryTokens(tokenizer.encode(text)));
}

/**
 * Grows to twice the tokens after 60 and after 90 updates at a high rate: the held-out loss before the second growth and 20
 * updates later, and how far the first of them moves the logits, in root mean square.
 */
async function afterGrowth(
  parametrisation: Parametrisation,
  plan: { readonly newRate?: number; readonly newWarmup?: number },
) {
  const corpus = await pages();
  const tokens = { query: 32, key: 32, value: 32, projection: 32, feedForward: 128 };
  const config = configSchema.parse({
    model: {
      type: "tokenformer",
      layers: 1,
      heads: 2,
      width: 128,
      context: CONTEXT,
      tied: true,
      tokens,
      parametrisation,
    },
    training: {
      steps: 110,
      schedule: "constant",
      warmup: 20,
      learningRate: 4e-3,
      batch: 8,
      evaluateEvery: 0,
      evaluationTokens: 0,
    },
  });
  const run = await Run.create({ config, corpus, device: device() });
  const add = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" };
  const window = new Int32Array(corpus.validation.read(0, 16 * CONTEXT));
  const logits: Float32Array[] = [];
  let [before, after] = [Number.NaN, Number.NaN];
  for await (const event of run.events()) {
    if (event.type === "step" && event.step === 60) await run.grow({ add, ...plan });
    if (event.type === "step" && event.step === 90) before = Number((await run.grow({ add, ...plan })).lossBefore);
    if (event.type === "step" && (event.step === 90 || event.step === 91)) {
      logits.push((await run.trainer.inference.logits(window, [16, CONTEXT])).data);
    }
    if (event.type === "validation") after = event.validationLoss;
  }
  await run.close();
  const [old, now] = logits;
  const squares = Array.from(now ?? [], (logit, index) => (logit - (old?.[index] ?? Number.NaN)) ** 2);
  return { before, after, moved: Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length) };
}

it.each(parametrisations)(
  "after a growth of twice the tokens at a high rate, the loss of a %s model is no higher 20 updates later",
  async (parametrisation) => {
    const eased = await afterGrowth(parametrisation, {});
    expect(eased.after).toBeLessThan(eased.before);
    // What makes it so: without a warm-up of new tokens the first update moves the function further, where their keys are fast.
    const sudden = await afterGrowth(parametrisation, { newRate: 1, newWarmup: 0 });
    expect(sudden.moved).toBeGreaterThan((parametrisation === "published" ? 2 : 1.2) * eased.moved);
  },
);
