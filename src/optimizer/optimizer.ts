/** The optimiser for a device, alone or with other ranks. */

import type { Communicator } from "../cluster/portable.ts";
import type { ParameterSpec } from "../nn/index.ts";
import type { Device } from "../runtime/portable.ts";
import { type AdamWOptions, checkAdamW, type Optimizer } from "./adamw.ts";
import { GraphOptimizer } from "./graph-optimizer.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";
import type { LocalUpdates } from "./local-optimizer.ts";
import { ReducedOptimizer } from "./reduced-optimizer.ts";
import { ShardedOptimizer, type Travel } from "./sharded-optimizer.ts";

/**
 * @param options with `local`, the ranks make updates by themselves, and exchange them now and then; else they make each together
 * @param communicator the ranks; `undefined`: this one is alone
 * @param shares whether the device has replicas, with which it makes updates together where it can
 * @throws RangeError for options that AdamW cannot be made with
 */
export async function createOptimizer(
  device: Device,
  specs: readonly ParameterSpec[],
  { local, ...options }: AdamWOptions & Travel & { readonly local?: LocalUpdates | undefined },
  communicator: Communicator | undefined,
  shares = false,
): Promise<Optimizer> {
  checkAdamW(options);
  if (local !== undefined && local.localSteps > 1) {
    const inner = await wholeOptimizer(device, specs, options);
    // Loaded where it is asked for: a page has no use for it.
    const { LocalOptimizer } = await import("./local-optimizer.ts");
    return new LocalOptimizer(device, inner, local, communicator);
  }
  if (communicator !== undefined && device.kind === "cpu")
    return new ShardedOptimizer(device, specs, options, communicator);
  const alone = await wholeOptimizer(device, specs, options, shares);
  if (communicator === undefined) return alone;
  return new ReducedOptimizer(device, alone, communicator, options.communicationDtype);
}

/** The one whose state is all on one device. */
async function wholeOptimizer(
  device: Device,
  specs: readonly ParameterSpec[],
  options: AdamWOptions,
  shares = false,
): Promise<KernelOptimizer | GraphOptimizer> {
  return device.kind === "cpu"
    ? new KernelOptimizer(device, specs, options, shares)
    : GraphOptimizer.create(device, specs, options);
}
