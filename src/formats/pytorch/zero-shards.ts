/**
 * The float32 weights that DeepSpeed's ZeRO keeps beside those in half precision: in each `zero_pp_rank_N_mp_rank_00_optim_states.pt` a part
 * of all weights, laid end to end in the order of `param_shapes`. Stages 1 and 2 divide so, group by group, into parts of equal length, the last
 * of which is padded. Source: `deepspeed/utils/zero_to_fp32.py`.
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import type { StoredTensor } from "../elements.ts";
import type { WeightEntry, WeightFile } from "../weight-file.ts";
import { PickleList } from "./pickle.ts";
import { openContents, openPyTorch } from "./pytorch.ts";
import { readArchive } from "./pytorch-archive.ts";
import { PyTorchTensor } from "./pytorch-objects.ts";

const SHARD = /^(?:bf16_)?zero_pp_rank_(\d+)_mp_rank_00_optim_states\.pt$/;

/** A weight within its group: from which element on, of which shape. */
interface Place {
  readonly group: number;
  readonly start: number;
  readonly shape: readonly number[];
}

/**
 * Opens the weights of DeepSpeed: in float32 where the shards beside them have that, else as they are.
 * @throws UserError where a file is damaged, or a shard is missing
 */
export async function openDeepSpeed(file: string): Promise<WeightFile> {
  const opened: WeightFile[] = [];
  const close = async () => {
    for (const each of opened) await each.close();
  };
  try {
    let places: ReadonlyMap<string, Place> = new Map();
    const whole = await openPyTorch(file);
    opened.push(whole);
    const values = await openContents(file, async (handle) => {
      const { value, entries } = await readArchive(handle, file);
      places = placesOf(value);
      return { tensors: new Map(), entries };
    });
    await values.close();
    const shards = places.size === 0 ? [] : await openShards(file, places, opened);
    if (shards.length === 0) return { ...whole, close };
    return withShards(whole, shards, places, file, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where each weight lies, by the `param_shapes` of the model's file; nothing where there are none. */
function placesOf(value: unknown): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const [group, shapes] of listOf(value instanceof Map ? value.get("param_shapes") : undefined).entries()) {
    let start = 0;
    for (const [name, shape] of shapes instanceof Map ? shapes : []) {
      if (typeof name !== "string" || !Array.isArray(shape)) continue;
      places.set(name, { group, start, shape });
      start += elementCount(shape);
    }
  }
  return places;
}

/** The items of a Python list or tuple. */
function listOf(value: unknown): readonly unknown[] {
  return value instanceof PickleList ? value.items : Array.isArray(value) ? value : [];
}

/** The shards beside a file, in the order of their ranks, each with its parts of the weights; none where they have no float32. */
async function openShards(
  file: string,
  places: ReadonlyMap<string, Place>,
  opened: WeightFile[],
): Promise<WeightFile[]> {
  const ranks = (await readdir(dirname(file))).flatMap((name) => {
    const [, rank] = SHARD.exec(name) ?? [];
    return rank === undefined ? [] : [{ name, rank: Number(rank) }];
  });
  const shards: WeightFile[] = [];
  for (const [index, { name, rank }] of ranks.toSorted((a, b) => a.rank - b.rank).entries()) {
    const shard = join(dirname(file), name);
    if (rank !== index)
      throw new UserError(`${dirname(file)}: the shard of rank ${index} is missing beside ${name}; copy it`);
    const found = await openContents(shard, async (handle) => {
      const { value, entries } = await readArchive(handle, shard);
      return { tensors: partsOf(value, rank, places), entries };
    });
    opened.push(found);
    if (found.entries.size > 0) shards.push(found);
  }
  return shards;
}

/** Keys under which the stages have the flat weights. */
const FLAT = ["single_partition_of_fp32_groups", "fp32_groups_flat"];

/** The parts of the weights that a rank has. */
function partsOf(value: unknown, rank: number, places: ReadonlyMap<string, Place>): Map<string, PyTorchTensor> {
  const state: unknown = value instanceof Map ? value.get("optimizer_state_dict") : undefined;
  const flat =
    state instanceof Map ? FLAT.map((key) => listOf(state.get(key))).find(({ length }) => length > 0) : undefined;
  const parts = new Map<string, PyTorchTensor>();
  for (const [name, { group, start, shape }] of places) {
    const own = flat?.[group];
    if (!(own instanceof PyTorchTensor)) continue;
    const length = elementCount(own.shape);
    const [from, to] = [Math.max(start, rank * length), Math.min(start + elementCount(shape), (rank + 1) * length)];
    if (from >= to) continue;
    const offset = own.offset + from - rank * length;
    parts.set(name, new PyTorchTensor(own.storage, { offset, shape: [to - from], strides: [1] }));
  }
  return parts;
}

/** The weights with those that the shards have in place of their own. */
function withShards(
  whole: WeightFile,
  shards: readonly WeightFile[],
  places: ReadonlyMap<string, Place>,
  file: string,
  close: () => Promise<void>,
): WeightFile {
  const entries = new Map<string, WeightEntry>(whole.entries);
  for (const [name, { shape }] of places) if (entries.has(name)) entries.set(name, { dtype: "F32", shape });
  const read = async (name: string): Promise<StoredTensor> => {
    const place = places.get(name);
    if (place === undefined || !whole.entries.has(name)) return whole.read(name);
    const data = new Float32Array(elementCount(place.shape));
    let at = 0;
    for (const shard of shards) {
      if (!shard.entries.has(name)) continue;
      const part = await shard.read(name);
      if (part.data instanceof Float32Array) data.set(part.data, at);
      at += part.data.length;
    }
    if (at === data.length) return { shape: place.shape, data };
    throw new UserError(
      `${dirname(file)}: the shards beside ${basename(file)} have ${at} of the ${data.length} elements of ${name}; copy all of them`,
    );
  };
  return { entries, read, close };
}
