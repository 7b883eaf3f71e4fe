/** The tensors of a checkpoint's files, checked against the shapes that its model has. */

import { UserError } from "../errors.ts";
import { type ByteSource, openSafetensorsIn, type WeightEntry } from "../formats/portable.ts";
import type { HostArray } from "../growth/index.ts";

/** What tensors may be stored as: halves, of which a copy that is handed out may be made, are widened. */
const FLOATS: ReadonlySet<string> = new Set(["F32", "F16", "BF16"]);

/**
 * The tensors of a file, which is closed at the end. They must be floats of the expected names and shapes; they come as float32, in
 * the order of `shapes`.
 * @param told the file that tells the shapes. Default "config.json"
 * @throws UserError naming the file and the tensor; before the first one where names or shapes are wrong
 */
export async function* readTensors(
  file: ByteSource,
  shapes: ReadonlyMap<string, readonly number[]>,
  told = "config.json",
): AsyncGenerator<readonly [string, HostArray]> {
  const tensors = await openTensors(file, shapes, told);
  try {
    for (const name of shapes.keys()) yield [name, await tensors.read(name)];
  } finally {
    await tensors.close();
  }
}

/** Tensors in a file, read by name. Close them after use. */
export interface OpenedTensors {
  read(name: string): Promise<HostArray>;
  close(): Promise<void>;
}

/** Opens a file of tensors. Throws a `UserError` as `readTensors` does. */
export async function openTensors(
  file: ByteSource,
  shapes: ReadonlyMap<string, readonly number[]>,
  told = "config.json",
): Promise<OpenedTensors> {
  const stored = await openSafetensorsIn(file);
  try {
    checkNames(file.name, stored.entries, shapes, told);
  } catch (error) {
    await stored.close();
    throw error;
  }
  const read = async (name: string): Promise<HostArray> => {
    const { shape, data } = await stored.read(name);
    if (!(data instanceof Float32Array)) throw new Error("internal: the type of a tensor was checked");
    return { shape, data };
  };
  return { read, close: () => stored.close() };
}

/** The names of the tensors in a file. Throws a `UserError` where it cannot be read. */
export async function tensorNames(file: ByteSource): Promise<string[]> {
  const stored = await openSafetensorsIn(file);
  await stored.close();
  return [...stored.entries.keys()];
}

function checkNames(
  file: string,
  entries: ReadonlyMap<string, WeightEntry>,
  shapes: ReadonlyMap<string, readonly number[]>,
  told: string,
): void {
  for (const name of entries.keys()) {
    if (!shapes.has(name))
      throw new UserError(`${file}: holds a tensor "${name}" that the model of ${told} does not have`);
  }
  for (const [name, shape] of shapes) checkEntry(`${file}: the tensor "${name}"`, entries.get(name), shape, told);
}

function checkEntry(what: string, entry: WeightEntry | undefined, shape: readonly number[], told: string): void {
  if (entry === undefined) throw new UserError(`${what} is missing, expected float32 [${shape.join(", ")}]`);
  if (entry.shape.length !== shape.length || entry.shape.some((n, axis) => n !== shape[axis])) {
    throw new UserError(
      `${what} is [${entry.shape.join(", ")}], expected [${shape.join(", ")}] by ${told}; restore the files that belong together`,
    );
  }
  if (!FLOATS.has(entry.dtype)) throw new UserError(`${what} is ${entry.dtype}, expected F32, F16 or BF16`);
}
