/** Proves an operator: dtype, shape, value and every gradient against a plain float64 reference, in the lowering of each target. */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import { Random } from "../random.ts";
import {
  cast,
  concreteShape,
  type DataType,
  emitOnnx,
  type Graph,
  gradients,
  graph,
  input,
  mul,
  printDimension,
  printType,
  type Shape,
  sum,
  type Target,
  type Tensor,
  targets,
} from "../tensor/index.ts";
import type { Device } from "./device.ts";
import type { HostTensor } from "./protocol.ts";

/** Row-major numbers with a shape; a bool is 0 or 1. */
export interface PlainTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** An application of an operator, and what it should give. */
export interface OperatorCheck<Name extends string = string> {
  /** Sizes that are different primes let no swapped axis pass; keep away from points where there is no derivative. */
  readonly inputs: Readonly<Record<Name, PlainTensor>>;
  /** Applies the operator. */
  program(inputs: Readonly<Record<Name, Tensor>>): Tensor;
  /** The operator in float64, as plain JavaScript. */
  reference(inputs: Readonly<Record<Name, PlainTensor>>): PlainTensor;
  /** Shapes of inputs with symbols in them. Default: all sizes are known. */
  readonly shapes?: { readonly [Key in Name]?: Shape | undefined };
  /** Inputs without a gradient. Default: those that are not float32. */
  readonly fixed?: readonly Name[];
}

export interface OperatorCheckOptions {
  /** The targets whose lowerings are checked, all on the device that is given. Default: all. */
  readonly targets?: readonly Target[];
  /** How many times the roundings of the CPU are allowed. Default 1. */
  readonly slack?: number;
}

/** Float32 has 24 bits: a few roundings at the scale of the result. */
const VALUE_TOLERANCE = 2e-6;
const GRADIENT_TOLERANCE = 1e-5;

/** The step of the central differences: float64 leaves errors of about 1e-10 with it. */
const STEP = 1e-5;

/**
 * Runs an operator on a device and compares with its reference: dtype and shape, values, and the gradient of each input with the
 * central differences of the reference.
 * @throws Error that names the target, the element that is off, and by how much; UserError for options under which nothing is proved
 */
export async function checkOperator<Name extends string>(
  device: Device,
  check: OperatorCheck<Name>,
  { targets: wanted = targets, slack = 1 }: OperatorCheckOptions = {},
): Promise<void> {
  if (wanted.length === 0)
    throw new UserError(`checkOperator: no targets are given; expected some of ${targets.join(", ")}`);
  if (!(slack > 0 && Number.isFinite(slack))) {
    throw new UserError(`checkOperator: the slack is ${slack}; expected a number above 0 that is not infinite`);
  }
  const { inputs, program, reference } = check;
  const names = keysOf(inputs);
  const tensors = mapped(names, (name) => input(name, check.shapes?.[name] ?? inputs[name].shape, inputs[name].dtype));
  const y = program(tensors);
  const expected = reference(inputs);
  const found = printType({ dtype: y.dtype, shape: concreteShape(y.shape, symbolValues(check)) });
  if (found !== printType(expected)) throw new Error(`y: is ${found}, expected ${printType(expected)}`);
  const count = elementCount(expected.shape);
  if (expected.data.length !== count)
    throw new Error(`the reference has ${expected.data.length} numbers, expected ${count} for ${found}`);

  const learned = names.filter(
    (name) => y.dtype === "float32" && inputs[name].dtype === "float32" && check.fixed?.includes(name) !== true,
  );
  const weights = drawn(expected.shape);
  const wrt = gradients(
    weightedSum(y),
    learned.map((name) => tensors[name]),
  );
  const outputs = { y, ...Object.fromEntries(wrt.map((gradient, index) => [`d ${learned[index]}`, gradient])) };
  const differences = new Map(learned.map((name) => [`d ${name}`, centralDifferences(check, name, weights)]));
  const traced = graph("check", outputs);
  const models: Uint8Array[] = [];
  for (const target of wanted) {
    const model = emitOnnx(traced, target);
    // What targets are told alike gives the same numbers.
    if (models.some((other) => areEqual(model, other))) continue;
    models.push(model);
    const results = await run(device, traced, { ...inputs, weights }, target);
    requireClose(results.get("y"), expected, VALUE_TOLERANCE * slack, `${target}: y`);
    for (const [name, difference] of differences) {
      requireClose(results.get(name), difference, GRADIENT_TOLERANCE * slack, `${target}: ${name}`);
    }
  }
}

const areEqual = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index]);

