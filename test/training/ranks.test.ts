import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/index.ts";
import type { Checkpoint } from "../../src/checkpoint/portable.ts";
import { type Communicator, inProcessCommunicators } from "../../src/cluster/index.ts";
import type { TrainingEvent } from "../../src/configuration/index.ts";
import { grow, growthPlanSchema } from "../../src/growth/index.ts";
import { modelOf, sizesOf } from "../../src/model/index.ts";
import { GraphOptimizer } from "../../src/optimizer/graph-optimizer.ts";
import { ReducedOptimizer } from "../../src/optimizer/reduced-optimizer.ts";
import { ShardedOptimizer } from "../../src/optimizer/sharded-optimizer.ts";
import { required } from "../../src/required.ts";
import { type Device, type DeviceTensor, openDevice } from "../../src/runtime/index.ts";
import { gradientsOf } from "../../src/training/gradient-program.ts";
import { bytesAnUpdate, openRun, type TrainOptions } from "../../src/training/index.ts";
import { initialState } from "../../src/training/portable.ts";
import { failure } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import { modelState, tinyTokenFormer } from "../support/models.ts";
import { corpus, lossesOf, ofType, tinyConfig, tokenformerModel } from "./support.ts";

const device = useDevice();

/** Devices of ranks that have ended, for others. */
const idle: Device[] = [];
afterAll(async () => {
  for (const own of idle) await own.close();
});

const more = { query: "x2", key: "x2", value: "x2", projection: "x2", feedForward: "x2" } as const;

/** Two growths, of the second of which old tokens stay as they are for a while; passes of three sequences. */
const config = tinyConfig(
  // A rate so low that roundings do not grow: see the guide to many machines.
  { steps: 24, batch: 7, microBatch: 3, learningRate: 3e-4, evaluateEvery: 6, checkpointEvery: 11 },
  {
    growth: [
      { step: 7, add: more },
      { step: 15, add: more, init: "split", freeze: 3 },
    ],
  },
  { ...tokenformerModel, dropout: 0.2 },
);

interface Outcome {
  readonly events: readonly TrainingEvent[];
  readonly checkpoint: Checkpoint;
}

/**
 * What each of so many ranks makes of a run; of none, of a run that is alone.
 * @param stopAfter the last rank is asked to stop after this step
 */
async function outcomes(ranks: number, options: Partial<TrainOptions> = {}, stopAfter = 24): Promise<Outcome[]> {
  const communicators = ranks === 0 ? [undefined] : inProcessCommunicators(ranks);
  return Promise.all(communicators.map((communicator) => outcomeOf(communicator, options, stopAfter)));
}

async function outcomeOf(
  communicator: Communicator | undefined,
  options: Partial<TrainOptions>,
  stopAfter = 24,
): Promise<Outcome> {
  const stopping = new AbortController();
  const isLast = communicator === undefined || communicator.rank === communicator.size - 1;
  const own = idle.pop() ?? (await openDevice("cpu", { threads: 1 }));
  try {
    const run = await openRun({ config, data: corpus, device: own, communicator, ...options });
    const events: TrainingEvent[] = [];
    for await (const event of run.events(isLast ? stopping.signal : undefined)) {
      events.push(event);
      if (event.type === "step" && event.step === stopAfter) stopping.abort();
    }
    const checkpoint = await run.checkpoint();
    await run.close();
    return { events, checkpoint };
  } finally {
    idle.push(own);
  }
}

const made = new Map<number, Promise<Outcome[]>>();

/** What each of so many ranks makes of the whole run, made once for all tests. */
function wholeOutcomes(ranks: number): Promise<Outcome[]> {
  const all = made.get(ranks) ?? outcomes(ranks);
  made.set(ranks, all);
  return all;
}

/** A communicator that notes how many numbers an operation of a rank and one other had, and the bytes that each sent. */
function recording(communicator: Communicator, sent: { values: number; bytes: number }[]): Communicator {
  return new Proxy(communicator, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...given: readonly unknown[]) => {
        const [array, wire] = given;
        const each = wire === "bfloat16" ? 2 : 4;
        if (array instanceof Float32Array) sent.push({ values: array.length, bytes: each * (array.length / 2) });
        return Reflect.apply(value, target, given);
      };
    },
  });
}

