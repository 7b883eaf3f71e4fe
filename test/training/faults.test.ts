/** What the failure of any one request of a device leaves behind: all as it was, and nothing that is not freed. */

import { createHash } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pruneMeasured } from "../../src/analysis/index.ts";
import { hasCheckpoint, readMetrics } from "../../src/checkpoint/index.ts";
import { MetricsFile } from "../../src/checkpoint/metrics.ts";
import { type Checkpoint, checkpointFiles } from "../../src/checkpoint/portable.ts";
import { inProcessCommunicators } from "../../src/cluster/index.ts";
import type { Config, TrainingEvent } from "../../src/configuration/index.ts";
import { Decoder } from "../../src/generation/index.ts";
import { grow, growthPlanSchema, type ModelState } from "../../src/growth/index.ts";
import { downloadArrays, Inference, uploadArrays } from "../../src/inference/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { tensorsOf } from "../../src/optimizer/adamw.ts";
import { GraphOptimizer } from "../../src/optimizer/graph-optimizer.ts";
import { LocalOptimizer } from "../../src/optimizer/local-optimizer.ts";
import { consecutiveBatches } from "../../src/text/index.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { openRun } from "../../src/training/index.ts";
import type { RunSink } from "../../src/training/portable.ts";
import { Trainer } from "../../src/training/portable.ts";
import { Run } from "../../src/training/run.ts";
import { SharedSink } from "../../src/training/sink.ts";
import { newStart } from "../../src/training/start.ts";
import type { TrainerOptions } from "../../src/training/trainer-options.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { failUntilDone, faults, InjectedFault } from "../support/faults.ts";
import { drawnBatch, modelState, tinyTokenFormer } from "../support/models.ts";
import { bigramModel, corpus, lossesOf, tinyConfig, tokenformerModel, transformerModel } from "./support.ts";

const device = useDevice();

const folder = useFolder();

const tokenformer = { ...tokenformerModel, dropout: 0.1 };
const transformer = { ...transformerModel, biases: false };

const begun = async (config: Config, sink?: RunSink) => Run.create({ config, corpus, device: device(), sink });

/** All bits of a checkpoint but for the time that training took. */
async function bitsOf({ progress, ...checkpoint }: Checkpoint): Promise<string> {
  const files = await checkpointFiles({ ...checkpoint, progress: { ...progress, seconds: 0 } });
  const hash = createHash("sha256");
  for (const bytes of files.values()) hash.update(bytes);
  return hash.digest("hex");
}

/** All bits of a run, what its device holds, and what it answers. */
async function snapshot(run: Run) {
  const { progress, config, trainer } = run;
  const logits = [...(await run.nextLogits(Int32Array.of(1, 2, 3)))];
  return { bits: await bitsOf(await run.checkpoint()), held: faults.held(), progress, config, logits, trainer };
}

/** The steps of a run; it is begun again where it was when it fails. */
async function stepsOf(run: Run): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of run.events()) events.push(event);
  return events;
}

/** A sink that cannot keep growth. */
const full: RunSink = {
  place: "",
  save: async () => "",
  record: async ({ type }) => {
    if (type === "growth") throw new Error("disk full");
  },
};

