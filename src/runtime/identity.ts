/** The program that gives what it is given: on a GPU, it is what moves a tensor there and back. */

import { type DataType, emitOnnx, graph, input, reshape, symbol } from "../tensor/index.ts";

/** The model, of one input `x` and one output `y`. */
export function identity(dtype: DataType, rank: number): Uint8Array {
  const shape = Array.from({ length: rank }, (_, axis) => symbol(`d${axis}`));
  return emitOnnx(graph("identity", { y: reshape(input("x", shape, dtype), shape) }));
}