/** The loss: a sum of the output with random weights, so that each of its elements has a gradient of its own. */
function weightedSum(y: Tensor): Tensor {
  const product = mul(cast(y, "float32"), input("weights", y.shape));
  return sum(
    product,
    product.shape.map((_, axis) => axis),
  );
}

/** Central differences of the weighted sum of the reference. */
function centralDifferences<Name extends string>(
  { inputs, reference }: OperatorCheck<Name>,
  name: Name,
  weights: PlainTensor,
): PlainTensor {
  const x = inputs[name];
  const data = [...x.data];
  const moved = { ...inputs, [name]: { ...x, data } };
  const loss = () => reference(moved).data.reduce((sum, value, index) => sum + value * (weights.data[index] ?? 0), 0);
  const gradient = x.data.map((value, index) => {
    data[index] = value + STEP;
    const above = loss();
    data[index] = value - STEP;
    const below = loss();
    data[index] = value;
    return (above - below) / (2 * STEP);
  });
  return { ...x, data: gradient };
}

async function run(
  device: Device,
  traced: Graph,
  inputs: Readonly<Record<string, PlainTensor>>,
  target: Target,
): Promise<Map<string, PlainTensor>> {
  const program = await device.compile(traced, { download: [...traced.outputs.keys()], target });
  try {
    const given = Object.entries(inputs).map(([name, value]) => [name, hostTensor(value)] as const);
    const { values } = await program.run(Object.fromEntries(given));
    return new Map(
      Object.entries(values).map(([name, { data, ...type }]) => [
        name,
        { ...type, data: Array.from<number | bigint, number>(data, Number) },
      ]),
    );
  } finally {
    await program.release();
  }
}

function requireClose(found: PlainTensor | undefined, expected: PlainTensor, tolerance: number, what: string): void {
  if (found === undefined) throw new Error(`internal: ${what} was not computed`);
  if (printType(found) !== printType(expected)) {
    throw new Error(`${what}: is ${printType(found)}, expected ${printType(expected)}`);
  }
  // Infinities are equal or off, and tell no scale.
  const finite = expected.data.filter((value) => Number.isFinite(value));
  const scale = finite.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  const errors = expected.data.map((value, index) => distance(found.data[index], value) / scale);
  const worst = errors.reduce((sofar, error, index) => (error > (errors[sofar] ?? 0) ? index : sofar), 0);
  const error = errors[worst] ?? 0;
  if (error <= tolerance) return;
  throw new Error(
    `${what}[${indexOf(worst, expected.shape)}] is ${found.data[worst]}, expected ${expected.data[worst]}: off by ${error} of the scale ${scale}, more than ${tolerance}`,
  );
}

// NaN is far from everything.
function distance(a: number | undefined, b: number): number {
  if (a === b) return 0;
  const difference = Math.abs((a ?? Number.NaN) - b);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

function indexOf(offset: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = offset;
  for (const length of shape.toReversed()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index;
}

/** Weights that float32 holds. */
function drawn(shape: readonly number[]): PlainTensor {
  const random = Random.from("check operator");
  const data = Array.from({ length: elementCount(shape) }, () => Math.fround(random.normal()));
  return { dtype: "float32", shape, data };
}

/** A tensor of plain numbers in the array of its type. */
export function hostTensor({ dtype, shape, data }: PlainTensor): HostTensor {
  switch (dtype) {
    case "float32":
      return { dtype, shape, data: Float32Array.from(data) };
    case "int32":
      return { dtype, shape, data: Int32Array.from(data) };
    case "int64":
      return { dtype, shape, data: BigInt64Array.from(data, BigInt) };
    case "bool":
      return { dtype, shape, data: Uint8Array.from(data) };
  }
}

function symbolValues<Name extends string>({ inputs, shapes }: OperatorCheck<Name>): ReadonlyMap<string, number> {
  const pairs = keysOf(inputs).flatMap((name) =>
    (shapes?.[name] ?? []).map(
      (dimension, axis) => [printDimension(dimension), inputs[name].shape[axis] ?? 1] as const,
    ),
  );
  return new Map(pairs);
}

/** The names of inputs, which are those of the type. */
function keysOf<Name extends string>(inputs: Readonly<Record<Name, unknown>>): Name[] {
  const isName = (key: string): key is Name => Object.hasOwn(inputs, key);
  return Object.keys(inputs).filter(isName);
}

function mapped<Name extends string, Value>(names: readonly Name[], make: (name: Name) => Value): Record<Name, Value> {
  const made: Partial<Record<Name, Value>> = {};
  for (const name of names) made[name] = make(name);
  const isWhole = (record: Partial<Record<Name, Value>>): record is Record<Name, Value> =>
    names.every((name) => name in record);
  if (!isWhole(made)) throw new Error("internal: an input is missing");
  return made;
}