describe("growing a run at once", () => {
  it.each([
    ["by tokens", tokenformer, { add: { query: 2, feedForward: "x2" }, rampSteps: 5, freeze: 2 }],
    ["by tokens, with τ learned from then on", tokenformer, { add: { query: 2 }, tau: "learned" }],
    ["in width", transformer, { width: 18 }],
  ] as const)("%s changes nothing when a request fails, and then goes on as if none had", async (_, model, plan) => {
    const config = tinyConfig({ steps: 5 }, {}, model);
    const [run, other] = [await begun(config), await begun(config)];
    for (const one of [run, other]) {
      for await (const { type, step } of one.events()) if (type === "step" && step === 2) break;
    }
    const before = await snapshot(run);
    const failures = await failUntilDone(
      () => run.grow(plan),
      async () => expect(await snapshot(run)).toEqual(before),
      { sparse: true },
    );
    expect(failures.nth).toBeGreaterThan(20);
    await other.grow(plan);
    expect(await bitsOf(await run.checkpoint())).toBe(await bitsOf(await other.checkpoint()));
    expect(lossesOf(await stepsOf(run))).toEqual(lossesOf(await stepsOf(other)));
    await run.close();
    await other.close();
  });

  it("changes nothing when it cannot be told of, and is not told of later", async () => {
    const file = folder.at("metrics.jsonl");
    const metrics = await MetricsFile.open(file, await newStart(tinyConfig(), { corpus }));
    const sink: RunSink = {
      ...full,
      record: async (event) => {
        metrics.add(event);
        await full.record(event);
      },
      withdraw: (event) => metrics.withdraw(event),
    };
    const run = await begun(tinyConfig({}, {}, tokenformer), sink);
    for await (const { type } of run.events()) if (type === "validation") break;
    const before = await snapshot(run);
    await expect(run.grow({ add: { query: 2 } })).rejects.toThrow("disk full");
    expect(await snapshot(run)).toEqual(before);
    await run.close();
    await metrics.flush();
    expect((await readMetrics(file)).map((record) => Object.keys(record))).toEqual([
      expect.arrayContaining(["validationLoss"]),
    ]);
  });

  it("of the sink as a run begins leaves none that the same command would not make again", async () => {
    const [config, out] = [tinyConfig({ steps: 1 }), folder.at("run")];
    await mkdir(join(out, "metrics.jsonl"), { recursive: true });
    const open = () => openRun({ config, data: corpus, device: device(), out });
    await expect(open()).rejects.toThrow("metrics.jsonl: it is a folder");
    expect(await hasCheckpoint(out)).toBe(false);
    await rmdir(join(out, "metrics.jsonl"));
    const run = await open();
    await run.close();
    expect(await hasCheckpoint(out)).toBe(true);
  });

  it("of the sink as a run begins is told on all ranks", async () => {
    const closed: RunSink = { ...full, open: () => Promise.reject(new Error("disk full")) };
    const begun = inProcessCommunicators(2).map(async (communicator) => {
      const sink = new SharedSink(communicator.rank === 0 ? closed : undefined, "", communicator);
      const run = Run.create({ config: tinyConfig(), corpus, device: device(), sink, communicator });
      await expect(run).rejects.toThrow("disk full");
    });
    await Promise.all(begun);
  });

  it("changes nothing on any rank when the first cannot tell of it", async () => {
    const grown = inProcessCommunicators(2).map(async (communicator) => {
      const sink = new SharedSink(communicator.rank === 0 ? full : undefined, "", communicator);
      const config = tinyConfig({}, {}, tokenformer);
      const run = await Run.create({ config, corpus, device: device(), sink, communicator });
      await expect(run.grow({ add: { query: 2 } })).rejects.toThrow("disk full");
      expect(run.config.model).toMatchObject({ tokens: tokenformer.tokens });
      expect([run.config.growth, run.progress.growthsDone]).toEqual([[], 0]);
      await run.close();
    });
    await Promise.all(grown);
  });
});

const local = { localSteps: 2, outerLearningRate: 0.6, outerMomentum: 0.8 };

it.each([
  ["a tokenformer", tokenformer, { add: { feedForward: 3 } }, { checkpointEvery: 3 }],
  ["a transformer", transformer, { width: 18 }, { checkpointEvery: 3 }],
  ["updates by itself", tokenformer, { add: { feedForward: 3 } }, { checkpointEvery: 4, ...local }],
] as const)(
  "a run of %s with evaluations, growth and checkpoints goes on where it failed",
  async (_, model, plan, others) => {
    const training = { steps: 4, evaluateEvery: 2, microBatch: 3, ...others };
    const config = tinyConfig(training, { growth: [{ step: 2, ...plan }] }, model);
    const saves: string[] = [];
    const sink: RunSink = {
      place: "memory",
      save: async (checkpoint, best) => {
        saves.push(`${best} ${await bitsOf(checkpoint)}`);
        return "memory";
      },
      record: async () => {},
    };
    const whole = await begun(config, sink);
    const losses = lossesOf(await stepsOf(whole));
    const [expected, expectedSaves] = [await bitsOf(await whole.checkpoint()), saves.splice(0)];
    await whole.close();
    const empty = faults.held();

    const run = await begun(config, sink);
    const found: TrainingEvent[] = [];
    for (let [nth, ended] = [1, false]; !ended; nth++) {
      faults.fail(nth, { sparse: true });
      try {
        for await (const event of run.events()) {
          found.push(event);
          ended = event.type === "end";
          // Of what comes after a step, each request fails once; what is evaluated for the sake of a checkpoint comes again.
          if (!["start", "validation"].includes(event.type)) nth = 1;
          faults.fail(nth, { sparse: true });
        }
      } catch (error) {
        if (!(error instanceof InjectedFault)) throw error;
        nth = error.nth;
      }
    }
    faults.mend();
    expect(lossesOf(found)).toEqual(losses);
    expect(await bitsOf(await run.checkpoint())).toBe(expected);
    expect(new Set(saves)).toEqual(new Set(expectedSaves));
    await run.close();
    expect(faults.held()).toEqual(empty);
  },
);

