/** Folders as DeepSpeed saves them: the weights of a step, and with ZeRO their float32 numbers in shards. */

import { mkdir, writeFile } from "node:fs/promises";
import { PickleCode, pickled, writePickle } from "../../src/formats/pytorch/pickle-write.ts";
import { storage, tensor, writeArchive } from "./pickles.ts";
import type { Tensors } from "./published.ts";

/** An object of a class of DeepSpeed's, with a state and items, as its engine keeps them beside the weights. */
const engine = () =>
  new PickleCode(
    Buffer.from("cdeepspeed.runtime.fp16.loss_scaler\nDynamicLossScaler\n"),
    pickled([]),
    Buffer.from([0x81]),
    pickled({ cur_scale: 65536 }),
    Buffer.from("b"),
  );

const list = (items: readonly PickleCode[]) =>
  new PickleCode(Buffer.from("](", "latin1"), ...items.map(({ bytes }) => bytes), Buffer.from("e"));

/**
 * Writes step 7 into a folder.
 * @param shards in how many parts ZeRO has the float32 weights, which are 1e-3 more than those of the model's file. Default: it has none
 */
export async function writeDeepSpeed(folder: string, tensors: Tensors, shards = 0): Promise<void> {
  const step = `${folder}/global_step7`;
  await mkdir(step, { recursive: true });
  await writeFile(`${folder}/latest`, "global_step7\n");
  const module = Object.fromEntries(
    [...tensors].map(([name, { shape, data }], key) => {
      const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
      return [name, tensor(storage(String(key), data.length), 0, shape, strides)];
    }),
  );
  // Two groups, of matrices and of the rest.
  const groups = [true, false].map((isMatrix) => [...tensors].filter(([, { shape }]) => shape.length > 1 === isMatrix));
  const shapes = groups.map(
    (group) => new PickleCode(pickled(Object.fromEntries(group.map(([name, { shape }]) => [name, shape])))),
  );
  const state = {
    module,
    buffer_names: [],
    optimizer: null,
    lr_scheduler: engine(),
    global_steps: 7,
    ds_version: "0.14.0",
    ...(shards > 0 && { param_shapes: list(shapes) }),
  };
  const storages = Object.fromEntries([...tensors.values()].map(({ data }, key) => [String(key), data]));
  await writeArchive(`${step}/mp_rank_00_model_states.pt`, writePickle(state), storages);
  const flats = groups.map((group) =>
    Float32Array.from(group.flatMap(([, { data }]) => Array.from(data, (value) => value + 1e-3))),
  );
  for (let rank = 0; rank < shards; rank++) {
    // Laid end to end in equal parts, the last of which is padded.
    const parts = flats.map((flat) => {
      const part = new Float32Array(Math.ceil(flat.length / shards));
      part.set(flat.subarray(rank * part.length, (rank + 1) * part.length));
      return part;
    });
    const own = list(parts.map((part, key) => tensor(storage(String(key), part.length), 0, [part.length], [1])));
    const optimizer = { zero_stage: 1, loss_scaler: engine(), single_partition_of_fp32_groups: own };
    const file = `${step}/zero_pp_rank_${rank}_mp_rank_00_optim_states.pt`;
    await writeArchive(file, writePickle({ optimizer_state_dict: optimizer }), Object.fromEntries(parts.entries()));
  }
}
