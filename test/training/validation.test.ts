/** What a run is evaluated on, and how bits per byte come of it. */

import { expect, it } from "vitest";
import { CharacterTokenizer, consecutiveBatches, createCorpus, memoryTokens } from "../../src/text/index.ts";
import { openRun } from "../../src/training/index.ts";
import { Validation } from "../../src/training/portable.ts";
import { useDevice } from "../support/device.ts";
import { ofType, only, tinyConfig, trained } from "./support.ts";

const device = useDevice("cpu", { threads: 1 });

// Held out: one byte a token in the first half, three in the second.
const heldOut = `${"ab".repeat(20)}${"€".repeat(41)}`;
const tokenizer = CharacterTokenizer.fromText(heldOut);
const corpus = createCorpus("unequal", tokenizer, {
  train: memoryTokens(tokenizer.encode("ab€".repeat(50))),
  validation: memoryTokens(tokenizer.encode(heldOut)),
});

it.each([
  // 35 of one byte; 39 and 3; all but the first; as few as one window.
  [35, 35, 35],
  [48, 42, 39 + 3 * 3],
  [0, 80, 39 + 3 * 41],
  [1, 7, 7],
  [1000, 80, 39 + 3 * 41],
])("counts the bytes of just the tokens that are predicted (up to %d)", (evaluationTokens, tokens, bytes) => {
  const validation = new Validation(corpus, { context: 7, evaluationTokens });
  expect([validation.tokens, validation.bytes]).toEqual([tokens, bytes]);
  const batches = [...validation.batches()];
  expect(batches.reduce((sum, { targets }) => sum + targets.length, 0)).toBe(tokens);
  expect(batches).toEqual([...consecutiveBatches(corpus.validation, { context: 7, maxTokens: tokens })]);
  expect(validation.bitsPerByte(Math.LN2)).toBeCloseTo(tokens / bytes, 12);
});

it.each([
  [35, 1],
  [0, 80 / 162],
])("tells of a run on %d of the tokens what they take", async (evaluationTokens, tokensPerByte) => {
  const config = tinyConfig({ steps: 1, evaluationTokens });
  const events = await trained({ config, data: corpus, device: device() });
  const { validationLoss, bitsPerByte } = only(ofType(events, "validation").slice(1));
  expect(bitsPerByte).toBeCloseTo((validationLoss / Math.LN2) * tokensPerByte, 10);
});

it("is of the run's own model", async () => {
  const run = await openRun({ config: tinyConfig(), data: corpus, device: device() });
  const validation = new Validation(corpus, { context: 7, evaluationTokens: 70 });
  for await (const event of run.events()) {
    if (event.type !== "validation") continue;
    expect(await validation.loss(run.trainer.inference)).toBe(event.validationLoss);
    break;
  }
  await run.close();
});
