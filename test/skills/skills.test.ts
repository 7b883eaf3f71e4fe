/** Skills: tokens that are trained beside a model, kept in files, attached, and merged. */

import promises, { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { zipSync } from "fflate";
import { beforeAll, describe, expect, it } from "vitest";
import { hasCheckpoint, loadCheckpoint, loadPart, saveCheckpoint } from "../../src/checkpoint/index.ts";
import { type Checkpoint, checkpointFiles, learnsOf, parseCheckpoint } from "../../src/checkpoint/portable.ts";
import { trainingSchema } from "../../src/configuration/index.ts";
import { UserError } from "../../src/errors.ts";
import {
  type CompleteModelConfig,
  countParameters,
  givenOf,
  modelOf,
  sites,
  type TokenFormerConfig,
} from "../../src/model/index.ts";
import { GraphOptimizer } from "../../src/optimizer/graph-optimizer.ts";
import {
  adaptation,
  attachSkills,
  hasSkill,
  loadSkill,
  mergeSkills,
  openAdaptation,
  openAttached,
  parseSkill,
  resumeAdaptation,
  skillFiles,
  skillOf,
} from "../../src/skills/index.ts";
import { CharacterTokenizer, consecutiveBatches } from "../../src/text/index.ts";
import { gradientsOf, Run, Trainer } from "../../src/training/index.ts";
import { useDevice } from "../support/device.ts";
import { failUntilDone, faults } from "../support/faults.ts";
import { useSharedFolder } from "../support/folder.ts";
import { drawnBatch, drawnParameters, evaluated, logitsOf, modelState, tinyTokenFormer } from "../support/models.ts";
import { corpus, ofType, text, tinyConfig, tokenizer, trained } from "../training/support.ts";

const device = useDevice("cpu", { threads: 1 });
const at = useSharedFolder();

const training = trainingSchema.parse({
  steps: 6,
  batch: 3,
  warmup: 0,
  learningRate: 0.02,
  evaluateEvery: 2,
  evaluationTokens: 70,
});
const plan = { add: { query: 2, key: 3, value: 1, feedForward: 5 }, training };

/** A checkpoint of a model with drawn weights. */
function checkpointOf(changes: Partial<CompleteModelConfig<TokenFormerConfig>> = {}): Checkpoint {
  const vocabulary = tokenizer.vocabularySize;
  const model: CompleteModelConfig<TokenFormerConfig> = { ...tinyTokenFormer, vocabulary, context: 7, ...changes };
  const state = modelState(model, { parameters: drawnParameters(model, 0.3), step: 9 });
  const progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  return { config: { ...tinyConfig(), model }, state, tokenizer, dataName: "cats", progress };
}

/** A skill of a checkpoint, trained in memory, and the loss that its run measured last. */
async function trainedSkill(checkpoint: Checkpoint, seed = 1) {
  const start = await adaptation(checkpoint, corpus, { ...plan, training: { ...training, seed } });
  const run = await Run.begin(start, { device: device() });
  let loss = Number.NaN;
  for await (const event of run.events()) if (event.type === "validation") loss = event.validationLoss;
  const skill = { name: `skill ${seed}`, ...skillOf(await run.checkpoint()) };
  await run.close();
  return { skill, loss };
}

const batch = drawnBatch("skills", [2, 5], tokenizer.vocabularySize);
const held = () => [...consecutiveBatches(corpus.validation, { context: 7, maxTokens: 70 })];

async function lossOf({ state }: Checkpoint): Promise<number> {
  let [sum, tokens] = [0, 0];
  for (const own of held()) {
    const { loss } = await evaluated(device(), state, own);
    sum += loss * own.tokens.length;
    tokens += own.tokens.length;
  }
  return sum / tokens;
}

describe.each([
  ["l2_norm_gelu", checkpointOf()],
  ["gelu_l2_norm, τ learned", checkpointOf({ activation: "gelu_l2_norm", learnedTau: true })],
  [
    "softmax, whose generations have norms of their own",
    checkpointOf({
      activation: "softmax",
      tokenNorm: "generation",
      generations: [{ tokens: { query: 2, key: 0, value: 3, projection: [0, 4], feedForward: 5 } }],
    }),
  ],
] as const)("a skill of a model of %s", (_, checkpoint) => {
  it("is what was trained, and leaves the model as it was", async () => {
    const before = new Map([...checkpoint.state.parameters].map(([name, { data }]) => [name, data.slice()]));
    const logits = await logitsOf(device(), checkpoint.state, batch);
    const { skill, loss } = await trainedSkill(checkpoint);
    for (const [name, { data }] of checkpoint.state.parameters) expect(data, name).toEqual(before.get(name));
    expect(await logitsOf(device(), checkpoint.state, batch)).toEqual(logits);
    const attached = await attachSkills(checkpoint, [skill]);
    expect(await lossOf(attached)).toBeCloseTo(loss, 5);
    expect(loss).toBeLessThan((await lossOf(checkpoint)) - 0.05);
    const added =
      2 * 2 * 10 * (2 + 3 + 1 + 5) +
      (checkpoint.state.config.type === "tokenformer" && checkpoint.state.config.learnedTau ? 2 * 4 : 0);
    expect(countParameters(attached.state.config).total).toBe(countParameters(checkpoint.state.config).total + added);
    // All that is new has made no update yet, the τ of its own too.
    const names = [...attached.state.parameters.keys()].filter((name) => !before.has(name));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const path = name.replace(/\.(keys|values)$/, "");
      expect(attached.state.lineage.get(path), name).toMatchObject([{ updates: 0, born: checkpoint.state.step }]);
    }
  });

  it("is read from files as it was written", async () => {
    const { skill } = await trainedSkill(checkpoint);
    const read = await parseSkill(await skillFiles(skill), skill.name);
    expect(read).toEqual(skill);
  });
});

