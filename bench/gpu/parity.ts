/** Whether a device trains as the CPU does: losses of the same steps. */

import { type DeviceName, modelOf, openDevice } from "tokenformer";
import { batchesOf, stateOf, type Work, workModels, workOf } from "tokenformer/benchmark";
import { givenOf } from "tokenformer/model";
import type { Precision } from "tokenformer/tensor";
import { requireHalfProducts, Trainer } from "tokenformer/training";

/** By how much losses may differ from the CPU's, relative to them: of products in float16 what `bench:half` found, and some room. */
export const TOLERANCE: Readonly<Record<Precision, number>> = { float32: 1e-4, float16: 2e-2 };

export interface Parity {
  readonly device: DeviceName;
  readonly model: string;
  readonly precision: Precision;
  readonly steps: number;
  /** The losses before each update, in nats per token. */
  readonly losses: readonly number[];
  /** The largest relative difference from the CPU's in float32. */
  readonly deviation: number;
}

/** So many steps of both models at `nanogpt-cpu`, in float32 and, where the device has it, in float16. */
export async function parityOf(name: DeviceName, steps: number, note: (line: string) => void): Promise<Parity[]> {
  const found: Parity[] = [];
  for (const type of workModels) {
    const work = workOf("nanogpt-cpu", type);
    const expected = await lossesOn("cpu", work, "float32", steps);
    for (const precision of (await hasHalf(name)) ? (["float32", "float16"] as const) : (["float32"] as const)) {
      const losses = await lossesOn(name, work, precision, steps);
      const deviation = Math.max(...losses.map((loss, step) => relative(loss, expected[step] ?? Number.NaN)));
      note(`  losses of ${type} in ${precision} within ${deviation.toExponential(1)} of the CPU's over ${steps} steps`);
      found.push({ device: name, model: type, precision, steps, losses, deviation });
    }
  }
  return found;
}

const relative = (value: number, expected: number) => Math.abs(value - expected) / expected;

async function lossesOn(name: DeviceName, work: Work, precision: Precision, steps: number): Promise<number[]> {
  const { config, training } = work;
  const device = await openDevice(name);
  const trainer = await Trainer.create(device, modelOf(config), stateOf(work), {
    ...training,
    precision,
    given: givenOf(config),
    time: config.context,
  });
  const losses: number[] = [];
  for (const batch of batchesOf(work, steps)) {
    const { loss } = await trainer.update([batch], training.learningRate, 1);
    losses.push(loss);
  }
  await trainer.close();
  await device.close();
  return losses;
}

async function hasHalf(name: DeviceName): Promise<boolean> {
  const device = await openDevice(name);
  try {
    await requireHalfProducts(device, "float16");
    return true;
  } catch {
    return false;
  } finally {
    await device.close();
  }
}
