import { mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { hasCheckpoint, loadCheckpoint, loadConfig, loadSummary, saveCheckpoint } from "../../src/checkpoint/index.ts";
import type { Checkpoint } from "../../src/checkpoint/portable.ts";
import type { TrainingEvent } from "../../src/configuration/index.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/formats/index.ts";
import { CharacterTokenizer } from "../../src/text/index.ts";
import { openRun, type Run } from "../../src/training/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { corpus, tokenformerModel as oneLayer, tinyConfig, tokenizer } from "../training/support.ts";

const device = useDevice("cpu", { threads: 1 });
const folder = useFolder();

const FILES = ["config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "training.json"];

let made: Promise<Checkpoint> | undefined;

/** The checkpoint of a run that has grown and is amid a ramp, with frozen tokens and a second warm-up; made once. */
function grownCheckpoint(): Promise<Checkpoint> {
  made ??= makeCheckpoint();
  return made;
}

async function makeCheckpoint(): Promise<Checkpoint> {
  const growth = [{ step: 2, add: { feedForward: 5 }, rampSteps: 50, freeze: 20, newWarmup: 17, rewarm: 30 }];
  const config = tinyConfig({ steps: 4 }, { growth }, { ...oneLayer, layers: 2 });
  const run = await openRun({ config, data: corpus, device: device() });
  for await (const _ of run.events());
  const state = await run.state();
  await run.close();
  const best = { step: 3, validationLoss: 2.5 };
  const progress = { start: 0, tokens: 140, flops: 12_345_678.5, seconds: 0.125, growthsDone: 1, best };
  return { config: { ...config, model: state.config }, state, tokenizer, dataName: "cats", progress };
}

const namesIn = async (directory: string) => new Set(await readdir(directory));

const withoutTokenizer = ({ tokenizer: _, ...others }: Checkpoint) => others;

describe("a checkpoint", () => {
  it("may have its weights as halves, without moments, as copies that are handed out have", async () => {
    await saveCheckpoint(folder.at("run"), await grownCheckpoint());
    const file = `${folder.at("run")}/model.safetensors`;
    const { tensors } = await readSafetensors(file);
    await writeSafetensors(file, tensors, { dtype: "F16" });
    await rm(`${folder.at("run")}/optimizer.safetensors`);
    const { state } = await loadCheckpoint(folder.at("run"));
    expect(state.moments).toBeUndefined();
    const exact = (await grownCheckpoint()).state.parameters;
    for (const [name, { data, shape }] of state.parameters) {
      expect(shape).toEqual(exact.get(name)?.shape);
      // Eleven bits of each number.
      for (const [index, value] of data.entries())
        expect(Math.abs(value - (exact.get(name)?.data[index] ?? 0)), name).toBeLessThanOrEqual(
          2 ** -11 * Math.abs(value) + 2 ** -25,
        );
    }
  });

  it("holds everything", async () => {
    const saved = await grownCheckpoint();
    await saveCheckpoint(folder.at("run"), saved);
    expect(await namesIn(folder.at("run"))).toEqual(new Set(FILES));
    const loaded = await loadCheckpoint(folder.at("run"));
    expect(withoutTokenizer(loaded)).toEqual(withoutTokenizer(saved));
    expect(loaded.tokenizer?.toJSON()).toEqual(tokenizer.toJSON());
    expect(await loadConfig(folder.at("run"))).toEqual(saved.config);
    // What is compared is there.
    const { lineage, ramps, rewarm, moments } = loaded.state;
    expect(lineage.get("blocks.1.feedForward")).toMatchObject([
      { updates: 2, frozenUntil: 22 },
      { tokens: 5, born: 2, warmup: 17 },
    ]);
    expect(ramps.map(({ site }) => site)).toEqual(["blocks.0.feedForward", "blocks.1.feedForward"]);
    expect(rewarm).toEqual({ start: 2, steps: 30 });
    expect(moments?.second.get("blocks.0.feedForward.keys")?.data.some((value) => value > 0)).toBe(true);
  });

  it("of before there was a warm-up of new tokens grows without one", async () => {
    await saveCheckpoint(folder.at("run"), await grownCheckpoint());
    const file = folder.at("run/config.json");
    const text = await readFile(file, "utf8");
    const older = text.replace(/\s*"newWarmup": 17,/, "");
    expect(older).not.toBe(text);
    await writeFile(file, older);
    const growth = [{ newWarmup: 0, rewarm: 30 }];
    expect((await loadConfig(folder.at("run"))).growth).toMatchObject(growth);
    expect((await loadSummary(folder.at("run"))).config.growth).toMatchObject(growth);
    expect((await loadCheckpoint(folder.at("run"))).config.growth).toMatchObject(growth);
  });

  it("of weights alone has no moments", async () => {
    const { state, ...others } = await grownCheckpoint();
    const { best: _, ...progress } = others.progress;
    const saved = { ...others, progress, state: { ...state, moments: undefined, rewarm: undefined, ramps: [] } };
    await saveCheckpoint(folder.at("run"), saved);
    expect(withoutTokenizer(await loadCheckpoint(folder.at("run")))).toEqual(withoutTokenizer(saved));
  });

  it("replaces the one before", async () => {
    const first = await grownCheckpoint();
    await saveCheckpoint(folder.at("run"), first);
    const second = { ...first, state: { ...first.state, step: 5 }, dataName: "dogs" };
    await saveCheckpoint(folder.at("run"), second);
    const { state, dataName } = await loadCheckpoint(folder.at("run"));
    expect({ step: state.step, dataName }).toEqual({ step: 5, dataName: "dogs" });
    expect(await namesIn(folder.at("run"))).toEqual(new Set(FILES));
  });

  it("is there or not", async () => {
    expect(await hasCheckpoint(folder.at("run"))).toBe(false);
    await mkdir(folder.at("run"));
    expect(await hasCheckpoint(folder.at("run"))).toBe(false);
    await saveCheckpoint(folder.at("run"), await grownCheckpoint());
    expect(await hasCheckpoint(folder.at("run"))).toBe(true);
  });
});

const at = (name: string) => folder.at("run", name);

/** Changes a piece of a file, which must be there. */
async function replaceIn(name: string, old: string, replacement: string): Promise<void> {
  const contents = await readFile(at(name), "utf8");
  if (!contents.includes(old)) throw new Error(`${name} has no ${old}`);
  await writeFile(at(name), contents.replace(old, replacement));
}

async function changeTensors(name: string, change: (tensors: Map<string, StoredTensor>) => void): Promise<void> {
  const { tensors } = await readSafetensors(at(name));
  change(tensors);
  await writeSafetensors(at(name), tensors);
}

const KEYS = "blocks.1.attention.query.keys";
const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((product, n) => product * n, 1)) });

