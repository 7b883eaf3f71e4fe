/**
 * Tasks in a process of their own, so that each has its own peak of memory: `node child.js TASK …`. Those that take turns
 * answer lines, see `sides.ts`; the others print one line of JSON.
 */

import { UserError } from "../../errors.ts";
import { threadsEach } from "../../optimizer/index.ts";
import { type Device, deviceNames, openDevice } from "../../runtime/index.ts";
import { type Precision, precisions } from "../../tensor/index.ts";
import { growthTask } from "./growth-task.ts";
import { peakBytes } from "./memory.ts";
import { serveLines } from "./peer.ts";
import { compileProducts, productsOf } from "./products.ts";
import { sessionTask } from "./session-task.ts";
import { replicasOf, stepTrainer } from "./step-trainer.ts";
import { batchesOf, stateOf, type Work, workModels, workNames, workOf } from "./work.ts";

/** How a side computes. */
interface Way {
  readonly device: Device;
  readonly precision: Precision;
}

type Stepper = () => Promise<{ readonly seconds: number; readonly loss?: number }>;

/** Steps of training. */
async function trainingSteps({ device, precision }: Way, work: Work): Promise<Stepper> {
  const { training } = work;
  const trainer = await stepTrainer(device, work, stateOf(work), precision);
  const batches = batchesOf(work);
  let next = 0;
  return async () => {
    const batch = batches.slice(next++ % batches.length).slice(0, 1);
    const startedAt = performance.now();
    const { loss } = await trainer.update(batch, training.learningRate, 1);
    return { seconds: (performance.now() - startedAt) / 1000, loss };
  };
}

/** The matrix products of a step, and nothing else, on the devices that share its batch, with the threads that each has in a step. */
async function productSteps({ device, precision }: Way, work: Work): Promise<Stepper> {
  const count = replicasOf(device, work);
  const threads = threadsEach(device, count);
  const devices = [device, ...(await Promise.all(Array.from({ length: count - 1 }, () => device.another(threads))))];
  const shares = devices.map((own, index) => {
    const batch = Math.floor((work.batch + index) / count);
    return compileProducts(own, productsOf({ ...work, batch }), { precision, threads });
  });
  const products = await Promise.all(shares);
  return async () => {
    const startedAt = performance.now();
    await Promise.all(products.map((own) => own.run()));
    return { seconds: (performance.now() - startedAt) / 1000 };
  };
}

async function serveSteps(begin: (way: Way, work: Work) => Promise<Stepper>, given: readonly string[]) {
  const [, , deviceName, precisionName] = given;
  const work = workNamed(given);
  const device = await openDevice(oneOf(deviceNames, deviceName));
  const step = await begin({ device, precision: oneOf(precisions, precisionName) }, work);
  await serveLines(async ([command, count]) => {
    if (command === "memory") return { peakBytes: peakBytes() };
    const steps: Awaited<ReturnType<Stepper>>[] = [];
    for (let index = 0; index < Number(count); index++) steps.push(await step());
    return { seconds: steps.map(({ seconds }) => seconds), losses: steps.flatMap(({ loss }) => loss ?? []) };
  });
  await device.close();
}

function workNamed([size, type]: readonly string[]): Work {
  return workOf(oneOf(workNames, size), oneOf(workModels, type));
}

function oneOf<Name extends string>(names: readonly Name[], given: string | undefined): Name {
  const found = names.find((name) => name === given);
  if (found === undefined) throw new Error(`internal: ${given} is none of ${names.join(", ")}`);
  return found;
}

const tasks: Readonly<Record<string, (given: readonly string[]) => Promise<void>>> = {
  steps: (given) => serveSteps(trainingSteps, given),
  products: (given) => serveSteps(productSteps, given),
  growth: growthTask,
  session: sessionTask,
};

const [task = "", ...given] = process.argv.slice(2);
try {
  await tasks[task]?.(given);
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
}