describe("two skills", () => {
  const checkpoint = checkpointOf();

  it("add up in any order, and nothing of one is in the other", async () => {
    const [{ skill: one }, { skill: two }] = [await trainedSkill(checkpoint, 1), await trainedSkill(checkpoint, 2)];
    const [ab, ba] = [await attachSkills(checkpoint, [one, two]), await attachSkills(checkpoint, [two, one])];
    const [first, second] = [await logitsOf(device(), ab.state, batch), await logitsOf(device(), ba.state, batch)];
    first.data.forEach((logit, index) => {
      expect(second.data[index]).toBeCloseTo(logit, 4);
    });
    const silent = {
      ...two,
      tensors: new Map(
        [...two.tensors].map(([name, own]) => [
          name,
          /values$/.test(name) ? { ...own, data: own.data.map(() => 0) } : own,
        ]),
      ),
    };
    const alone = await logitsOf(device(), (await attachSkills(checkpoint, [one])).state, batch);
    expect(await logitsOf(device(), (await attachSkills(checkpoint, [one, silent])).state, batch)).toEqual(alone);
  });
});

describe("what does not learn", () => {
  const checkpoint = checkpointOf();
  const passes = [drawnBatch("learning", [6, 7], tokenizer.vocabularySize)];

  const updated = async (replicas: number) => {
    const { state, part } = await adaptation(checkpoint, corpus, plan);
    const learns = learnsOf(part);
    const options = { ...training, given: givenOf(state.config), replicas, learns };
    const trainer = await Trainer.create(device(), modelOf(state.config), state, options);
    await trainer.update(passes, 0.02, 1);
    const result = await trainer.download("learning");
    await trainer.close();
    return result;
  };

  it("has no gradient in the program, and no moments", async () => {
    const { state, part } = await adaptation(checkpoint, corpus, plan);
    const { graph, specs } = gradientsOf(modelOf(state.config), 7, {}, learnsOf(part));
    expect(specs).toHaveLength(2 * 4 * 2);
    expect([...graph.outputs.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual(
      ["loss", ...specs.map(({ name }) => `gradient:${name}`)].toSorted((a, b) => a.localeCompare(b)),
    );
    expect(specs.every(({ name }) => /generations\.1\.(keys|values)$/.test(name))).toBe(true);
    const { parameters, moments } = await updated(1);
    for (const map of [parameters, moments?.first, moments?.second]) {
      expect(new Set(map?.keys())).toEqual(new Set(specs.map(({ name }) => name)));
    }
  });

  it("is on replicas as it is on the device of the state", async () => {
    const [one, two] = [await updated(1), await updated(2)];
    // Adam's first moments are the gradients, but for a factor.
    const largest = Math.max(...[...(one.moments?.first ?? [])].flatMap(([, { data }]) => [...data].map(Math.abs)));
    for (const [name, { data }] of one.moments?.first ?? []) {
      data.forEach((value, index) => {
        expect((two.moments?.first.get(name)?.data[index] ?? Number.NaN) / largest, name).toBeCloseTo(
          value / largest,
          4,
        );
      });
    }
  });

  it("stays on a device that updates by a program", async () => {
    const { state, part } = await adaptation(checkpoint, corpus, plan);
    const { specs } = gradientsOf(modelOf(state.config), 7, {}, learnsOf(part));
    const optimizer = await GraphOptimizer.create(device(), specs, training);
    const before = await optimizer.upload(state);
    expect(before.first.size).toBe(specs.length);
    const gradients = new Map(
      await Promise.all(
        specs.map(async ({ name }) => {
          const { shape, data } = state.parameters.get(name) ?? { shape: [], data: new Float32Array() };
          return [name, await device().upload({ dtype: "float32", shape, data: data.map(() => 0.5) })] as const;
        }),
      ),
    );
    const step = {
      learningRate: 0.1,
      step: 1,
      updates: 0,
      lossScale: 1,
      generations: (name: string) => state.lineage.get(name.replace(/\.\w+$/, "")),
    };
    const { state: after } = await optimizer.update(before, { loss: 1, gradients }, step);
    expect([...after.parameters.keys()]).toEqual([...before.parameters.keys()]);
    for (const [name, tensor] of after.parameters) {
      const { data } = await device().download(tensor);
      if (learnsOf(part)?.(name) === true) expect(data).not.toEqual(state.parameters.get(name)?.data);
      else expect(data, name).toEqual(state.parameters.get(name)?.data);
    }
    await device().dispose([...after.parameters.values(), ...after.first.values(), ...after.second.values()]);
    await optimizer.release();
  });
});

describe("folders", () => {
  const base = checkpointOf();
  beforeAll(async () => {
    await saveCheckpoint(at("base"), base);
    await writeFile(at("cats.txt"), text);
    for (const [name, seed] of [
      ["mine", 1],
      ["other", 2],
    ] as const) {
      const run = await openAdaptation({
        from: at("base"),
        to: at(name),
        data: at("cats.txt"),
        ...plan,
        training: { ...training, seed },
        device: device(),
      });
      for await (const event of run.events()) void event;
      await run.close();
    }
  });

  it("keep a skill with its metrics, the best of it, and the base untouched", async () => {
    const skill = await loadSkill(at("mine"));
    const lines = (await readFile(at("mine", "metrics.jsonl"), "utf8")).trim().split("\n");
    const losses = lines.map((line) => JSON.parse(line).validationLoss).filter((loss) => loss !== undefined);
    expect(skill.record.training).toMatchObject({ data: "cats.txt", validationLoss: Math.min(...losses) });
    expect(skill.record.base).toMatchObject({ name: "base", layers: 2, width: 10 });
    expect(await loadCheckpoint(at("base"))).toMatchObject({ state: { step: 9 } });
    const opened = await openAttached(at("base"), [at("mine")]);
    expect(await lossOf(await opened.load())).toBeCloseTo(Math.min(...losses), 5);
    await opened.close();
  });

  it("merge into a run, which computes the same and trains on", async () => {
    const skills = [at("mine"), at("other")];
    // The lowest loss so far is that of the model without them.
    const progress = { ...base.progress, best: { step: 9, validationLoss: 0.1 } };
    await saveCheckpoint(at("measured"), { ...base, progress });
    await mergeSkills({ from: at("measured"), skills, to: at("merged") });
    const merged = await loadCheckpoint(at("merged"));
    expect(merged.progress).toEqual(base.progress);
    const attached = await attachSkills(base, await Promise.all(skills.map(loadSkill)));
    expect(await logitsOf(device(), merged.state, batch)).toEqual(await logitsOf(device(), attached.state, batch));
    expect(sites(merged.state.config).filter(({ generation }) => generation > 0)).toHaveLength(2 * 2 * 4);
    const events = await trained({
      config: { ...merged.config, training: { ...training, steps: 11 } },
      out: at("merged"),
      resume: true,
    });
    expect(ofType(events, "end")).toMatchObject([{ step: 11 }]);
  });

  it("are read from a zip of their files too", async () => {
    const { record, tensors } = await loadSkill(at("mine"));
    const zipped = zipSync(Object.fromEntries(await skillFiles({ record, tensors })), { level: 0 });
    await writeFile(at("mine.zip"), zipped);
    expect(await loadSkill(at("mine.zip"))).toEqual({ name: at("mine.zip"), record, tensors });
    await writeFile(at("cut.zip"), zipped.subarray(0, 90));
    await expect(loadSkill(at("cut.zip"))).rejects.toThrow("cut.zip: as a zip archive it cannot be read");
  });

  const refusal = async (directory: string, ...skills: readonly string[]) => {
    try {
      await (
        await openAttached(
          at(directory),
          skills.map((name) => at(name)),
        )
      ).close();
    } catch (error) {
      return String(error).replaceAll(at(""), "");
    }
    return "nothing was refused";
  };

  it("are read to the end, where one of them cannot be read, before that is told", async () => {
    const { open } = promises;
    let reading = 0;
    promises.open = async (...args: Parameters<typeof open>) => {
      reading++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return open(...args).finally(() => reading--);
    };
    syncBuiltinESMExports();
    try {
      expect(await refusal("base", "nowhere", "mine")).toContain("there is no such folder");
      expect(reading).toBe(0);
    } finally {
      promises.open = open;
      syncBuiltinESMExports();
    }
  });

  it("refuse a skill of another base, by both hashes, and one that is attached twice", async () => {
    const changed = drawnParameters(base.state.config, 0.4);
    await saveCheckpoint(at("changed"), { ...base, state: { ...base.state, parameters: changed } });
    expect(await refusal("changed", "mine")).toMatch(
      /^UserError: \/mine: belongs to a model with the weights [0-9a-f]{16} \(base\), and those of \/changed are [0-9a-f]{16}; attach it to that one, or adapt this one$/,
    );
    expect(await refusal("base", "mine", "other", "mine")).toBe("UserError: /mine: is given twice; attach it once");
  });

  it("refuse other widths, another tokenizer, other models and what is no skill", async () => {
    await saveCheckpoint(at("wide"), checkpointOf({ width: 12, heads: 2, rotaryFraction: 0.5 }));
    expect(await refusal("wide", "mine")).toBe(
      "UserError: /mine: was trained for a model of 2 layers, width 10 and l2_norm_gelu, and /wide has 2, 12 and l2_norm_gelu; attach it to base",
    );
    await saveCheckpoint(at("worded"), {
      ...base,
      tokenizer: CharacterTokenizer.fromText([...text].reverse().join("").toUpperCase().slice(0, 40)),
    });
    expect(await refusal("worded", "mine")).toMatch(
      /^UserError: \/mine: was trained with the tokenizer [0-9a-f]{16}, and that of \/worded is [0-9a-f]{16}; use the same tokenizer$/,
    );
    await saveCheckpoint(at("bigram"), { ...base, ...bigram() });
    expect(await refusal("bigram", "mine")).toBe(
      "UserError: /bigram: is a bigram, which takes no skills: they are parameter tokens of a tokenformer",
    );
    expect(await refusal("base", "nowhere")).toContain(
      "/nowhere: there is no such folder, expected a folder with skill.json",
    );
    expect(await refusal("base", "base")).toContain("/base: is a run, not a skill");
  });

  const bigram = () => {
    const config: CompleteModelConfig = { type: "bigram", vocabulary: tokenizer.vocabularySize, context: 7 };
    return { config: { ...tinyConfig(), model: config }, state: modelState(config) };
  };

  it("of version 0, from before versions were noted, are read as the present one", async () => {
    const skill = await loadSkill(at("mine"));
    const { formatVersion: _, ...older } = skill.record;
    const json = new TextEncoder().encode(JSON.stringify(older));
    expect((await parseSkill(new Map([...(await skillFiles(skill)), ["skill.json", json]]))).record).toEqual(
      skill.record,
    );
  });

  it("refuse files of a newer version, cut short, or of another width or depth", async () => {
    const skill = await loadSkill(at("mine"));
    const files = async (record: unknown, tensors = skill.tensors) => {
      const whole = await skillFiles({ ...skill, tensors });
      return parseSkill(new Map([...whole, ["skill.json", new TextEncoder().encode(JSON.stringify(record))]]));
    };
    await expect(files({ ...skill.record, formatVersion: 2 })).rejects.toThrow(
      "skill.json: has format version 2, this program reads up to 1; install a newer tokenformer",
    );
    await expect(files({ ...skill.record, base: { ...skill.record.base, width: 11 } })).rejects.toThrow(
      'skill.safetensors: the tensor "blocks.0.attention.query.keys" is [2, 10], expected [2, 11] by skill.json',
    );
    await expect(files({ ...skill.record, base: { ...skill.record.base, layers: 3 } })).rejects.toThrow(
      'the tensor "blocks.2.attention.query.keys" is missing',
    );
    // So many that listing their sites would take minutes and gigabytes.
    await expect(files({ ...skill.record, base: { ...skill.record.base, layers: 2e6 } })).rejects.toThrow(
      "skill.json: base.layers: expected at most 1000 layers",
    );
    const uneven = { ...skill.record.generation, tokens: { ...skill.record.generation.tokens, key: [1, 2, 3] } };
    await expect(files({ ...skill.record, generation: uneven })).rejects.toThrow(
      "has not one number for each of 2 layers",
    );
    await expect(parseSkill(new Map())).rejects.toThrow("the skill: has no skill.json");
    for (const name of ["skill.json", "skill.safetensors"]) {
      const cut = await skillFiles(skill);
      cut.set(name, (cut.get(name) ?? new Uint8Array()).slice(0, -40));
      await expect(parseSkill(cut), name).rejects.toThrow(new RegExp(`^${name}:`));
    }
  });

  it("are not written over, and nothing is left of what cannot begin", async () => {
    const open = (changes: object) =>
      openAdaptation({ from: at("base"), to: at("mine"), data: at("cats.txt"), ...plan, device: device(), ...changes });
    await expect(open({})).rejects.toThrow("/mine: already holds a skill; choose another folder");
    await expect(open({ to: at("base") })).rejects.toThrow("/base: already holds a run; choose another folder");
    await expect(open({ to: at("new"), data: at("missing.txt") })).rejects.toThrow("missing.txt");
    await expect(open({ to: at("new"), from: at("bigram") })).rejects.toThrow("is a bigram, which takes no skills");
    await expect(open({ to: at("new"), layers: [2] })).rejects.toThrow("there is no layer 2");
    for (const [changes, message] of [
      [{ add: { query: 0 } }, /^the skill: add: query: is 0, expected a number above 0$/],
      [{ add: { query: "2x" } }, /^the skill: add: query: expected a whole number of tokens, or "x"/],
      [{ add: {} }, /^the skill: add: names no site; give at least one/],
      [{ layers: [] }, /^the skill: layers: is \[\], expected a list of at least 1 element$/],
    ] as const) {
      const refused = open({ to: at("new"), data: at("missing.txt"), ...changes }); // before any text is read
      await expect(refused).rejects.toThrow(message);
      await expect(refused).rejects.toBeInstanceOf(UserError);
    }
    await expect(open({ to: at("new"), training: { ...training, localSteps: 2 } })).rejects.toThrow(
      "training.localSteps is 2, expected 1: a skill is trained on one machine; leave it out",
    );
    await expect(readFile(at("new", "skill.json"))).rejects.toThrow("ENOENT");
    await expect(truncate(at("new"))).rejects.toThrow("ENOENT");
  });
});

/** The events of a run up to a step, after which it is given up, saved or not. */
async function followed(run: Run, { until = Number.POSITIVE_INFINITY, saves = true } = {}): Promise<void> {
  const stop = new AbortController();
  try {
    for await (const event of run.events(stop.signal)) {
      if (event.type !== "step" || event.step < until) continue;
      if (!saves) return;
      stop.abort();
    }
  } finally {
    await run.close();
  }
}

describe("a skill whose training was stopped", () => {
  const options = (to: string, changes: object = {}) => ({
    ...{ from: at("small"), to: at(to), data: at("short.txt"), device: device() },
    ...plan,
    training: { ...training, evaluationTokens: 7, evaluateEvery: 2, checkpointEvery: 2, ...changes },
  });
  const resumed = (to: string) => resumeAdaptation({ from: at("small"), to: at(to), device: device() });
  /** What is there of a skill, but for how long it took. */
  const contents = async (to: string) => {
    const { record, tensors } = await loadSkill(at(to));
    const lines = (await readFile(at(to, "metrics.jsonl"), "utf8")).trim().split("\n");
    const metrics = lines.map((line) => {
      const { seconds: _, tokensPerSecond: __, flopsPerSecond: ___, ...measured } = JSON.parse(line);
      return measured;
    });
    const { name: _, ...base } = record.base;
    return { record: { ...record, base, training: { ...record.training, seconds: 0 } }, tensors, metrics };
  };
  const noted = async (to: string) => (await readdir(at(to))).toSorted((a, b) => a.localeCompare(b));

  beforeAll(async () => {
    await saveCheckpoint(at("small"), checkpointOf({ layers: 1 }));
    await writeFile(at("short.txt"), text);
    await followed(await openAdaptation(options("whole")));
  });

  it.each([
    ["in order", { until: 3 }],
    ["in the midst, and saved before", { until: 3, saves: false }],
    ["before anything was saved of it", { until: 1, saves: false }],
  ])("%s, goes on bitwise as if it had not been, and keeps nothing else in the end", async (name, how) => {
    await followed(await openAdaptation(options(name)), how);
    expect(await noted(name)).toContain(".unfinished");
    await expect(openAdaptation(options(name))).rejects.toThrow(
      "holds a skill that is not trained to its end; go on with --resume, or choose another folder",
    );
    await followed(await resumed(name));
    expect(await contents(name)).toEqual(await contents("whole"));
    expect(await noted(name)).toEqual(["metrics.jsonl", "skill.json", "skill.safetensors"]);
    await expect(resumed(name)).rejects.toThrow("its skill was trained to the end, so there is nothing to resume");
  });

  it("keeps the best of it, which is newer than what it goes on from, until there is a better one", async () => {
    const slower = { ...options("newer").training, checkpointEvery: 0, learningRate: 1e-5 };
    await followed(await openAdaptation(options("newer", { checkpointEvery: 0 })), { until: 5, saves: false });
    const kept = await loadSkill(at("newer"));
    expect([kept.record.training.steps, (await loadPart(at("newer", ".unfinished"))).state.step]).toEqual([4, 0]);
    await followed(await resumeAdaptation({ from: at("small"), to: at("newer"), training: slower, device: device() }));
    expect(await loadSkill(at("newer"))).toEqual(kept);
  });

  it("has the last of it where no best is kept", async () => {
    for (const [name, until] of [
      ["last", 3],
      ["last whole", Number.POSITIVE_INFINITY],
    ] as const) {
      await followed(await openAdaptation(options(name, { keepBest: false })), { until });
    }
    expect((await loadSkill(at("last"))).record.training.steps).toBe(3);
    await followed(await resumed("last"));
    expect(await contents("last")).toEqual(await contents("last whole"));
  });

  it("has the last of it where the best is kept only from then on, and there is none", async () => {
    await followed(await openAdaptation(options("late", { keepBest: false })), { until: 3 });
    const training = { ...options("late").training, evaluateEvery: 0, keepBest: true };
    await followed(await resumeAdaptation({ from: at("small"), to: at("late"), training, device: device() }));
    expect((await loadSkill(at("late"))).record.training.steps).toBe(options("late").training.steps);
  });

  it("keeps of the base nothing but its hash, and goes on beside no other one", async () => {
    await followed(await openAdaptation(options("apart")), { until: 3 });
    const { state } = await loadPart(at("apart", ".unfinished"));
    expect([...state.parameters.keys()].every((name) => name.includes("generations.1"))).toBe(true);
    const drawn = checkpointOf({ layers: 1 });
    const parameters = drawnParameters(drawn.state.config, 0.4);
    await saveCheckpoint(at("another"), { ...drawn, state: { ...drawn.state, parameters } });
    await expect(resumeAdaptation({ from: at("another"), to: at("apart"), device: device() })).rejects.toThrow(
      /belongs to a model with the weights [0-9a-f]{16} \(small\), and those of .*another are [0-9a-f]{16}/,
    );
    await expect(resumed("nothing")).rejects.toThrow("no skill was begun there, so there is nothing to resume");
    const file = at("apart", ".unfinished", "model.safetensors");
    await truncate(file, 100);
    await expect(resumed("apart")).rejects.toThrow("model.safetensors");
  });

  it("by whatever request that failed, goes on as if it had not been", async () => {
    const before = faults.held();
    let attempts = 0;
    await failUntilDone(
      async () => {
        attempts++;
        const isBegun = await hasCheckpoint(at("failing", ".unfinished"));
        await followed(
          await (isBegun ? resumed("failing") : openAdaptation(options("failing", { checkpointEvery: 1 }))),
        );
      },
      async () => {
        expect(faults.held()).toEqual(before);
        if (await hasSkill(at("failing"))) await loadSkill(at("failing"));
      },
      { sparse: true },
    );
    expect(attempts).toBeGreaterThan(5);
    const { record, ...others } = await contents("failing");
    const { record: whole, ...wholeOthers } = await contents("whole");
    expect(others).toEqual(wholeOthers);
    expect(record.training).toMatchObject({
      ...whole.training,
      config: { ...whole.training.config, checkpointEvery: 1 },
    });
  });
});

describe("a checkpoint of a run that trains a skill", () => {
  it("has the model and the moments of the skill, and a run goes on with it bitwise", async () => {
    const base = checkpointOf();
    const start = await adaptation(base, corpus, plan);
    const first = await Run.begin(start, { device: device() });
    for await (const event of first.events()) if (event.type === "step" && event.step === 3) break;
    const kept = await checkpointFiles(await first.checkpoint());
    const read = await parseCheckpoint(kept);
    for (const [name, { data }] of base.state.parameters) expect(read.state.parameters.get(name)?.data).toEqual(data);
    expect(new Set(read.state.moments?.first.keys())).toEqual(new Set(start.part?.parameters));
    const second = await Run.resume(read, { corpus, device: device() });
    for (const run of [first, second]) for await (const event of run.events()) void event;
    const [one, two] = [await first.checkpoint(), await second.checkpoint()];
    expect(skillOf(two).tensors).toEqual(skillOf(one).tensors);
    expect(two.state.moments).toEqual(one.state.moments);
    await expect(second.grow({ add: { query: 2 } })).rejects.toThrow(
      "a run of which a part alone learns does not grow",
    );
    for (const run of [first, second]) await run.close();
    expect(await lossOf(await attachSkills(base, [{ name: "mine", ...skillOf(one) }]))).toBeCloseTo(
      await lossOf(one),
      5,
    );
  });

  it("is one all of which learns for a run that starts from it", async () => {
    const start = await adaptation(checkpointOf(), corpus, plan);
    const run = await Run.begin(start, { device: device() });
    for await (const event of run.events()) void event;
    const checkpoint = await run.checkpoint();
    await run.close();
    const config = { ...checkpoint.config, training: { ...training, steps: 8 } };
    const on = await Run.from(checkpoint, { corpus, device: device(), config });
    for await (const event of on.events()) void event;
    const { state, part } = await on.checkpoint();
    await on.close();
    expect(part).toBeUndefined();
    expect([...(state.moments?.first.keys() ?? [])]).toEqual([...state.parameters.keys()]);
    expect(() => skillOf({ ...checkpoint, part: undefined })).toThrow("is of a run that trains no skill");
  });
});

it("leaves a whole skill or none behind, whatever request of a device fails, and nothing on the device", async () => {
  await saveCheckpoint(at("faulty"), checkpointOf({ layers: 1 }));
  await writeFile(at("short.txt"), text);
  const before = faults.held();
  let attempt = 0;
  await failUntilDone(
    async () => {
      attempt++;
      const changes = { steps: 1, evaluationTokens: 7 };
      const run = await openAdaptation({
        ...{ from: at("faulty"), to: at(`faulty-${attempt}`), data: at("short.txt"), device: device() },
        ...plan,
        training: { ...training, ...changes },
      });
      try {
        for await (const event of run.events()) void event;
      } finally {
        await run.close();
      }
    },
    async () => {
      expect(faults.held()).toEqual(before);
      if (await hasSkill(at(`faulty-${attempt}`))) await loadSkill(at(`faulty-${attempt}`));
    },
    { sparse: true },
  );
  expect(attempt).toBeGreaterThan(5);
  await loadSkill(at(`faulty-${attempt}`));
  expect(faults.held()).toEqual(before);
});
