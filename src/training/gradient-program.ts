/** The program of an update's gradients, and the replicas that run it beside a device. */

import { type BatchForm, tracedLoss } from "../inference/index.ts";
import type { Model, ParameterSpec } from "../nn/index.ts";
import { gradientName, openReplicas, type Replicas, threadsEach } from "../optimizer/index.ts";
import type { Device, Program } from "../runtime/portable.ts";
import { gradients, graph, lowerings } from "../tensor/index.ts";
import type { TrainerOptions } from "./trainer-options.ts";

/**
 * The program of an update's gradients: `loss`, and `gradient:<parameter>` for each parameter that learns.
 * @param time the tokens of each sequence; default: any number
 * @param learns which parameters learn; default: all
 */
export function gradientsOf(model: Model, time?: number, form: BatchForm = {}, learns?: TrainerOptions["learns"]) {
  const { scope, loss } = tracedLoss(model, { training: true, time, learns, ...form });
  const specs = scope.parameters.filter(({ name }) => scope.learns(name));
  const tensors = scope.parameterTensors.filter((_, index) => scope.learns(scope.parameters[index]?.name ?? ""));
  const wrt = gradients(loss, tensors);
  const named = wrt.map((gradient, index) => [gradientName(specs[index]?.name ?? ""), gradient] as const);
  return { specs, graph: graph("gradients", { loss, ...Object.fromEntries(named) }) };
}

/** Compiles the program, on the device and on its replicas, with the specifications of what learns. */
export async function openGradients(
  device: Device,
  model: Model,
  { replicas: count = 1, precision: products = "float32", form, time, learns }: TrainerOptions,
  onFailure: (free: () => unknown) => void,
): Promise<{
  readonly specs: readonly ParameterSpec[];
  readonly gradients: Program;
  readonly replicas: Replicas | undefined;
}> {
  if (count > 1 && products !== "float32") throw new Error(`replicas compute in float32, not ${products}`);
  if (count > 1 && !device.canMultiply) throw new Error(`replicas need the cpu of Node, not ${device.description}`);
  const known = lowerings[device.kind].knownSizes ? time : undefined;
  const { specs, graph: program } = gradientsOf(model, known, form, learns);
  const names = specs.map(({ name }) => name);
  const threads = threadsEach(device, count);
  const opening = count > 1 ? openReplicas(device, count - 1, threads, program, names) : undefined;
  const compiling = device.compile(program, {
    download: ["loss"],
    threads,
    inPlace: true,
    products,
  });
  const [opened, compiled] = await Promise.allSettled([opening, compiling]);
  if (opened.status === "fulfilled") onFailure(() => opened.value?.close());
  if (compiled.status === "fulfilled") onFailure(() => compiled.value.release());
  return { specs, replicas: await opening, gradients: await compiling };
}
