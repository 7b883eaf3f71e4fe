/** The optimiser for a device, alone or with other ranks. */

import type { Communicator } from "../cluster/portable.ts";
import type { ParameterSpec } from "../nn/index.ts";
import type { Device } from "../runtime/portable.ts";
import { type AdamWOptions, GraphOptimizer, KernelOptimizer, type Optimizer } from "./adamw.ts";
import { ReducedOptimizer } from "./reduced-optimizer.ts";
import { ShardedOptimizer } from "./sharded-optimizer.ts";

/** @param communicator the ranks that share the work of an update; `undefined`: this one is alone */
export async function createOptimizer(
  device: Device,
  specs: readonly ParameterSpec[],
  options: AdamWOptions,
  communicator: Communicator | undefined,
): Promise<Optimizer> {
  if (device.kind === "cpu") {
    return communicator === undefined
      ? new KernelOptimizer(device, specs, options)
      : new ShardedOptimizer(device, specs, options, communicator);
  }
  const alone = await GraphOptimizer.create(device, specs, options);
  return communicator === undefined ? alone : new ReducedOptimizer(device, alone, communicator);
}
