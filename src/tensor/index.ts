/** Symbolic tensors: trace a program, differentiate it, emit it as ONNX. */

export { defineOperator, type OwnOperator } from "./define.ts";
export {
  addDimensions,
  type Dimension,
  evaluateDimension,
  isSymbol,
  printDimension,
  type SymbolicDimension,
  symbol,
} from "./dimension.ts";
export type { ExternalConstant, FrozenInput, Placement, Quantization } from "./frozen.ts";
export { gradients } from "./gradients.ts";
export { type Graph, graph, inputName, printGraph, verify } from "./graph.ts";
export { lowerings, type Target, targets } from "./lowering.ts";
export { emitOnnx, emitWith } from "./onnx.ts";
export * as onnxFormat from "./onnx-format/index.ts";
export * from "./operators/index.ts";
export { type Product, productFlops, productSize, productsAmong } from "./product-shapes.ts";
export { at, concreteShape, type DataType, elements, printType, type Shape, type TensorType } from "./shape.ts";
export {
  type Arity,
  type Attributes,
  type Emitter,
  type GradientContext,
  type Inputs,
  type NoAttributes,
  type OnnxAttributes,
  type Operator,
  type OperatorLowering,
  type Precision,
  precisions,
  type Tensor,
} from "./tensor.ts";
