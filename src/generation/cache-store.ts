/** The arrays of a key–value cache: for each layer its keys [lanes, H, C, room] and values [lanes, H, room, C]. */

import { allOrNothing, freeQuietly } from "../freeing.ts";
import type { LayerCache } from "../nn/index.ts";
import { required } from "../required.ts";
import type { Device, DeviceTensor } from "../runtime/portable.ts";
import type { CacheArray, MoveParameters } from "./cache-kernels.ts";

/** Tokens for which there is room at first, or the whole time if that is less. */
const SMALLEST_ROOM = 64;

type Arrays = Pick<CacheStore, "tensors" | "arrays">;

/**
 * The cache lies in the memory of the device's thread, and is given to the program without a copy on the CPU. A program reads all of it,
 * so its room grows with the sequences.
 */
export class CacheStore {
  readonly lanes: number;
  readonly #device: Device;
  readonly #layers: readonly LayerCache[];
  readonly #time: number;
  #room = 0;
  #tensors: ReadonlyMap<string, DeviceTensor> = new Map();

  private constructor(device: Device, layers: readonly LayerCache[], time: number, lanes: number) {
    this.#device = device;
    this.#layers = layers;
    this.#time = time;
    this.lanes = lanes;
  }

  /** @param time the longest sequence, in tokens */
  static async create(device: Device, layers: readonly LayerCache[], time: number, lanes: number): Promise<CacheStore> {
    const store = new CacheStore(device, layers, time, lanes);
    await store.reserve(1);
    return store;
  }

  /** The arrays by name: inputs of the program. Others after `reserve`. */
  get tensors(): ReadonlyMap<string, DeviceTensor> {
    return this.#tensors;
  }

  /** The layout of the arrays, in the order of the layers: keys and values in turn. */
  get arrays(): CacheArray[] {
    return this.#layout(this.#room);
  }

  #layout(room: number): CacheArray[] {
    return this.#layers.flatMap(({ keys, values, heads, channels }) => [
      { name: keys, rows: heads * channels, room, columns: 1 },
      { name: values, rows: heads, room, columns: channels },
    ]);
  }

  /** Makes room for so many tokens of each sequence. */
  async reserve(tokens: number): Promise<void> {
    if (tokens <= this.#room) return;
    const old = { tensors: this.#tensors, arrays: this.arrays };
    // A quarter more at most, so that little is read in vain and little copied.
    const step = Math.max(SMALLEST_ROOM, 2 ** Math.ceil(Math.log2(tokens)) / 8);
    const room = Math.min(this.#time, Math.ceil(tokens / step) * step);
    const length = this.#room;
    const moves = Array.from({ length: this.lanes }, (_, lane) => ({ from: lane, to: lane, length }));
    const tensors = await allOrNothing(async (onFailure) => {
      const tensors = new Map<string, DeviceTensor>();
      onFailure(() => this.#device.dispose(tensors.values()));
      for (const { keys, values, heads, channels } of this.#layers) {
        tensors.set(keys, await this.#device.allocate([this.lanes, heads, channels, room]));
        tensors.set(values, await this.#device.allocate([this.lanes, heads, room, channels]));
      }
      if (length > 0) await this.#move(old, { tensors, arrays: this.#layout(room) }, moves);
      return tensors;
    });
    this.#room = room;
    this.#tensors = tensors;
    await freeQuietly(() => this.#device.dispose(old.tensors.values()));
  }

  /** Gives the room of what has ended back, where there is much of it: programs read it all. Nothing in it is kept. */
  async empty(): Promise<void> {
    if (this.#room <= 4 * SMALLEST_ROOM) return;
    const old = this.#tensors;
    this.#room = 0;
    this.#tensors = new Map();
    await freeQuietly(() => this.#device.dispose(old.values()));
  }

  /** Copies sequences from another store. */
  async copy(from: CacheStore, moves: MoveParameters["moves"]): Promise<void> {
    await this.reserve(Math.max(0, ...moves.map(({ length }) => length)));
    await this.#move(from, this, moves);
  }

  async dispose(): Promise<void> {
    await this.#device.dispose(this.#tensors.values());
  }

  async #move(from: Arrays, to: Arrays, moves: MoveParameters["moves"]): Promise<void> {
    if (moves.length === 0 || this.#layers.length === 0) return;
    const pairs = [...to.tensors].flatMap(([name, tensor]) => [
      [`from ${name}`, required(from.tensors, name)] as const,
      [`to ${name}`, tensor] as const,
    ]);
    const renamed = (prefix: string, arrays: readonly CacheArray[]) =>
      arrays.map((array) => ({ ...array, name: `${prefix} ${array.name}` }));
    const parameters: MoveParameters = { from: renamed("from", from.arrays), to: renamed("to", to.arrays), moves };
    await this.#device.kernel({ kernel: "moveLanes", tensors: Object.fromEntries(pairs), parameters });
  }
}
