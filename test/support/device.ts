/** A device for a test file, and runs from plain arrays to plain arrays. */

import { afterAll, beforeAll } from "vitest";
import { hostTensor } from "../../src/runtime/check-operator.ts";
import {
  type Device,
  type DeviceName,
  type DeviceOptions,
  type HostTensor,
  openDevice,
} from "../../src/runtime/index.ts";
import { graph, type Tensor } from "../../src/tensor/index.ts";
import type { Values } from "./values.ts";

/** Opens a device before the tests of the file and closes it after them. */
export function useDevice(name: DeviceName = "cpu", options: DeviceOptions = {}): () => Device {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice(name, options);
  });
  afterAll(async () => opened?.close());
  return () => {
    if (opened === undefined) throw new Error("the device is opened before the first test, not before that");
    return opened;
  };
}

/** Compiles the graph of some outputs, runs it once and gives them all. */
export async function run<Name extends string>(
  device: Device,
  outputs: Readonly<Record<Name, Tensor>>,
  inputs: Readonly<Record<string, Values>> = {},
): Promise<Record<Name, Values>> {
  const program = await device.compile(graph("test", outputs), { download: Object.keys(outputs) });
  const given = Object.entries(inputs).map(([name, value]) => [name, toHost(value)] as const);
  const results = await program.run(Object.fromEntries(given));
  await program.release();
  const entries = Object.entries(results.values).map(([name, value]) => [name, fromHost(value)] as const);
  return Object.fromEntries(entries) as Record<Name, Values>;
}

export const toHost = (values: Values): HostTensor => hostTensor(values);

export function fromHost({ dtype, shape, data }: HostTensor): Values {
  return { dtype, shape, data: Array.from<number | bigint, number>(data, Number) };
}

/** The entry of a name, which must be there. */
export function entry<Value>(record: Readonly<Record<string, Value>>, name: string): Value {
  const found = new Map(Object.entries(record)).get(name);
  if (found === undefined) throw new Error(`there is no "${name}" among ${Object.keys(record).join(", ")}`);
  return found;
}
