import { describe, expect, it } from "vitest";
import { type Checkpoint, checkpointFiles, parseCheckpoint } from "../../src/checkpoint/portable.ts";
import { type Communicator, inProcessCommunicators } from "../../src/cluster/index.ts";
import { type Config, configSchema, scheduleOf, type TrainingEvent } from "../../src/configuration/index.ts";
import type { HostArray } from "../../src/growth/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { learningRateAt } from "../../src/optimizer/index.ts";
import { required } from "../../src/required.ts";
import { randomBatch } from "../../src/text/index.ts";
import { Run, Trainer } from "../../src/training/portable.ts";
import { passRowsOf } from "../../src/training/ranks.ts";
import { newStart } from "../../src/training/start.ts";
import { useDevice } from "../support/device.ts";
import { corpus, lossesOf, ofType, tinyConfig, tokenformerModel } from "./support.ts";

const device = useDevice("cpu", { threads: 1 });

const [H, ETA, MU] = [3, 0.6, 0.8];
const local = { localSteps: H, outerLearningRate: ETA, outerMomentum: MU };
const model = tokenformerModel;

interface Outcome {
  readonly events: readonly TrainingEvent[];
  readonly checkpoint: Checkpoint;
}

/** What becomes of a run on each of so many ranks; on none, of one that is alone. */
async function outcomes(
  ranks: number,
  config: Config,
  from?: Checkpoint,
  wrap = (communicator: Communicator) => communicator,
): Promise<Outcome[]> {
  const communicators = ranks === 0 ? [undefined] : inProcessCommunicators(ranks).map(wrap);
  return Promise.all(
    communicators.map(async (communicator) => {
      const place = { corpus, device: device(), communicator, config };
      const run = await (from === undefined ? Run.create(place) : Run.resume(from, place));
      const events: TrainingEvent[] = [];
      for await (const event of run.events()) events.push(event);
      const checkpoint = await run.checkpoint();
      await run.close();
      return { events, checkpoint };
    }),
  );
}

const first = <Value>([value]: readonly Value[]): Value => {
  if (value === undefined) throw new Error("there is none");
  return value;
};

/** All bits of a state. */
const bitsOf = ({ state: { parameters, moments } }: Checkpoint) =>
  [parameters, moments?.first, moments?.second, moments?.outer].map((arrays) =>
    [...(arrays ?? [])].map(([name, { data }]) => [name, [...data]]),
  );

/** The weights and the outer momentum after updates of so many trainers, each by itself, with exchanges computed here in float64. */
async function computed(config: Config, ranks: number): Promise<Record<"weights" | "momentum", Map<string, number[]>>> {
  const { config: whole, state } = await newStart(config, { corpus });
  const given = givenOf(state.config);
  const trainers = await Promise.all(
    Array.from({ length: ranks }, () =>
      Trainer.create(device(), modelOf(state.config), state, { ...config.training, given }),
    ),
  );
  let weights = new Map([...state.parameters].map(([name, { data }]) => [name, [...data]]));
  const momentum = new Map([...weights].map(([name, { length }]) => [name, new Array<number>(length).fill(0)]));
  for (let step = 0; step < config.training.steps; step++) {
    for (const [rank, trainer] of trainers.entries()) {
      const passes = passRowsOf(whole, { rank, size: ranks }).map(({ rows, ...pass }) => {
        const { seed, batch: sequences } = config.training;
        const { context } = config.model;
        return { ...randomBatch(corpus.train, { seed, step, sequences, context, rows }), ...pass };
      });
      await trainer.update(passes, learningRateAt(step, scheduleOf(config)), config.training.seed);
    }
    if ((step + 1) % H > 0) continue;
    const states = await Promise.all(trainers.map((trainer) => trainer.download()));
    const mean = (arrays: readonly (HostArray | undefined)[], index: number) =>
      arrays.reduce((sum, array) => sum + (array?.data[index] ?? Number.NaN), 0) / ranks;
    const means = (of: (one: (typeof states)[number]) => ReadonlyMap<string, HostArray> | undefined) =>
      new Map(
        [...state.parameters].map(([name, { shape, data }]) => {
          const arrays = states.map((one) => of(one)?.get(name));
          return [name, { shape, data: data.map((_, index) => mean(arrays, index)) }] as const;
        }),
      );
    const averaged = means(({ parameters }) => parameters);
    weights = new Map(
      [...weights].map(([name, before]) => {
        const speed = required(momentum, name);
        return [
          name,
          before.map((from, index) => {
            const gradient = from - (required(averaged, name).data[index] ?? Number.NaN);
            speed[index] = MU * (speed[index] ?? 0) + gradient;
            return from - ETA * (gradient + MU * (speed[index] ?? 0));
          }),
        ];
      }),
    );
    const parameters = new Map(
      [...state.parameters].map(([name, { shape }]) => [
        name,
        { shape, data: Float32Array.from(required(weights, name)) },
      ]),
    );
    const moments = { first: means((one) => one.moments?.first), second: means((one) => one.moments?.second) };
    for (const [rank, trainer] of trainers.entries()) {
      const own = states[rank];
      if (own !== undefined) await trainer.replace({ ...own, parameters, moments });
    }
  }
  for (const trainer of trainers) await trainer.close();
  return { weights, momentum };
}

