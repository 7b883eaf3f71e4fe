/** The arrays of a key–value cache: for each layer its keys and values, [time, lanes, D], a row of lanes for each token. */

import type { LayerCache } from "../nn/index.ts";
import { required } from "../required.ts";
import { type Device, type DeviceTensor, firstRows } from "../runtime/portable.ts";
import type { MoveParameters } from "./cache-kernels.ts";

const KERNELS = "generation/cache-kernels.js";

/**
 * Lies in the memory of the device's thread, so that the first rows can be given to the program without a copy on the CPU. The
 * time comes first for the same reason: what is filled of all lanes is one piece.
 */
export class CacheStore {
  readonly lanes: number;
  readonly tensors: ReadonlyMap<string, DeviceTensor>;
  readonly #device: Device;
  readonly #width: number;

  private constructor(device: Device, lanes: number, width: number, tensors: ReadonlyMap<string, DeviceTensor>) {
    this.#device = device;
    this.lanes = lanes;
    this.#width = width;
    this.tensors = tensors;
  }

  static async create(device: Device, layers: readonly LayerCache[], time: number, lanes: number): Promise<CacheStore> {
    const tensors = new Map<string, DeviceTensor>();
    for (const { keys, values, width } of layers) {
      for (const name of [keys, values]) tensors.set(name, await device.allocate([time, lanes, width]));
    }
    return new CacheStore(device, lanes, layers[0]?.width ?? 0, tensors);
  }

  /** The first rows of every array, as inputs of the program. */
  inputs(rows: number): Record<string, DeviceTensor> {
    return Object.fromEntries([...this.tensors].map(([name, tensor]) => [name, firstRows(tensor, rows)]));
  }

  /** Copies sequences from another store. */
  async copy(from: CacheStore, moves: MoveParameters["moves"]): Promise<void> {
    if (moves.length === 0 || this.tensors.size === 0) return;
    const pairs = [...this.tensors].map(([name, to]) => ({ name, to, from: required(from.tensors, name) }));
    const tensors = pairs.flatMap((pair) => [
      [`from ${pair.name}`, pair.from] as const,
      [`to ${pair.name}`, pair.to] as const,
    ]);
    const parameters: MoveParameters = {
      caches: pairs.map(({ name }) => ({ from: `from ${name}`, to: `to ${name}` })),
      width: this.#width,
      lanes: { from: from.lanes, to: this.lanes },
      moves,
    };
    await this.#device.kernel({ module: KERNELS, name: "moveLanes", tensors: Object.fromEntries(tensors), parameters });
  }

  async dispose(): Promise<void> {
    await this.#device.dispose(this.tensors.values());
  }
}