const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clip: 1 };
const passes = [drawnBatch("first", [5, 4], 13), drawnBatch("second", [2, 4], 13)];
const state: ModelState = modelState({ ...tinyTokenFormer, layers: 1 });
const trainerWith = (others: Pick<TrainerOptions, "replicas" | "local">) =>
  Trainer.create(device(), modelOf(state.config), state, { ...options, given: givenOf(state.config), ...others });

describe.each([1, 2])("a trainer with %d replicas", (replicas) => {
  it("is opened whole or not at all", async () => {
    const before = faults.held();
    let trainer: Trainer | undefined;
    await failUntilDone(
      async () => {
        trainer = await trainerWith({ replicas });
      },
      async () => expect(faults.held()).toEqual(before),
      { sparse: true },
    );
    await trainer?.close();
    expect(faults.held()).toEqual(before);
  });

  it("is closed whole, whatever fails", async () => {
    const before = faults.held();
    for (const lasting of [false, true]) {
      const trainer = await trainerWith({ replicas });
      await trainer.inference.evaluate(passes);
      faults.fail(2, { lasting });
      await expect(trainer.close()).rejects.toThrow("injected");
      faults.mend();
      expect(faults.held()).toEqual(before);
    }
  });

  it.each([
    ["updates", {}],
    ["updates with exchanges", { local }],
  ])("makes its %s, and takes other states, as if nothing had failed", async (_, others) => {
    const grown = grow({ ...state, step: 1 }, growthPlanSchema.parse({ add: { query: 3, feedForward: 5 } }), 1);
    const [trainer, other] = [await trainerWith({ replicas, ...others }), await trainerWith({ replicas, ...others })];
    const held = faults.held();
    const update = (one: Trainer) => one.update(passes, 0.01, 1);
    const results: unknown[] = [];
    let before = await trainer.download();
    const failing = async (act: () => Promise<unknown>) => {
      for (let [nth, failed] = [1, true]; failed; nth++) {
        const check = async () => {
          expect(await trainer.download()).toEqual(before);
          expect(faults.held()).toEqual(held);
        };
        ({ nth, failed } = await failUntilDone(async () => results.push(await act()), check, {
          from: nth,
          sparse: true,
        }));
        before = await trainer.download();
      }
    };
    await failing(() => update(trainer));
    await failing(() => trainer.replace(grown, givenOf(grown.config)));
    await failing(() => update(trainer));
    const expected: unknown[] = [];
    for (const result of results) {
      expected.push(result === undefined ? await other.replace(grown, givenOf(grown.config)) : await update(other));
    }
    expect(results).toEqual(expected);
    expect(results.filter((result) => result === undefined).length).toBeGreaterThan(0);
    expect(await trainer.download()).toEqual(await other.download());
    await trainer.close();
    await other.close();
  });
});

