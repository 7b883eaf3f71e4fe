/**
 * `tokenformer/tensor`: symbolic tensors, which a model's function is written in. Trace a program, differentiate it, emit it as ONNX;
 * define an operator, and prove it.
 * Needs nothing of Node.
 */

export { checkOperator, type OperatorCheck, type OperatorCheckOptions, type PlainTensor } from "../runtime/portable.ts";
export { defineOperator, type OwnOperator } from "../tensor/define.ts";
export { type Dimension, printDimension, type SymbolicDimension, symbol } from "../tensor/dimension.ts";
export { gradients } from "../tensor/gradients.ts";
export { type Graph, graph, printGraph } from "../tensor/graph.ts";
export { type Target, targets } from "../tensor/lowering.ts";
export { emitOnnx } from "../tensor/onnx.ts";
export {
  abs,
  add,
  cast,
  concat,
  constant,
  cos,
  crossEntropy,
  div,
  equal,
  erf,
  exp,
  expand,
  extent,
  gather,
  gelu,
  greater,
  greaterOrEqual,
  input,
  l2Normalise,
  log,
  logSoftmax,
  type MatmulOptions,
  matmul,
  mean,
  mul,
  neg,
  normalise,
  type Operand,
  oneHot,
  pick,
  range,
  relu,
  reshape,
  rotate,
  scatterAdd,
  sin,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  topK,
  transpose,
  where,
} from "../tensor/operators/index.ts";
export { at, type DataType, elements, type Shape, type TensorType } from "../tensor/shape.ts";
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
} from "../tensor/tensor.ts";
