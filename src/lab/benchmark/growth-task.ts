/** What a growth costs: time, memory, and the time until the grown model has made a step. */

import { configSchema, presets } from "../../configuration/index.ts";
import { grow, type ModelState, type TokenPlan, tokenPlanSchema } from "../../growth/index.ts";
import { type CompleteModelConfig, countParameters, givenOf, modelOf, sizesOf } from "../../model/index.ts";
import { openDevice } from "../../runtime/index.ts";
import { initialState, Trainer } from "../../training/portable.ts";
import { peakBytes } from "./memory.ts";
import { timeOf } from "./time.ts";
import { batchesOf } from "./work.ts";

/** Tokens of each attention projection and of the feed-forward layer. */
export interface GrowthStage {
  readonly preset: "mini" | "124m";
  readonly from: readonly [attention: number, feedForward: number];
  readonly to: readonly [attention: number, feedForward: number];
  /** Whether Adam's moments grow too. */
  readonly moments: boolean;
  /** Whether the grown model makes a step. */
  readonly step: boolean;
}

export interface GrowthTimes {
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  /** Bytes of the grown state: weights, and moments if they grow too. */
  readonly stateBytes: number;
  /** The most resident memory up to the end of the growth, in bytes: both states, and the program itself. */
  readonly peakBytes: number;
  /** Seconds of the growth. */
  readonly growth: number;
  /** Seconds from there until the first step is made, compiling included; missing if none was. */
  readonly nextStep: number | undefined;
  /** The most resident memory after that step, in bytes. */
  readonly peakBytesOfStep: number | undefined;
}

/** Prints the times of a stage, which is given as JSON. */
export async function growthTask([text = "{}"]: readonly string[]): Promise<void> {
  const stage: GrowthStage = JSON.parse(text);
  const before = stateBefore(stage);
  const parametersBefore = countParameters(before.config).total;
  const plan = planOfStage(stage);
  const { result: after, seconds: growth } = await timeOf(async () => grow(before, plan, 1));
  const peak = peakBytes();
  const parametersAfter = countParameters(after.config).total;
  const stateBytes = 4 * parametersAfter * (stage.moments ? 3 : 1);
  const nextStep = stage.step ? await timeOfStep(after) : undefined;
  const peakBytesOfStep = stage.step ? peakBytes() : undefined;
  const times: GrowthTimes = {
    parametersBefore,
    parametersAfter,
    stateBytes,
    peakBytes: peak,
    growth,
    nextStep,
    peakBytesOfStep,
  };
  process.stdout.write(`${JSON.stringify(times)}\n`);
}

function stateBefore({ preset, from: [attention, feedForward], moments }: GrowthStage): ModelState {
  const { model } = configSchema.parse(presets[preset].config);
  const tokens = { query: attention, key: attention, value: attention, projection: attention, feedForward };
  if (model.type !== "tokenformer") throw new Error(`internal: the preset ${preset} is a ${model.type}`);
  const config: CompleteModelConfig = {
    ...model,
    context: Math.min(256, model.context),
    vocabulary: model.vocabulary ?? 65,
    tokens,
  };
  const state = initialState(modelOf(config), 1, sizesOf(config));
  const squares = () =>
    new Map([...state.parameters].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x * x) }]));
  return {
    ...state,
    config,
    ramps: [],
    rewarm: undefined,
    moments: moments ? { first: squares(), second: squares() } : undefined,
  };
}

function planOfStage({ from, to }: GrowthStage): TokenPlan {
  const attention = to[0] - from[0];
  const add = {
    query: attention,
    key: attention,
    value: attention,
    projection: attention,
    feedForward: to[1] - from[1],
  };
  return tokenPlanSchema.parse({ add });
}

async function timeOfStep(state: ModelState): Promise<number> {
  const { training } = configSchema.parse(presets["nanogpt-cpu"].config);
  const { config } = state;
  const batches = batchesOf({ config, batch: 1 }, 1);
  const { seconds } = await timeOf(async () => {
    const device = await openDevice("cpu");
    const options = { ...training, given: givenOf(config) };
    const trainer = await Trainer.create(device, modelOf(config), state, options);
    const { loss } = await trainer.update(batches, training.learningRate, 1);
    if (!Number.isFinite(loss)) throw new Error(`the step after the growth has the loss ${loss}`);
    await device.close();
  });
  return seconds;
}
