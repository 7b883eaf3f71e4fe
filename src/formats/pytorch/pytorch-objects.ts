/** What the pickle of a PyTorch checkpoint may name, and what it makes of that: tensors within storages. */

import { z } from "zod";
import { elementCount } from "../../element-count.ts";
import { UserError } from "../../errors.ts";
import { checkPlainly } from "../../plain-words.ts";
import type { SafetensorsType } from "../safetensors/safetensors-header.ts";
import { PickleFunction, PickleList } from "./pickle.ts";
import type { Strided } from "./strided.ts";

/** A type of storage, by the name that PyTorch has for it. */
class StorageType {
  readonly dtype: SafetensorsType;

  constructor(dtype: SafetensorsType) {
    this.dtype = dtype;
  }
}

/** One memory area of a checkpoint, an entry of its archive. */
export class Storage {
  readonly dtype: SafetensorsType;
  readonly entry: string;
  readonly elements: number;

  constructor(dtype: SafetensorsType, entry: string, elements: number) {
    this.dtype = dtype;
    this.entry = entry;
    this.elements = elements;
  }
}

export class PyTorchTensor implements Strided {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: Storage, place: Strided) {
    this.storage = storage;
    this.offset = place.offset;
    this.shape = place.shape;
    this.strides = place.strides;
  }

  get dtype(): SafetensorsType {
    return this.storage.dtype;
  }
}

const storageTypes = {
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  DoubleStorage: "F64",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
} as const;

/** Names that stand for a value that weights have no need of. */
const IGNORED = ["float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"];

const natural = z.int().nonnegative();
/** storage, offset, shape, strides; then whether it needs a gradient, hooks and metadata. */
const tensorArguments = z.tuple([z.instanceof(Storage), natural, z.array(natural), z.array(natural)]).rest(z.unknown());
const parameterArguments = z.tuple([z.instanceof(PyTorchTensor)]).rest(z.unknown());
/** "storage", type, key, device, number of elements; before 1.6, also a view, which nothing but None was written for. */
const storageId = z
  .tuple([z.literal("storage"), z.instanceof(StorageType), z.string(), z.string(), natural])
  .rest(z.null());

/** The names that a checkpoint may use, and what they stand for: the whole of what its pickle can reach. */
export function globals(file: string): ReadonlyMap<string, unknown> {
  const tensor = new PickleFunction((args) => tensorOf(args, file));
  return new Map<string, unknown>([
    ["collections.OrderedDict", new PickleFunction(() => new Map())],
    ["torch._utils._rebuild_tensor", tensor],
    ["torch._utils._rebuild_tensor_v2", tensor],
    ["torch._utils._rebuild_parameter", new PickleFunction(([data]) => parsed(parameterArguments, [data], file)[0])],
    ["torch.Size", new PickleFunction(([sizes]) => sizes)],
    ["torch.device", new PickleFunction(() => null)],
    ...Object.entries(storageTypes).map(([name, dtype]) => [`torch.${name}`, new StorageType(dtype)] as const),
    ...IGNORED.map((name) => [`torch.${name}`, null] as const),
  ]);
}

/** The storage of a persistent id. @param root the folder of the archive */
export function storageOf(id: unknown, root: string, file: string): Storage {
  const [, { dtype }, key, , elements] = parsed(storageId, id, file);
  return new Storage(dtype, `${root}data/${key}`, elements);
}

function tensorOf(args: readonly unknown[], file: string): PyTorchTensor {
  const [storage, offset, shape, strides] = parsed(tensorArguments, args, file);
  if (shape.length !== strides.length || !Number.isSafeInteger(elementCount(shape))) {
    throw unsound(file, `a tensor of shape [${shape.join(", ")}] with strides [${strides.join(", ")}]`);
  }
  return new PyTorchTensor(storage, { offset, shape, strides });
}

/** Keys under which a checkpoint may hold its state_dict. */
const WRAPPERS = ["module", "model", "state_dict", "model_state_dict"];

/**
 * The tensors by name of what a checkpoint holds.
 * @throws UserError where it is no dict of tensors
 */
export function stateDictOf(value: unknown, file: string): Map<string, PyTorchTensor> {
  if (!(value instanceof Map)) throw unsound(file, value instanceof PickleList ? "a list" : "no dict");
  for (const key of WRAPPERS) {
    const inner: unknown = value.get(key);
    if (inner instanceof Map) return stateDictOf(inner, file);
  }
  const tensors = new Map<string, PyTorchTensor>();
  for (const [name, tensor] of value) {
    if (typeof name !== "string") throw unsound(file, "a dict with a key that is no text");
    if (!(tensor instanceof PyTorchTensor)) throw unsound(file, `something else under ${JSON.stringify(name)}`);
    tensors.set(name, tensor);
  }
  return tensors;
}

function parsed<Value>(schema: z.ZodType<Value>, value: unknown, file: string): Value {
  const result = checkPlainly(schema, value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unsound(file, `a tensor that is not described as expected (${issue?.path.join(".")}: ${issue?.message})`);
}

function unsound(file: string, what: string): UserError {
  return new UserError(
    `${file}: holds ${what}, expected a state_dict: tensors by name; save model.state_dict() with torch.save`,
  );
}
