/** Proves an operator: dtype, shape, value and every gradient against a plain float64 reference. */

import { expect } from "vitest";
import type { Device } from "../../src/runtime/index.ts";
import {
  cast,
  concreteShape,
  gradients,
  input,
  mul,
  type OperatorName,
  printDimension,
  printType,
  type Shape,
  sum,
  type Tensor,
} from "../../src/tensor/index.ts";
import { run } from "./device.ts";
import { at, expectClose, normal, type Values } from "./values.ts";

/** An application of an operator, and what it should give. */
export interface OperatorCase {
  readonly operator: OperatorName;
  readonly title: string;
  readonly inputs: Readonly<Record<string, Values>>;
  program(inputs: Readonly<Record<string, Tensor>>): Tensor;
  reference(inputs: Readonly<Record<string, Values>>): Values;
  /** Shapes of inputs that are symbolic. */
  readonly shapes: Readonly<Record<string, Shape | undefined>>;
  /** Inputs without a gradient. */
  readonly fixed: readonly string[];
}

interface CaseOptions<Name extends string> {
  readonly shapes?: { readonly [Key in Name]?: Shape };
  readonly fixed?: readonly Name[];
}

/** A case whose functions know the names of the inputs. */
export function operatorCase<Name extends string>(
  operator: OperatorName,
  title: string,
  inputs: Readonly<Record<Name, Values>>,
  program: (inputs: Readonly<Record<Name, Tensor>>) => Tensor,
  reference: (inputs: Readonly<Record<Name, Values>>) => Values,
  options: CaseOptions<NoInfer<Name>> = {},
): OperatorCase {
  return { operator, title, inputs, program, reference, shapes: options.shapes ?? {}, fixed: options.fixed ?? [] };
}

/** Float32 has 24 bits: a few roundings at the scale of the result. */
const VALUE_TOLERANCE = 2e-6;
const GRADIENT_TOLERANCE = 1e-5;

/** Of the central differences: float64 leaves errors of about 1e-10 with it. */
const STEP = 1e-5;

/** Runs a case on a device and compares with its reference, allowing `slack` times the roundings of the CPU. */
export async function checkOperator(device: Device, check: OperatorCase, slack = 1): Promise<void> {
  const { inputs, shapes, fixed } = check;
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, input(name, shapes[name] ?? shape, dtype)]),
  );
  const y = check.program(tensors);
  const expected = check.reference(inputs);
  expect(printType({ dtype: y.dtype, shape: concreteShape(y.shape, symbolValues(check)) })).toBe(printType(expected));

  const learned = Object.entries(tensors).filter(
    ([name, { dtype }]) => y.dtype === "float32" && dtype === "float32" && !fixed.includes(name),
  );
  const found = gradients(
    weightedSum(y),
    learned.map(([, tensor]) => tensor),
  );
  const outputs = { y, ...Object.fromEntries(found.map((gradient, index) => [`d ${learned[index]?.[0]}`, gradient])) };
  const weights = normal("weights", expected.shape);
  const results = await run(device, outputs, { ...inputs, weights });

  expectClose(results.y, expected, VALUE_TOLERANCE * slack, "y");
  for (const [name, result] of Object.entries<Values>(results)) {
    if (name === "y") continue;
    expectClose(result, differences(check, name.slice("d ".length), weights), GRADIENT_TOLERANCE * slack, name);
  }
}

/** The loss: a sum of the output with random weights, so that each of its elements has a gradient of its own. */
function weightedSum(y: Tensor): Tensor {
  const product = mul(cast(y, "float32"), input("weights", y.shape));
  return sum(
    product,
    product.shape.map((_, axis) => axis),
  );
}

/** Central differences of the weighted sum of the float64 reference. */
function differences({ inputs, reference }: OperatorCase, name: string, weights: Values): Values {
  const x = inputs[name];
  if (x === undefined) throw new Error(`no input "${name}"`);
  const data = [...x.data];
  const moved = { ...inputs, [name]: { ...x, data } };
  const loss = () =>
    reference(moved).data.reduce((total, value, offset) => total + value * at(weights.data, offset), 0);
  const gradient = x.data.map((value, offset) => {
    data[offset] = value + STEP;
    const above = loss();
    data[offset] = value - STEP;
    const below = loss();
    data[offset] = value;
    return (above - below) / (2 * STEP);
  });
  return { ...x, data: gradient };
}

function symbolValues({ inputs, shapes }: OperatorCase): ReadonlyMap<string, number> {
  const pairs = Object.entries(shapes).flatMap(([name, shape = []]) =>
    shape.map((dimension, axis) => [printDimension(dimension), at(inputs[name]?.shape ?? [], axis)] as const),
  );
  return new Map(pairs);
}
