import { writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadCheckpoint, readMetrics } from "../../src/checkpoint/index.ts";
import { growRun, openRun } from "../../src/training/index.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, tinyConfig, trained } from "./support.ts";

const device = useDevice("cpu");
const folder = useFolder();

it("a run that has stopped grows into another folder, with its metrics, and goes on there", async () => {
  const [from, to] = [folder.at("small"), folder.at("large")];
  const growth = [{ step: 2, add: { value: 2 } }];
  await trained({ config: tinyConfig({ steps: 3 }, { growth }), out: from, device: device() });
  const text = corpus.tokenizer.decode(Int32Array.from(corpus.validation.read(0, corpus.validation.length)));
  const data = folder.at("text.txt");
  await writeFile(data, text.repeat(20));
  const { checkpoint, report } = await growRun({ from, to, plan: { add: { query: 3 } }, data });
  expect(report.maxLogitDifference).toBe(0);
  const saved = await loadCheckpoint(to);
  expect(saved.config).toEqual(checkpoint.config);
  expect(saved.config.growth).toMatchObject([...growth, { step: 3, add: { query: 3 } }]);
  expect(saved.config.model).toEqual(saved.state.config);
  expect(saved.progress.growthsDone).toBe(2);
  // The lowest loss so far is that of a model which is not there.
  expect((await loadCheckpoint(from)).progress.best).toBeDefined();
  expect(saved.progress.best).toBeUndefined();
  const { parametersBefore, parametersAfter } = report;
  expect((await readMetrics(`${to}/metrics.jsonl`)).at(-1)).toMatchObject({
    step: 3,
    growth: { parametersBefore, parametersAfter },
  });
  // By the configuration of before, whose growth is a part of what has been applied since.
  const run = await openRun({
    config: tinyConfig({ steps: 5 }, { growth }),
    data: corpus,
    out: to,
    resume: true,
    device: device(),
  });
  expect(run.config.model).toEqual(saved.config.model);
  for await (const _ of run.events());
  expect(run.trainer.step).toBe(5);
  expect(run.config.growth).toEqual(saved.config.growth);
  await run.close();
});
