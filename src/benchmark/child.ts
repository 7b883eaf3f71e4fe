/**
 * Tasks in a process of their own, so that each has its own peak of memory: `node child.js TASK …`. Those that take turns
 * answer lines, see `sides.ts`; the others print one line of JSON.
 */

import { type Device, openDevice } from "../runtime/index.ts";
import { growthTask } from "./growth-task.ts";
import { peakBytes } from "./memory.ts";
import { serveLines } from "./peer.ts";
import { compileProducts, productsOf } from "./products.ts";
import { sessionTask } from "./session-task.ts";
import { stepTrainer } from "./step-trainer.ts";
import { batchesOf, stateOf, type Work, workModels, workNames, workOf } from "./work.ts";

type Stepper = () => Promise<{ readonly seconds: number; readonly loss?: number }>;

/** Steps of training. */
async function trainingSteps(device: Device, work: Work): Promise<Stepper> {
  const { training } = work;
  const trainer = await stepTrainer(device, work, stateOf(work));
  const batches = batchesOf(work);
  let next = 0;
  return async () => {
    const batch = batches.slice(next++ % batches.length).slice(0, 1);
    const begun = performance.now();
    const { loss } = await trainer.update(batch, training.learningRate, 1);
    return { seconds: (performance.now() - begun) / 1000, loss };
  };
}

/** The matrix products of a step, and nothing else. */
async function productSteps(device: Device, work: Work): Promise<Stepper> {
  const products = await compileProducts(device, productsOf(work));
  return async () => ({ seconds: await products.run() });
}

async function serveSteps(begin: (device: Device, work: Work) => Promise<Stepper>, given: readonly string[]) {
  const work = workNamed(given);
  const device = await openDevice("cpu");
  const step = await begin(device, work);
  await serveLines(async ([command, count]) => {
    if (command === "memory") return { peakBytes: peakBytes() };
    const steps: Awaited<ReturnType<Stepper>>[] = [];
    for (let index = 0; index < Number(count); index++) steps.push(await step());
    return { seconds: steps.map(({ seconds }) => seconds), losses: steps.flatMap(({ loss }) => loss ?? []) };
  });
  await device.close();
}

function workNamed([size, type]: readonly string[]): Work {
  const name = workNames.find((known) => known === size);
  const model = workModels.find((known) => known === type);
  if (name === undefined || model === undefined) throw new Error(`internal: there is no work ${size} ${type}`);
  return workOf(name, model);
}

const tasks: Readonly<Record<string, (given: readonly string[]) => Promise<void>>> = {
  steps: (given) => serveSteps(trainingSteps, given),
  products: (given) => serveSteps(productSteps, given),
  growth: growthTask,
  session: sessionTask,
};

const [task = "", ...given] = process.argv.slice(2);
await tasks[task]?.(given);