/** A communicator as on a machine of that name. */
const on = (communicator: Communicator, host: string): Communicator =>
  new Proxy(communicator, {
    get: (target, key) => {
      const value: unknown = key === "host" ? host : Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

/** Why ranks were refused, on a machine that is called H. */
const refusals = async (ranks: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(ranks)).map((outcome) =>
    outcome.status === "rejected" ? String(outcome.reason).replaceAll(hostname(), "H") : undefined,
  );

const differ = (how: string) =>
  Array.from({ length: 2 }, () => `UserError: the ranks differ: ${how}; give all ranks the same`);

const bytesOf = ({ state: { parameters, moments } }: Checkpoint) =>
  [parameters, moments?.first, moments?.second].flatMap((arrays) =>
    [...(arrays ?? [])].map(([name, { data }]) => [name, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]),
  );

const validations = (events: readonly TrainingEvent[]) =>
  ofType(events, "validation").map(({ validationLoss }) => validationLoss);

describe("several ranks", () => {
  it("make the run of one, with growth, dropout and frozen tokens, whatever their number", async () => {
    const [alone] = await outcomes(0);
    if (alone === undefined) throw new Error("no outcome");
    for (const ranks of [1, 2, 3, 4]) {
      const all = await wholeOutcomes(ranks);
      const [first] = all;
      if (first === undefined) throw new Error("no outcome");
      // Every rank has the same, bit by bit: weights, and moments that are gathered from all.
      for (const other of all) {
        expect(bytesOf(other.checkpoint)).toEqual(bytesOf(first.checkpoint));
        expect(lossesOf(other.events)).toEqual(lossesOf(first.events));
        expect(validations(other.events)).toEqual(validations(first.events));
      }
      const [expected, actual] = [alone, first].map(({ events }) => [...lossesOf(events), ...validations(events)]);
      actual?.forEach((loss, index) => {
        const wanted = expected?.[index] ?? Number.NaN;
        expect(Math.abs(loss - wanted) / wanted, `${ranks} ranks, loss ${index}`).toBeLessThan(1e-6);
      });
      for (const growth of ofType(first.events, "growth")) {
        expect(growth.maxLogitDifference).toBeLessThan(1e-6);
      }
      if (ranks === 1) expect(bytesOf(first.checkpoint)).toEqual(bytesOf(alone.checkpoint));
    }
  });

  it("learn the same when gradients travel in bfloat16, in half as many bytes", async () => {
    const whole = required(new Map((await wholeOutcomes(2)).entries()), 0);
    const halved = { ...config, training: { ...config.training, communicationDtype: "bfloat16" as const } };
    const sent: { readonly values: number; readonly bytes: number }[] = [];
    const communicators = inProcessCommunicators(2).map((own) => (own.rank === 0 ? recording(own, sent) : own));
    const [first, second] = await Promise.all(communicators.map((own) => outcomeOf(own, { config: halved }, 5)));
    if (first === undefined || second === undefined) throw new Error("no outcome");
    expect(bytesOf(second.checkpoint)).toEqual(bytesOf(first.checkpoint));
    const parameters = [...first.checkpoint.state.parameters.values()].reduce((sum, { data }) => sum + data.length, 0);
    // Beside what ranks tell each other, and both moments, for the checkpoint.
    const large = sent.filter(({ values }) => values === parameters).map(({ bytes }) => bytes);
    const total = large.reduce((sum, bytes) => sum + bytes, 0);
    expect(total - 2 * 4 * (parameters / 2)).toBe(5 * bytesAnUpdate(halved, parameters, 2));
    expect(bytesAnUpdate(halved, parameters, 2)).toBe(0.75 * bytesAnUpdate(config, parameters, 2));
    const [losses, expected] = [lossesOf(first.events), lossesOf(whole.events).slice(0, 5)];
    expect(losses).not.toEqual(expected);
    losses.forEach((loss, index) => {
      expect(Math.abs(loss - (expected[index] ?? Number.NaN)) / loss).toBeLessThan(1e-3);
    });
  });

  it("write the folder of one run, which goes on with as many ranks bit by bit, and with any other number", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tokenformer-ranks-"));
    try {
      const [whole] = await wholeOutcomes(3);
      const [out, other] = [join(folder, "run"), join(folder, "other")];
      await outcomes(3, { out }, 13);
      const records = (await readFile(join(out, "metrics.jsonl"), "utf8")).trim().split("\n");
      const steps = records
        .map((line): Record<string, unknown> => JSON.parse(line))
        .filter((record) => "loss" in record);
      expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
      await cp(out, other, { recursive: true });
      const [same] = await outcomes(3, { out, resume: true });
      const [fewer] = await outcomes(2, { out: other, resume: true });
      expect(bytesOf(await loadCheckpoint(out))).toEqual(
        bytesOf(required(new Map(whole && [[0, whole]]), 0).checkpoint),
      );
      const expected = lossesOf(whole?.events ?? []).slice(13);
      expect(lossesOf(same?.events ?? [])).toEqual(expected);
      lossesOf(fewer?.events ?? []).forEach((loss, index) => {
        expect(Math.abs(loss - (expected[index] ?? Number.NaN)) / loss).toBeLessThan(1e-6);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("stop after the same step when one of them is asked to", async () => {
    for (const { events } of await outcomes(2, {}, 5)) {
      expect(ofType(events, "step").map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
      expect(events.at(-1)).toMatchObject({ type: "end", step: 5, interrupted: true });
    }
  });

  it("are refused where one would have nothing to do, or begins with something else", async () => {
    await expect(outcomes(8)).rejects.toThrow(
      "training.batch is 7, and there are 8 ranks: each needs a sequence of every batch; start fewer ranks, or raise training.batch",
    );
    const differing = inProcessCommunicators(2).map((communicator) =>
      outcomeOf(communicator, {
        config: { ...config, training: { ...config.training, seed: communicator.rank } },
      }),
    );
    expect(await refusals(differing)).toEqual(differ("training.seed is 0 on rank 0 on H and 1 on rank 1 on H"));
  });

  it("are refused for want of memory by what a rank takes", async () => {
    const model = { ...tokenformerModel, width: 4e12, positions: "learned" } as const;
    const huge = { config: tinyConfig({ batch: 2 }, {}, model) };
    for (const said of await refusals(inProcessCommunicators(2).map((own) => outcomeOf(own, huge)))) {
      expect(said).toMatch(/^UserError: each of 2 ranks takes at least .* of memory for it here; start fewer ranks/);
    }
  });

  it("are refused before they ask for unlike operations, which would write past arrays or never end", async () => {
    const of = (options: (rank: number) => Partial<TrainOptions>) =>
      refusals(inProcessCommunicators(2).map((own) => outcomeOf(own, options(own.rank), 1)));
    const kinds = ["cpu", "webgpu"] as const;
    expect(await of((rank) => (rank === 0 ? {} : { out: "o" }))).toEqual(
      differ("--out is missing on rank 0 on H and given on rank 1 on H"),
    );
    expect(await of((rank) => ({ out: "o", resume: rank === 0 }))).toEqual(
      differ("--resume is given on rank 0 on H and missing on rank 1 on H"),
    );
    expect(await of((rank) => ({ out: ["o", "./p"][rank] }))).toEqual(
      differ(`--out is ${resolve("o")} on rank 0 on H and ${resolve("p")} on rank 1 on H`),
    );
    expect(await of((rank) => ({ device: Object.create(device(), { kind: { value: kinds[rank] } }) }))).toEqual(
      differ("the device is the cpu on rank 0 on H and a GPU on rank 1 on H"),
    );
  });

  it("may have the folder of the run at unlike places of unlike machines", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tokenformer-ranks-"));
    try {
      const ranks = inProcessCommunicators(2).map((own) =>
        outcomeOf(on(own, `machine ${own.rank}`), { out: join(folder, String(own.rank)) }, 1),
      );
      expect((await Promise.all(ranks)).map(({ checkpoint }) => checkpoint.state.step)).toEqual([1, 1]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("optimisers of several ranks", () => {
  const state = modelState(tinyTokenFormer, initialState(modelOf(tinyTokenFormer), 3, sizesOf(tinyTokenFormer)));
  const grown = grow(
    state,
    growthPlanSchema.parse({ add: { query: 3, feedForward: 5 }, init: "random", freeze: 1 }),
    1,
  );
  const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clip: 0.5 };
  const { specs } = gradientsOf(modelOf(tinyTokenFormer));

  it.each([7, 2 ** 20])("update as one does, in buckets of %d, or with whole states", async (bucketLength) => {
    const gradientOf = (rank: number, name: string, length: number) =>
      Float32Array.from({ length }, (_, index) => Math.fround(Math.sin(index * 3 + name.length + rank * 5)));
    /** Two updates by gradients of each rank, and what is there then. */
    const updated = async (
      optimizer: InstanceType<typeof ShardedOptimizer | typeof ReducedOptimizer>,
      rank: number,
    ) => {
      let held = await optimizer.upload(grown);
      const norms: number[] = [];
      for (const step of [1, 2]) {
        const gradients = new Map();
        for (const [name, { shape, data }] of grown.parameters) {
          const tensor = { dtype: "float32", shape, data: gradientOf(rank, name, data.length) } as const;
          gradients.set(name, await device().upload(tensor));
        }
        const {
          norm,
          loss,
          state: next,
        } = await optimizer.update(
          held,
          { gradients, loss: rank + 0.5 },
          {
            learningRate: 0.01,
            step,
            updates: step - 1,
            lossScale: 2,
            generations: (name) => grown.lineage.get(name.replace(/\.(keys|values)$/, "")),
          },
        );
        held = next;
        norms.push(norm, loss);
      }
      const weights = new Map<string, number[]>();
      for (const [name, tensor] of held.parameters)
        weights.set(name, [...(await device().download(tensor)).data].map(Number));
      const { first, second } = await optimizer.moments(held, true);
      await optimizer.release();
      return { norms, weights, first, second };
    };
    const sharded = await Promise.all(
      inProcessCommunicators(3).map((communicator) =>
        updated(new ShardedOptimizer(device(), specs, options, communicator, bucketLength), communicator.rank),
      ),
    );
    const whole = await Promise.all(
      inProcessCommunicators(3).map(async (communicator) => {
        const inner = await GraphOptimizer.create(device(), specs, options);
        return updated(new ReducedOptimizer(device(), inner, communicator), communicator.rank);
      }),
    );
    const expected = required(new Map(whole.entries()), 0);
    expect(expected.norms[1]).toBe(4.5);
    for (const { norms, weights, first, second } of [...sharded, ...whole]) {
      norms.forEach((norm, index) => {
        expect(norm).toBeCloseTo(expected.norms[index] ?? Number.NaN, 4);
      });
      for (const [name, numbers] of weights) {
        const pairs = [
          [numbers, required(expected.weights, name)],
          [first.get(name)?.data, expected.first.get(name)?.data],
          [second.get(name)?.data, expected.second.get(name)?.data],
        ];
        // Of all numbers of an array, the one that is farthest off is expected to be near.
        for (const [actual = [], wanted = []] of pairs) {
          const errors = numbers.map((_, index) =>
            Math.abs((actual[index] ?? Number.NaN) - (wanted[index] ?? Number.NaN)),
          );
          expect(Math.max(...errors), name).toBeCloseTo(0, 5);
        }
      }
    }
  });

  it("refuse what an update left that failed amid its changes, and nothing before", async () => {
    const second = await openDevice("cpu", { threads: 1 });
    const gradientsOn = async (own: Device) => {
      const gradients = new Map<string, DeviceTensor>();
      for (const [name, { shape, data }] of state.parameters) {
        const gradient = Float32Array.from(data, (_, index) => Math.sin(index));
        gradients.set(name, await own.upload({ dtype: "float32", shape, data: gradient }));
      }
      return gradients;
    };
    const step = { learningRate: 0.01, step: 1, updates: 0, lossScale: 1, generations: () => undefined };
    const outcomes: { readonly changed: boolean; readonly refusals: readonly string[] }[] = [];
    for (let nth = 1; ; nth++) {
      const all = inProcessCommunicators(2);
      const devices = [refusing(device(), nth), second];
      const ranks = await Promise.all(
        all.map(async (communicator, rank) => {
          const own = required(new Map(devices.entries()), rank);
          const optimizer = new ShardedOptimizer(own, specs, options, communicator, 300);
          return { optimizer, own, communicator, held: await optimizer.upload(state) };
        }),
      );
      const [first] = ranks;
      if (first === undefined) throw new Error("no rank");
      const bytes = async () => {
        const { parameters, first: firsts, second: seconds } = first.held;
        const tensors = [parameters, firsts, seconds].flatMap((part) => [...part.values()]);
        return Promise.all(tensors.map(async (tensor) => [...(await device().download(tensor)).data]));
      };
      const before = await bytes();
      const update = async ({ optimizer, own, communicator, held }: (typeof ranks)[number]) => {
        const computed = { gradients: await gradientsOn(own), loss: 1 };
        // Where a rank is gone, nobody waits for it.
        return optimizer.update(held, computed, step).catch(async (error: unknown) => {
          await communicator.close();
          throw error;
        });
      };
      const [updated] = await Promise.allSettled(ranks.map(update));
      if (updated?.status === "fulfilled") break;
      const changed = !isDeepStrictEqual(await bytes(), before);
      const refusals = [await failure(update(first)), await failure(first.optimizer.moments(first.held, true))];
      outcomes.push({ changed, refusals });
      for (const { optimizer } of ranks) await optimizer.release();
    }
    await second.close();
    const torn = "Error: an update failed amid its changes";
    for (const { changed, refusals } of outcomes) {
      const expected = changed ? torn : expect.stringMatching(/amid its changes|rank 0 has left/);
      for (const refusal of refusals) expect(changed ? refusal.slice(0, torn.length) : refusal).toEqual(expected);
    }
    expect(outcomes.filter(({ changed }) => changed).length).toBeGreaterThan(3);
    expect(outcomes.filter(({ refusals }) => refusals[0] === "Error: rank 0 has left").length).toBeGreaterThan(3);
  });
});

/** A device that refuses one of the requests that change or read what is in its thread. */
function refusing(device: Device, nth: number): Device {
  let requests = 0;
  return new Proxy(device, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      if (key !== "kernel") return value.bind(target);
      return async (...given: readonly unknown[]) => {
        if (++requests === nth) throw new Error(`request ${nth} was refused`);
        return Reflect.apply(value, target, given);
      };
    },
  });
}