/** What loading a damaged checkpoint says. */
async function complaint(damage: () => Promise<void>): Promise<string> {
  await saveCheckpoint(folder.at("run"), await grownCheckpoint());
  await damage();
  const message = await failure(loadCheckpoint(folder.at("run")));
  expect(message).toMatch(/^UserError: [^\n]+$/);
  return message.replaceAll(folder.at(), "<folder>");
}

it("may lack a tokenizer and the optimiser's state, as a model from elsewhere does", async () => {
  const saved = await grownCheckpoint();
  await saveCheckpoint(folder.at("run"), saved);
  for (const name of ["optimizer.safetensors", "tokenizer.json"]) await rm(at(name));
  const { state, ...others } = saved;
  const expected = { ...others, tokenizer: undefined, state: { ...state, moments: undefined } };
  expect(await loadCheckpoint(folder.at("run"))).toEqual(expected);
});

describe("damage is told in a line", () => {
  it.each(["config.json", "model.safetensors", "training.json"])("without %s", async (name) => {
    expect(await complaint(() => rm(at(name)))).toBe(
      `UserError: cannot read <folder>/run/${name}: there is no such file; check the path`,
    );
  });

  it("in model.safetensors cut short", async () => {
    const size = 1000;
    expect(await complaint(() => truncate(at("model.safetensors"), size))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: expected a header of 2080 bytes, found 992; the file is damaged or no safetensors file: copy or write it again"`,
    );
    expect(
      await complaint(async () =>
        truncate(at("model.safetensors"), (await readFile(at("model.safetensors"))).length - 4),
      ),
    ).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: tensor "finalNorm.scale": expected data up to byte 7728, found 7724 bytes in all; the file is damaged or no safetensors file: copy or write it again"`,
    );
    expect(await complaint(() => truncate(at("optimizer.safetensors"), 7))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/optimizer.safetensors: expected at least 8 bytes, found 7; the file is damaged or no safetensors file: copy or write it again"`,
    );
  });

  it("in a tensor of another shape or type, one too many or too few", async () => {
    const changed = (change: (tensors: Map<string, StoredTensor>) => void, name = "model.safetensors") =>
      complaint(() => changeTensors(name, change));
    expect(await changed((tensors) => tensors.set(KEYS, zeros(12, 5)))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: the tensor "blocks.1.attention.query.keys" is [12, 5], expected [5, 12] by config.json; restore the files that belong together"`,
    );
    expect(await changed((tensors) => tensors.set(KEYS, zeros(60)))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: the tensor "blocks.1.attention.query.keys" is [60], expected [5, 12] by config.json; restore the files that belong together"`,
    );
    expect(
      await changed((tensors) => tensors.set(KEYS, { shape: [5, 12], data: new Int32Array(60) })),
    ).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: the tensor "blocks.1.attention.query.keys" is I32, expected F32, F16 or BF16"`,
    );
    expect(await changed((tensors) => tensors.set("blocks.2.extra", zeros(3)))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: holds a tensor "blocks.2.extra" that the model of config.json does not have"`,
    );
    expect(await changed((tensors) => tensors.delete(KEYS))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: the tensor "blocks.1.attention.query.keys" is missing, expected float32 [5, 12]"`,
    );
    expect(await changed((tensors) => tensors.delete(`first.${KEYS}`), "optimizer.safetensors")).toMatchInlineSnapshot(
      `"UserError: <folder>/run/optimizer.safetensors: the tensor "first.blocks.1.attention.query.keys" is missing, expected float32 [5, 12]"`,
    );
    expect(
      await changed((tensors) => tensors.set(`second.${KEYS}`, zeros(5, 13)), "optimizer.safetensors"),
    ).toMatchInlineSnapshot(
      `"UserError: <folder>/run/optimizer.safetensors: the tensor "second.blocks.1.attention.query.keys" is [5, 13], expected [5, 12] by config.json; restore the files that belong together"`,
    );
  });

  it("in config.json", async () => {
    const replaced = (old: string, replacement: string) => complaint(() => replaceIn("config.json", old, replacement));
    expect(await complaint(() => writeFile(at("config.json"), "no\nJSON"))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json:1:1: this is not JSON; correct the file or write it again"`,
    );
    expect(await complaint(() => writeFile(at("config.json"), ""))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json:1:1: the file is empty; correct the file or write it again"`,
    );
    expect(await replaced('"layers"', '"lairs"')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json: model.layers: is missing, expected a number (and 1 more); correct the file"`,
    );
    expect(await replaced('"batch": 5', '"batch": 5, "bach": 7')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json: training: unknown key "bach"; correct the file"`,
    );
    expect(await replaced('"formatVersion": 1', '"formatVersion": 2')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json: has format version 2, this program reads up to 1; install a newer tokenformer"`,
    );
    expect(await replaced('"formatVersion": 1', '"formatVersion": -1')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json: formatVersion: is -1, expected 1; correct the file"`,
    );
    expect(await replaced('"width": 12', '"width": 13')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json: model.heads: width 13 is not divisible by 2 heads; use a multiple of 2 as width, or 1 head"`,
    );
    expect(await replaced('"layers": 2', '"layers": 3')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: the tensor "blocks.2.attention.query.keys" is missing, expected float32 [5, 12]"`,
    );
  });

  it("in training.json", async () => {
    const replaced = (old: string, replacement: string) =>
      complaint(() => replaceIn("training.json", old, replacement));
    expect(await replaced('"formatVersion": 1', '"formatVersion": 2')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/training.json: has format version 2, this program reads up to 1; install a newer tokenformer"`,
    );
    expect(await replaced('"tokens": 5', '"tokens": 4')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/training.json: the lineage of blocks.0.attention.query has 4 tokens, config.json has 5; restore the files of one checkpoint"`,
    );
    expect(await replaced('"blocks.0.attention.query"', '"blocks.9.attention.query"')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/training.json: the lineage of blocks.0.attention.query has 0 tokens, config.json has 5; restore the files of one checkpoint"`,
    );
    expect(await replaced('"step": 4', '"step": -4')).toMatchInlineSnapshot(
      `"UserError: <folder>/run/training.json: step: is -4, expected a number of at least 0; correct the file"`,
    );
    expect(await complaint(() => writeFile(at("training.json"), "{}"))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/training.json: step: is missing, expected a number (and 5 more); correct the file"`,
    );
  });

  it("in tokenizer.json", async () => {
    const larger = CharacterTokenizer.fromText("a much larger vocabulary, 0123456789");
    expect(await complaint(() => writeFile(at("tokenizer.json"), JSON.stringify(larger)))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/config.json: model.vocabulary is 15, but the tokenizer has 25 tokens; leave it out or raise it"`,
    );
    expect(await complaint(() => writeFile(at("tokenizer.json"), "{}"))).toMatchInlineSnapshot(
      `"UserError: <folder>/run/tokenizer.json: is no usable tokenizer (it has no model), expected the contents of a Hugging Face tokenizer.json; take the file from a published model or train one"`,
    );
    expect(await complaint(() => writeFile(at("tokenizer.json"), "no JSON"))).toBe(
      "UserError: <folder>/run/tokenizer.json:1:1: this is not JSON; correct the file or write it again",
    );
  });
});

