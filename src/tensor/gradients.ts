/** Reverse mode: gradients of a scalar, as tensors built of the same operators. */

import { sameDimension } from "./dimension.ts";
import { topological } from "./graph.ts";
import { add, constant, expand, reshape, scatterAdd, sum } from "./operators/index.ts";
import { broadcast, printType, sameShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The gradients of a scalar `loss` with respect to tensors, each of that tensor's shape; zeros where the loss does not depend
 * on it. Walks the nodes backwards once; contributions are summed to the shape of what they belong to, and added up, here
 * and nowhere else.
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0 || loss.dtype !== "float32") {
    throw new Error(`gradients(): the loss must be a float32 scalar, got ${printType(loss)}`);
  }
  const nodes = topological([loss]);
  const needed = dependents(wrt, nodes);
  const gradientOf = new Map<Tensor, Tensor>([[loss, constant(1)]]);
  for (const node of nodes.reverse()) {
    const [output, ...saved] = node.outputs;
    // A gradient that used them was differentiated again: what flows through them would be lost.
    if (saved.some((tensor) => gradientOf.has(tensor))) {
      throw new Error(`gradients(): ${node.operator.name} has no second derivative`);
    }
    const gradient = output === undefined ? undefined : gradientOf.get(output);
    if (output === undefined || gradient === undefined || !needed.has(output) || node.inputs.length === 0) continue;
    const contributions = node.gradient(gradient);
    if (contributions.length !== node.inputs.length) {
      throw new Error(
        `${node.operator.name}: its gradient gives ${contributions.length} tensors, expected ${node.inputs.length}, one for each input (undefined for one that has none)`,
      );
    }
    node.inputs.forEach((input, index) => {
      const contribution = contributions[index];
      if (contribution === undefined || !needed.has(input)) return;
      const fitted = sumTo(contribution, input, node.operator.name, index);
      const sofar = gradientOf.get(input);
      gradientOf.set(input, sofar === undefined ? fitted : accumulated(sofar, fitted));
    });
  }
  return wrt.map((tensor) => gradientOf.get(tensor) ?? expand(constant(0), tensor.shape));
}

/** The sum of two gradients. Rows that were added into zeros are added into the other instead: one pass over a table less. */
function accumulated(sofar: Tensor, next: Tensor): Tensor {
  const [zeros, x, ids] = next.node.inputs;
  const scattered = next.node.operator.name === "scatterAdd" && zeros !== undefined && isZero(zeros);
  return scattered && x !== undefined && ids !== undefined ? scatterAdd(sofar, x, ids) : add(sofar, next);
}

function isZero({ node }: Tensor): boolean {
  const [source] = node.inputs;
  if (node.operator.name === "expand") return source !== undefined && isZero(source);
  return node.operator.name === "constant" && node.attributes["value"] === 0;
}

/** The tensors through which a gradient must flow: those that depend on one of `wrt`. */
function dependents(wrt: readonly Tensor[], nodes: ReturnType<typeof topological>): ReadonlySet<Tensor> {
  const found = new Set(wrt);
  for (const node of nodes) {
    if (node.inputs.some((input) => found.has(input))) for (const output of node.outputs) found.add(output);
  }
  return found;
}

/**
 * Undoes broadcasting: sums a gradient over the axes along which an input was repeated.
 * @param operator the operator whose input it is, for messages
 * @param index which of its inputs, for messages
 */
function sumTo(gradient: Tensor, input: Tensor, operator: string, index: number): Tensor {
  const { shape } = input;
  if (sameShape(gradient.shape, shape)) return gradient;
  const common = broadcast(gradient.shape, shape);
  if (common === undefined || !sameShape(common, gradient.shape)) {
    throw new Error(
      `${operator}: the gradient of its input ${index} is ${printType(gradient)}, which does not sum to ${printType(input)}; give it that shape`,
    );
  }
  const leading = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) => {
    const own = axis < leading ? undefined : shape[axis - leading];
    return own !== undefined && sameDimension(own, size) ? [] : [axis];
  });
  return reshape(sum(gradient, axes), shape);
}
