/** Weights wherever they are: one file or several with an index, in the format of safetensors or of PyTorch. */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { explainFileError, statIfPresent } from "./files/atomic.ts";
import { readJson } from "./json/json.ts";
import { deepSpeedWeights, isOfDeepSpeed } from "./pytorch/deepspeed.ts";
import { openPyTorch } from "./pytorch/pytorch.ts";
import { openDeepSpeed } from "./pytorch/zero-shards.ts";
import { openSafetensors } from "./safetensors/safetensors.ts";
import { tensorName } from "./safetensors/safetensors-header.ts";
import { listNames, type WeightEntry, type WeightFile } from "./weight-file.ts";

/** What a folder may call its weights, in the order in which they are looked for. */
const FILE_NAMES = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

const ENDINGS = [".safetensors", ".bin", ".pt", ".pth"];

/**
 * Opens a file of weights, an index of such files, or a folder with either, or of DeepSpeed.
 * @throws UserError where there is none, more than one could be meant, or one cannot be read
 */
export async function openWeights(path: string): Promise<WeightFile & { readonly file: string }> {
  const file = await weightsAt(path);
  const opened = file.endsWith(".index.json") ? await openShards(file) : await openOne(file);
  return { ...opened, file };
}

async function weightsAt(path: string): Promise<string> {
  try {
    const found = await statIfPresent(path);
    if (found === undefined) throw new UserError(`${path}: there is no such file or folder; check the path`);
    if (!found.isDirectory()) return path;
    const names = await readdir(path);
    const known = FILE_NAMES.find((name) => names.includes(name));
    const others = names.filter((name) => ENDINGS.some((ending) => name.endsWith(ending)));
    const [only] = others;
    if (known !== undefined) return join(path, known);
    const ofDeepSpeed = await deepSpeedWeights(path, names);
    if (ofDeepSpeed !== undefined) return ofDeepSpeed;
    if (only !== undefined && others.length === 1) return join(path, only);
    const what = others.length === 0 ? "no weights there" : `${listNames(others)} could be meant`;
    throw new UserError(`${path}: ${what}, expected ${FILE_NAMES.join(", ")} or one other; name the file`);
  } catch (error) {
    throw explainFileError(error, "read", path);
  }
}

function openOne(file: string): Promise<WeightFile> {
  if (file.endsWith(".safetensors")) return openSafetensors(file);
  return isOfDeepSpeed(file) ? openDeepSpeed(file) : openPyTorch(file);
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

async function openShards(index: string): Promise<WeightFile> {
  const { weight_map: shardOf } = await readJson(index, indexSchema);
  const shards = new Map<string, WeightFile>();
  const close = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    const entries = new Map<string, WeightEntry>();
    for (const [name, shard] of Object.entries(shardOf)) {
      entries.set(name, entryIn(name, shard, await opened(shards, shard, index), index));
    }
    return { entries, close, read: (name) => shardWith(shards, shardOf[name], name, index).read(name) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function opened(shards: Map<string, WeightFile>, shard: string, index: string): Promise<WeightFile> {
  const found = shards.get(shard);
  if (found !== undefined) return found;
  if (basename(shard) !== shard) {
    throw new UserError(`${index}: names the file ${JSON.stringify(shard)}, expected one beside it; correct the index`);
  }
  const file = await openOne(join(dirname(index), shard));
  shards.set(shard, file);
  return file;
}

function entryIn(name: string, shard: string, { entries }: WeightFile, index: string): WeightEntry {
  const entry = entries.get(name);
  if (entry === undefined) {
    throw new UserError(`${index}: says that ${shard} holds the ${tensorName(name)}, but it does not; copy both again`);
  }
  return entry;
}

function shardWith(shards: ReadonlyMap<string, WeightFile>, shard: string | undefined, name: string, index: string) {
  const file = shard === undefined ? undefined : shards.get(shard);
  if (file === undefined) throw new UserError(`${index}: there is no ${tensorName(name)}`);
  return file;
}