describe("a checkpoint that cannot be saved", () => {
  const refusal = async (directory: string) => {
    const message = await failure(saveCheckpoint(directory, await grownCheckpoint()));
    expect(message).toMatch(/^UserError: [^\n]+$/);
    return message.replaceAll(folder.at(), "<folder>");
  };

  it("below a regular file leaves the file", async () => {
    await writeFile(folder.at("file"), "mine");
    expect(await refusal(folder.at("file", "run"))).toMatchInlineSnapshot(
      `"UserError: cannot write <folder>/file/run: a part of its path is a file where a folder should be; check the path"`,
    );
    expect(await refusal(folder.at("file"))).toMatchInlineSnapshot(
      `"UserError: cannot write <folder>/file: there is a file where a folder should be; remove it or check the path"`,
    );
    expect(await readFile(folder.at("file"), "utf8")).toBe("mine");
    expect(await readdir(folder.at())).toEqual(["file"]);
  });

  it("over a folder leaves the folder as it was", async () => {
    await mkdir(folder.at("run", "tokenizer.json"), { recursive: true });
    expect(await refusal(folder.at("run"))).toMatchInlineSnapshot(
      `"UserError: cannot write <folder>/run/tokenizer.json: it is a folder, not a file; check the path"`,
    );
    expect(await readdir(folder.at("run"))).toEqual(["tokenizer.json"]);
  });

  it.skipIf(process.platform !== "linux")("where even root may not write says so", async () => {
    expect(await refusal("/sys/kernel/tokenformer")).toMatch(
      /^UserError: cannot write \/sys\/kernel\/tokenformer: .+; .+$/,
    );
  });

  it("with a tensor that does not fit its shape leaves the one before", async () => {
    const saved = await grownCheckpoint();
    await saveCheckpoint(folder.at("run"), saved);
    const parameters = new Map(saved.state.parameters).set(KEYS, { shape: [7, 12], data: new Float32Array(60) });
    const broken = { ...saved, state: { ...saved.state, step: 5, parameters } };
    const message = await failure(saveCheckpoint(folder.at("run"), broken));
    expect(message.replaceAll(folder.at(), "<folder>")).toMatchInlineSnapshot(
      `"UserError: <folder>/run/model.safetensors: tensor "blocks.1.attention.query.keys": expected 84 elements for shape [7, 12], found 60; correct the shape or the data"`,
    );
    expect(await namesIn(folder.at("run"))).toEqual(new Set(FILES));
    expect(withoutTokenizer(await loadCheckpoint(folder.at("run")))).toEqual(withoutTokenizer(saved));
  });

  const IN_THE_WAY =
    "UserError: cannot write <folder>/run/best: there is a file where a folder should be; remove it or check the path";

  const opened = (steps: number) => {
    const config = tinyConfig({ steps, evaluateEvery: 2 }, {}, oneLayer);
    return openRun({ config, data: corpus, out: folder.at("run"), resume: true, device: device() });
  };

  /** What ends a run, and its checkpoints until then. */
  async function endOf(run: Run): Promise<{ message: string; saved: TrainingEvent[] }> {
    const saved: TrainingEvent[] = [];
    const follow = async () => {
      for await (const event of run.events()) if (event.type === "checkpoint") saved.push(event);
    };
    const message = (await failure(follow())).replaceAll(folder.at(), "<folder>");
    await run.close();
    return { message, saved };
  }

  it("of the best in mid-run ends the run with a line, once what it learnt is saved", async () => {
    const run = await opened(5);
    await writeFile(folder.at("run", "best"), "in the way");
    const last = { type: "checkpoint", step: 2, directory: folder.at("run"), best: false };
    expect(await endOf(run)).toEqual({ message: IN_THE_WAY, saved: [last] });
    const { state, progress } = await loadCheckpoint(folder.at("run"));
    expect([state.step, progress.best?.step], "the lowest loss is the one from before").toEqual([2, 0]);
    expect(await namesIn(folder.at("run"))).toEqual(new Set([...FILES, "best", "metrics.jsonl"]));
    const message = await failure(opened(5));
    expect(message.replaceAll(folder.at(), "<folder>"), "before anything is trained").toBe(IN_THE_WAY);
    await rm(folder.at("run", "best"));
    await mkdir(folder.at("run", "best", "model.safetensors"), { recursive: true });
    expect((await failure(opened(5))).replaceAll(folder.at(), "<folder>")).toBe(
      "UserError: cannot write <folder>/run/best/model.safetensors: it is a folder, not a file; check the path",
    );
  });

  it("of the best and of the last in mid-run tells the first", async () => {
    const run = await opened(5);
    await writeFile(folder.at("run", "best"), "in the way");
    await rm(folder.at("run", "training.json"));
    await mkdir(folder.at("run", "training.json"));
    expect(await endOf(run)).toEqual({ message: IN_THE_WAY, saved: [] });
  });
});
