/** Applications of operators, which `checkOperator` proves. */

import { type Device, type OperatorCheckOptions, checkOperator as prove } from "../../src/runtime/index.ts";
import type { OperatorName, Shape, Tensor } from "../../src/tensor/index.ts";
import type { Values } from "./values.ts";

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

/**
 * Runs a case on a device and compares with its reference, allowing `slack` times the roundings of the CPU.
 * @param targets the lowerings to run there. Default: the device's own
 */
export async function checkOperator(
  device: Device,
  check: OperatorCase,
  { slack = 1, targets = [device.kind] }: OperatorCheckOptions = {},
): Promise<void> {
  await prove(device, check, { targets, slack });
}