describe("updates that ranks make by themselves", () => {
  it.each([0, 2, 3])("are those of as many trainers with exchanges, on %d ranks", async (ranks) => {
    const config = tinyConfig({ ...local, steps: 9 }, {}, { ...model, dropout: 0.2 });
    const expected = await computed(config, Math.max(1, ranks));
    const all = await outcomes(ranks, config);
    for (const { checkpoint } of all) {
      expect(bitsOf(checkpoint)).toEqual(bitsOf(first(all).checkpoint));
      for (const [name, { data }] of checkpoint.state.parameters) {
        const momentum = checkpoint.state.moments?.outer?.get(name)?.data;
        data.forEach((value, index) => {
          expect(value, name).toBeCloseTo(required(expected.weights, name)[index] ?? Number.NaN, 5);
          expect(momentum?.[index], name).toBeCloseTo(required(expected.momentum, name)[index] ?? Number.NaN, 5);
        });
      }
    }
  });

  it("go on bit by bit from a checkpoint, also after growth", async () => {
    const growth = [{ step: 6, add: { query: 3, feedForward: 5 } }];
    const whole = tinyConfig({ ...local, steps: 12 }, { growth }, model);
    const half = tinyConfig({ ...local, steps: 9, schedule: "constant" }, { growth }, model);
    const flat = { ...whole, training: { ...whole.training, schedule: "constant" } } as const;
    const { checkpoint } = first(await outcomes(2, half));
    const files = await checkpointFiles(checkpoint);
    const all = await outcomes(2, flat, await parseCheckpoint(files));
    const expected = await outcomes(2, flat);
    expect(bitsOf(first(all).checkpoint)).toEqual(bitsOf(first(expected).checkpoint));
    expect(lossesOf(first(all).events)).toEqual(lossesOf(first(expected).events).slice(9));
    expect(first(ofType(first(expected).events, "growth")).maxLogitDifference).toBeLessThan(1e-6);
  });

  it("learn nearly the same from what travels in bfloat16, and all ranks the same", async () => {
    const config = tinyConfig({ ...local, steps: 6 }, {}, model);
    const halved = { ...config, training: { ...config.training, communicationDtype: "bfloat16" as const } };
    const [whole, [one, other]] = [first(await outcomes(2, config)), await outcomes(2, halved)];
    if (one === undefined || other === undefined) throw new Error("no outcome");
    expect(bitsOf(other.checkpoint)).toEqual(bitsOf(one.checkpoint));
    const start = await newStart(config, { corpus });
    for (const [name, { data }] of whole.checkpoint.state.parameters) {
      const [begun, rounded] = [start.state, one.checkpoint.state].map(
        ({ parameters }) => required(parameters, name).data,
      );
      const difference = data.reduce((sum, value, index) => sum + (value - (rounded?.[index] ?? Number.NaN)) ** 2, 0);
      const moved = data.reduce((sum, value, index) => sum + (value - (begun?.[index] ?? Number.NaN)) ** 2, 0);
      // Eight bits of what each rank has moved by at two exchanges, and of moments.
      expect(Math.sqrt(difference / moved), name).toBeLessThan(0.01);
      expect(difference, name).toBeGreaterThan(0);
    }
  });

  it("send the weights and moments once an exchange, without the tokens that are frozen", async () => {
    let sent = 0;
    const counted = (communicator: Communicator): Communicator =>
      new Proxy(communicator, {
        get: (target, key) => {
          if (key === "allReduce") {
            return (values: Float32Array) => {
              if (target.rank === 0) sent += values.length;
              return target.allReduce(values);
            };
          }
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    const growth = [{ step: 3, add: { feedForward: 5 }, freeze: 100 }];
    const { checkpoint } = first(
      await outcomes(2, tinyConfig({ ...local, steps: 6 }, { growth }, model), undefined, counted),
    );
    const sizes = [...checkpoint.state.parameters].map(([name, { data }]) => ({ name, length: data.length }));
    const total = (of: typeof sizes) => of.reduce((sum, { length }) => sum + length, 0);
    // Keys and values of the five that were appended to the eleven that are frozen from then on.
    const [fresh, frozen] = [2 * 5 * model.width, 2 * 11 * model.width];
    expect(sent).toBe(3 * (total(sizes) - fresh) + 3 * (total(sizes) - frozen));
  });

  it("have an exchange wherever something else happens, but for growth that is done", async () => {
    const complaint = (training: object) => {
      const parsed = configSchema.safeParse({
        model,
        training: { steps: 12, ...local, evaluateEvery: 0, checkpointEvery: 0, ...training },
      });
      return parsed.success
        ? ""
        : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; ");
    };
    expect(complaint({})).toBe("");
    const why =
      "expected a multiple of training.localSteps, 3: what happens between updates happens where ranks exchange them";
    expect(complaint({ steps: 13 })).toBe(`training.steps is 13, ${why}`);
    expect(complaint({ evaluateAt: [3, 4] })).toBe(`training.evaluateAt.1 is 4, ${why}`);
    const growing = (training: object) =>
      tinyConfig({ steps: 6, ...training }, { growth: [{ step: 2, add: { query: 3 } }] }, model);
    const run = await Run.create({ config: growing({}), corpus, device: device() });
    for await (const event of run.events()) if (event.type === "growth") break;
    const checkpoint = await run.checkpoint();
    await run.close();
    const later = { config: growing({ ...local, steps: 12 }), corpus, device: device() };
    await expect(Run.create(later)).rejects.toThrow(`growth.step is 2, ${why}`);
    await (await Run.resume(checkpoint, later)).close();
  });

  it("are not looked at, grown or ended between two exchanges", async () => {
    const run = await Run.create({ config: tinyConfig({ ...local, steps: 6 }, {}, model), corpus, device: device() });
    const stopping = new AbortController();
    const steps: number[] = [];
    for await (const event of run.events(stopping.signal)) {
      if (event.type !== "step") continue;
      steps.push(event.step);
      if (event.step > 1) continue;
      stopping.abort();
      const why =
        "takes a model that all ranks have, which there is after each step that is a multiple of training.localSteps, 3";
      await expect(run.checkpoint()).rejects.toThrow(`step 1: a checkpoint ${why}`);
      await expect(run.grow({ add: { query: 3 } })).rejects.toThrow(`step 1: growth ${why}`);
    }
    expect(steps).toEqual([1, 2, 3]);
    await run.close();
  });
});
