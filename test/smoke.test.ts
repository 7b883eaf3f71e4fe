/** The whole stack once, as small as it goes: trains and grows on the way, measures, writes, grows again and goes on. */

import { expect, it } from "vitest";
import { json, TINY, useCommandLine } from "./support/command-line.ts";

const { answer } = useCommandLine();

it("trains, grows, measures, writes, exports and goes on", async () => {
  const train = ["train", "--data", "text.txt", ...TINY, "--out", "run", "--json"];
  const trained = json(await answer(...train, "--grow-at", "3:ffn=x2"));
  expect(trained).toMatchObject({ step: 6, interrupted: false });
  const { validationLoss } = trained as { validationLoss: number };
  const measured = json(await answer("eval", "run", "--json")) as { loss: number };
  expect(measured.loss).toBeCloseTo(validationLoss, 5);
  expect(await answer("sample", "run", "--prompt", "the whale", "--tokens", "9")).toMatch(/^the whale.{9}\n$/s);
  const grown = json(await answer("grow", "run", "--to", "grown", "--add", "all=x2", "--json"));
  const { maxLogitDifference, logitScale } = grown as { maxLogitDifference: number; logitScale: number };
  expect(maxLogitDifference).toBeLessThanOrEqual(1e-6 * logitScale);
  await answer("train", "--resume", "--out", "grown", "--set", "training.steps=8");
  await answer("export", "grown", "--format", "safetensors", "--to", "published", "--convert");
  await answer("import", "published", "--to", "again");
  expect(json(await answer("inspect", "again", "--json"))).toMatchObject({ step: 0, config: { model: { width: 16 } } });
});
