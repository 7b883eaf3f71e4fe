/** How many replicas a batch is divided among. Their own code is loaded where there are any: in browsers there are none. */

import type { TokenBatch } from "../inference/index.ts";
import type { Device } from "../runtime/portable.ts";
import type { Replicas } from "./replicas.ts";

/** Tokens of a batch that make a replica worth it: fewer, and the products are too small to be fast. */
const TOKENS_EACH = 256;

/** Bytes that replicas may add. */
const MOST_BYTES = 768 * 2 ** 20;

/**
 * Bytes that a replica takes for each parameter: its weight, its gradient twice (ONNX Runtime's and the binding's copy), and its
 * gradient to be exchanged.
 */
const BYTES_OF_PARAMETER = 4 * Float32Array.BYTES_PER_ELEMENT;

/** Bytes that a replica takes beside its arrays, whatever the model: its thread, and ONNX Runtime. */
const THREAD_BYTES = 30 * 2 ** 20;

/**
 * How many replicas share the work of a batch best, the device of the state among them.
 * @param parameters their number
 */
export function replicasFor(
  device: Device,
  { sequences, context }: Pick<TokenBatch, "sequences" | "context">,
  parameters: number,
): number {
  if (!device.canMultiply) return 1;
  const bytesEach = THREAD_BYTES + BYTES_OF_PARAMETER * parameters;
  const most = [
    device.threads,
    sequences,
    Math.floor((sequences * context) / TOKENS_EACH),
    1 + Math.floor(MOST_BYTES / bytesEach),
  ];
  return Math.max(1, Math.min(...most));
}

/** Opens replicas: see `Replicas.open`. */
export async function openReplicas(...given: Parameters<typeof Replicas.open>): Promise<Replicas> {
  return (await import("./replicas.ts")).Replicas.open(...given);
}

/** Threads of an operator where so many share the threads of a device. */
export const threadsEach = (device: Device, count: number): number => Math.max(1, Math.floor(device.threads / count));
