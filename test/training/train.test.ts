import { cp, readFile, writeFile } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import { loadCheckpoint, readMetrics } from "../../src/checkpoint/index.ts";
import { inProcessCommunicators } from "../../src/cluster/index.ts";
import { openDevice } from "../../src/runtime/index.ts";
import { inputName, printType } from "../../src/tensor/index.ts";
import { createCorpus, memoryTokens, Random } from "../../src/text/index.ts";
import { openRun, train } from "../../src/training/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import {
  bigramModel,
  corpus,
  lossesOf,
  measured,
  ofType,
  only,
  tinyConfig,
  tokenformerModel,
  tokenizer,
  told,
  trained,
  transformerModel,
  writeText,
} from "./support.ts";

const device = useDevice();
const folder = useFolder();

const mean = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

describe("the events", () => {
  it("come in order", async () => {
    const config = tinyConfig({ steps: 7, evaluateEvery: 3, checkpointEvery: 2, warmup: 0 });
    const events = await trained({ config, out: folder.at("run"), device: device() });
    const names = events.map((event) =>
      event.type === "checkpoint" && event.best ? `best ${event.step}` : told([event]),
    );
    expect(names.join(", ")).toBe(
      "start 0, validation 0, step 1, step 2, checkpoint 2, step 3, validation 3, best 3, step 4, checkpoint 4, " +
        "step 5, step 6, validation 6, best 6, checkpoint 6, step 7, validation 7, best 7, checkpoint 7, end 7",
    );
    expect(ofType(events, "checkpoint").map(({ directory }) => directory)).toEqual(
      ["run", "run/best", "run", "run/best", "run", "run/best", "run"].map((name) => folder.at(...name.split("/"))),
    );
  });

  it("without a folder, evaluations and checkpoints are the steps and two validations", async () => {
    const events = await trained({ config: tinyConfig({ steps: 2 }), device: device() });
    expect(told(events)).toBe("start 0, validation 0, step 1, step 2, validation 2, end 2");
  });

  it("count tokens and operations, and tell what is trained", async () => {
    const events = await trained({ config: tinyConfig({ steps: 3 }), device: device() });
    const start = only(ofType(events, "start"));
    expect(start.data).toEqual({
      name: "cats",
      trainTokens: corpus.train.length,
      validationTokens: corpus.validation.length,
      vocabulary: tokenizer.vocabularySize,
    });
    expect(start.config.model.vocabulary).toBe(tokenizer.vocabularySize);
    const steps = ofType(events, "step");
    expect(steps.map(({ tokens }) => tokens)).toEqual([35, 70, 105]);
    expect(steps.map(({ flops }) => flops)).toEqual([35, 70, 105].map((tokens) => tokens * start.flopsPerToken));
    expect(steps.map(({ learningRate }) => learningRate)).toEqual([0.0025, 0.005, 0.0075]);
    expect(only(ofType(events, "end"))).toMatchObject({ step: 3, interrupted: false });
  });

  it("of a validation give one loss in three units", async () => {
    const [, last] = ofType(await trained({ config: tinyConfig({ steps: 1 }), device: device() }), "validation");
    expect(last?.perplexity).toBe(Math.exp(last?.validationLoss ?? Number.NaN));
    // A character of this text is a byte.
    expect(last?.bitsPerByte).toBeCloseTo((last?.validationLoss ?? Number.NaN) / Math.LN2, 12);
  });

  it("are the lines of metrics.jsonl", async () => {
    const growth = [{ step: 2, add: { query: 3 } }];
    const config = tinyConfig({ steps: 5, evaluateEvery: 2 }, { growth });
    const events = await trained({ config, out: folder.at("run"), device: device() });
    const expected = events.flatMap((event): object[] => {
      const { type, step, ...others } = event;
      if (type === "growth") return [{ step, growth: others }];
      return type === "step" || type === "validation" ? [{ step, ...others }] : [];
    });
    expect(await readMetrics(folder.at("run", "metrics.jsonl"))).toEqual(expected);
    const text = await readFile(folder.at("run", "metrics.jsonl"), "utf8");
    expect(
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(expected);
  });
});

describe("the checkpoints", () => {
  it("keep the best by validation loss beside the last", async () => {
    // The characters of the text in any order: their frequencies can be learned, and what follows what misleads.
    const random = Random.from("shuffled");
    const shuffled = corpus.train.read(0, 210).map((_, i, ids) => ids[random.integer(210)] ?? i);
    const data = createCorpus("shuffled", tokenizer, { train: corpus.train, validation: memoryTokens(shuffled) });
    const config = tinyConfig({ steps: 20, evaluateEvery: 2, learningRate: 0.05, schedule: "constant", warmup: 0 });
    const events = await trained({ config, data, out: folder.at("run"), device: device() });
    const validations = ofType(events, "validation").filter(({ step }) => step > 0);
    const least = validations.reduce((best, event) => (event.validationLoss < best.validationLoss ? event : best));
    const best = await loadCheckpoint(folder.at("run", "best"));
    const last = await loadCheckpoint(folder.at("run"));
    expect(best.state.step).toBe(least.step);
    expect(best.progress.best).toEqual({ step: least.step, validationLoss: least.validationLoss });
    expect(last.progress.best).toEqual(best.progress.best);
    expect(last.state.step).toBe(20);
    expect(least.step).toBeLessThan(20);
  });

  it("keep a best one that is newer than the last, which the run goes on from, until there is a better one", async () => {
    const at = (learningRate: number) =>
      tinyConfig({ steps: 12, evaluateEvery: 4, learningRate, schedule: "constant", warmup: 0 });
    const options = { data: corpus, out: folder.at("run"), device: device() };
    const run = await openRun({ config: at(1e-2), ...options });
    for await (const event of run.events()) if (event.type === "step" && event.step === 9) break;
    await run.close();
    const kept = await loadCheckpoint(folder.at("run", "best"));
    expect([kept.state.step, (await loadCheckpoint(folder.at("run"))).state.step]).toEqual([8, 0]);
    const slow = await trained({ config: at(1e-4), resume: true, ...options });
    expect(told(slow)).toMatch(/^start 0, validation 0, step 1, .*step 12, validation 12, checkpoint 12, end 12$/);
    expect((await loadCheckpoint(folder.at("run", "best"))).state).toEqual(kept.state);
    expect((await loadCheckpoint(folder.at("run"))).progress.best).toEqual(kept.progress.best);
    // One that cannot be read might be better, too.
    await writeFile(folder.at("run", "best", "training.json"), "{");
    await expect(openRun({ config: { ...at(1e-4) }, resume: true, ...options })).rejects.toThrow(
      /best\/training\.json:.*; or remove \S+best, to go on without the best checkpoint so far$/,
    );
  });

  it("keep the best one that the first of several ranks has", async () => {
    const at = (steps: number, learningRate: number) =>
      tinyConfig({ steps, evaluateEvery: 4, learningRate, schedule: "constant", warmup: 0 });
    const out = folder.at("run");
    const run = await openRun({ config: at(9, 1e-2), data: corpus, out, device: device() });
    for await (const event of run.events()) if (event.type === "step" && event.step === 9) break;
    await run.close();
    // Another machine has the checkpoint alone.
    await cp(out, folder.at("elsewhere"), { recursive: true, filter: (file) => !file.endsWith("best") });
    const kept = await loadCheckpoint(folder.at("run", "best"));
    const found = await Promise.all(
      inProcessCommunicators(2).map(async (communicator, rank) => {
        const own = await openDevice("cpu", { threads: 1 });
        if (rank > 0) Object.assign(communicator, { host: "another" });
        const place = { out: rank === 0 ? out : folder.at("elsewhere"), device: own, communicator };
        const events = await trained({ config: at(12, 1e-4), resume: true, ...place });
        await own.close();
        return told(events);
      }),
    );
    expect(found[0]).toMatch(/validation 8, step 9, .*validation 12, checkpoint 12, end 12$/);
    expect(found[1]).toBe(found[0]);
    expect((await loadCheckpoint(folder.at("run", "best"))).state).toEqual(kept.state);
  });
});

describe("training", () => {
  it.each([
    ["tokenformer", { ...tokenformerModel, dropout: 0.1 }, 0.75],
    ["transformer", { ...transformerModel, dropout: 0.1 }, 0.75],
    ["bigram", bigramModel, 0.75],
  ] as const)("a %s learns", async (_, model, share) => {
    const config = tinyConfig({ steps: 80, learningRate: 3e-2 }, {}, model);
    const losses = lossesOf(await trained({ config, device: device() }));
    expect(mean(losses.slice(-10))).toBeLessThan(share * mean(losses.slice(0, 3)));
  });

  it("gives the same bits for the same seed and others for another", async () => {
    const of = async (seed: number) => {
      const config = tinyConfig({ seed }, {}, { ...tokenformerModel, dropout: 0.2 });
      return ofType(await trained({ config, device: device() }), "step").map(measured);
    };
    const [first, again, other] = [await of(1), await of(1), await of(2)];
    expect(again).toEqual(first);
    expect(new Set([...first, ...other].map(({ loss }) => loss)).size).toBe(24);
  });

  it("draws other dropout masks at each step", async () => {
    // One window of text, and weights that stay: only the masks differ from step to step.
    const one = memoryTokens(corpus.train.read(0, 8));
    const same = createCorpus("one window", tokenizer, { train: one, validation: one });
    const options = { steps: 4, batch: 1, learningRate: 1e-30, weightDecay: 0 };
    const of = async (dropout: number) => {
      const config = tinyConfig(options, {}, { ...tokenformerModel, dropout });
      return new Set(lossesOf(await trained({ config, data: same, device: device() }))).size;
    };
    expect(await of(0)).toBe(1);
    expect(await of(0.3)).toBe(4);
  });

  it("leaves an opened device and corpus open, and closes what it opened", async () => {
    const config = tinyConfig({ steps: 1 });
    await trained({ config, device: device() });
    expect(told(await trained({ config, device: device() }))).toContain("end 1");
    const ids = new Uint16Array(corpus.train.read(0, 100));
    for (const name of ["train.bin", "val.bin"]) await writeFile(folder.at(name), ids);
    await writeFile(folder.at("tokenizer.json"), JSON.stringify(tokenizer.toJSON()));
    const run = await openRun({ config, data: folder.at() });
    expect(run.corpus.validation.read(0, 1)).toHaveLength(1);
    await run.close();
    expect(() => run.corpus.train.read(0, 1)).toThrow("after it was closed");
    expect(() => run.corpus.validation.read(0, 1)).toThrow("after it was closed");
    await expect(run.trainer.device.dispose([])).rejects.toThrow("the device is closed");
  });

  it("opens a text by its name and lets go of it where the reader stops early", async () => {
    const data = await writeText(folder.at("cats.txt"));
    const seen = [];
    for await (const event of train({ config: tinyConfig(), data, out: folder.at("run") })) {
      seen.push(event);
      if (event.step === 2) break;
    }
    expect(told(seen)).toBe("start 0, validation 0, step 1, step 2");
    const records = await readMetrics(folder.at("run", "metrics.jsonl"));
    expect(records.map(({ step }) => step)).toEqual([0, 1, 2]);
  });
});

describe("a run is refused", () => {
  const message = async (options: Parameters<typeof trained>[0]) =>
    (await failure(trained({ device: device(), ...options }))).replaceAll(folder.at(), "<folder>");

  it("in a folder that already holds one", async () => {
    const options = { config: tinyConfig({ steps: 1 }), out: folder.at("run") };
    await trained({ ...options, device: device() });
    const before = await readFile(folder.at("run", "metrics.jsonl"), "utf8");
    expect(await message(options)).toMatchInlineSnapshot(
      `"UserError: <folder>/run: already holds a run; go on with --resume, or choose another folder"`,
    );
    expect(await readFile(folder.at("run", "metrics.jsonl"), "utf8")).toBe(before);
    expect(told(await trained({ ...options, resume: true, device: device() }))).toBe("start 1, end 1");
  });

  it("on a text that is shorter than the context", async () => {
    const short = (count: number) => createCorpus("short", tokenizer, memoryTokens(corpus.train.read(0, count)));
    // Of 71 tokens the last 8 are for validation: one window and the token after it.
    expect(told(await trained({ config: tinyConfig({ steps: 1 }), data: short(71), device: device() }))).toMatch(
      /end 1$/,
    );
    expect(await message({ config: tinyConfig(), data: short(70) })).toMatchInlineSnapshot(
      `"UserError: short: the validation part has 7 tokens, expected at least 8 for a context of 7; give a longer text or a smaller context"`,
    );
    expect(await message({ config: tinyConfig(), data: short(8) })).toMatchInlineSnapshot(
      `"UserError: short: the training part has 7 tokens, expected at least 8 for a context of 7; give a longer text or a smaller context"`,
    );
    const long = tinyConfig({}, {}, { ...tokenformerModel, context: 5000 });
    expect(await message({ config: long, out: folder.at("run") })).toMatchInlineSnapshot(
      `"UserError: cats: the training part has 3456 tokens, expected at least 5001 for a context of 5000; give a longer text or a smaller context"`,
    );
    await expect(readFile(folder.at("run", "config.json"))).rejects.toThrow("ENOENT");
  });

  it("with a vocabulary smaller than the tokenizer's", async () => {
    const config = tinyConfig({}, {}, { ...tokenformerModel, vocabulary: 3 });
    expect(await message({ config })).toMatchInlineSnapshot(
      `"UserError: the configuration: model.vocabulary is 3, but the tokenizer has 15 tokens; leave it out or raise it"`,
    );
  });

  it("below a regular file", async () => {
    await writeFile(folder.at("file"), "");
    expect(await message({ config: tinyConfig(), out: folder.at("file", "run") })).toMatchInlineSnapshot(
      `"UserError: cannot write <folder>/file/run: a part of its path is a file where a folder should be; check the path"`,
    );
    expect(await message({ config: tinyConfig(), out: folder.at("file") })).toMatchInlineSnapshot(
      `"UserError: cannot write <folder>/file: there is a file where a folder should be; remove it or check the path"`,
    );
  });
});

it("compiles the update for the context of its batches alone", async () => {
  const compile = vi.spyOn(device(), "compile");
  const run = await openRun({ config: tinyConfig(), data: corpus, device: device() });
  const shapes = compile.mock.calls.flatMap(([{ name, inputs }]) =>
    name === "gradients" ? inputs.filter((tensor) => inputName(tensor) === "tokens").map(printType) : [],
  );
  compile.mockRestore();
  await run.close();
  expect(shapes).toEqual(["int32[B, 7]"]);
});