it("an exchange of updates that are made by a program leaves their state as it was when a request fails", async () => {
  const { specs } = gradientsOf(modelOf(state.config));
  const inner = await GraphOptimizer.create(device(), specs, options);
  const optimizer = new LocalOptimizer(device(), inner, local, undefined);
  const ones = [...state.parameters].map(([name, own]) => [name, { ...own, data: own.data.map(() => 1) }] as const);
  const step = { learningRate: 0.01, step: 2, updates: 1, lossScale: 1, generations: () => undefined };
  let current = await optimizer.upload(state);
  const contents = async () => ({
    weights: await downloadArrays(device(), current.parameters),
    moments: await optimizer.moments(current, true),
    outer: structuredClone(current.outer),
    held: faults.held(),
  });
  const { held } = await contents();
  for (let [nth, failed] = [1, true]; failed; nth++) {
    const before = await contents();
    const update = async () => {
      const gradients = await uploadArrays(device(), ones);
      ({ state: current } = await optimizer.update(current, { loss: 1, gradients }, step));
    };
    const check = async () => expect(await contents()).toEqual(before);
    ({ nth, failed } = await failUntilDone(update, check, { from: nth, sparse: true }));
    const after = await contents();
    expect(after.held).toEqual(held);
    for (const [name, { data }] of after.weights) {
      expect(data, name).not.toEqual(before.weights.get(name)?.data);
      expect(after.outer?.anchor.get(name), name).toEqual(data);
    }
  }
  await optimizer.release();
  await device().dispose(tensorsOf(current));
});

describe("a model", () => {
  const opened = async () => {
    const parameters = await uploadArrays(device(), state.parameters);
    return new Inference(device(), modelOf(state.config), parameters, givenOf(state.config));
  };

  it("is pruned as if nothing had failed, and left as it is", async () => {
    const inference = await opened();
    const { parameters, given } = inference;
    const pruning = { keep: 0.6, by: "model", tau: "corrected" } as const;
    const prune = () => pruneMeasured(inference, state, pruning, { calibration: passes, validation: passes });
    const expected = (await prune()).state;
    const held = faults.held();
    let found: ModelState | undefined;
    await failUntilDone(
      async () => {
        found = (await prune()).state;
      },
      async () => {
        expect([inference.parameters, inference.given]).toEqual([parameters, given]);
        expect(faults.held()).toEqual(held);
      },
      { sparse: true },
    );
    expect(found).toEqual(expected);
    await inference.release();
    await device().dispose(parameters.values());
  });

  it("whose program was not compiled compiles it the next time, and frees all there is", async () => {
    const before = faults.held();
    const inference = await opened();
    const batches = [...consecutiveBatches(corpus.validation, { context: 4, maxTokens: 9 })];
    faults.fail(1);
    await expect(inference.evaluate(passes)).rejects.toThrow("compile");
    faults.mend();
    await expect(inference.records(Int32Array.of(1), [1, 1], ["nothing"])).rejects.toThrow("records nothing");
    const { loss } = await inference.evaluate(passes);
    expect(loss).toBeGreaterThan(1);
    expect(batches).toHaveLength(2);
    const compiling = inference.logits(Int32Array.of(1), [1, 1]);
    faults.fail(1);
    const failing = inference.records(Int32Array.of(1), [1, 1], ["blocks.0.attention.weights"]);
    const released = inference.release();
    await expect(failing).rejects.toThrow("injected");
    faults.mend();
    await Promise.allSettled([compiling]);
    await released;
    await device().dispose(inference.parameters.values());
    expect(faults.held()).toEqual(before);
  });

  it("is opened for writing whole or not at all", async () => {
    const inference = await opened();
    const before = faults.held();
    for (const freeze of [true, false]) {
      let decoder: Decoder | undefined;
      await failUntilDone(
        async () => {
          decoder = await Decoder.open(inference, { context: 5, slots: 2, freeze });
        },
        async () => expect(faults.held()).toEqual(before),
      );
      await decoder?.release();
      expect(faults.held()).toEqual(before);
    }
    await device().dispose(inference.parameters.values());
  });
});

it("a run is begun whole or not at all", async () => {
  const before = faults.held();
  let run: Run | undefined;
  await failUntilDone(
    async () => {
      run = await begun(tinyConfig({}, {}, bigramModel));
    },
    async () => expect(faults.held()).toEqual(before),
  );
  const failing: RunSink = { ...full, save: () => Promise.reject(new Error("disk full")) };
  await run?.close();
  await expect(begun(tinyConfig({}, {}, bigramModel), failing)).rejects.toThrow("disk full");
  expect(faults.held()).toEqual(before);
});
