/** Every operator, by name. An operator that lacks a part, or is missing here, does not compile. */

import type { Operator } from "../tensor.ts";
import { elementwise } from "./elementwise.ts";
import { layout } from "./layout.ts";
import { neural } from "./neural.ts";
import { products } from "./products.ts";
import { selection } from "./selection.ts";
import { sources } from "./sources.ts";

export {
  abs,
  add,
  cast,
  cos,
  div,
  equal,
  erf,
  exp,
  gelu,
  greater,
  greaterOrEqual,
  log,
  mul,
  neg,
  type Operand,
  relu,
  sin,
  sqrt,
  sub,
  where,
} from "./elementwise.ts";
export { concat, expand, mean, reshape, slice, sum, transpose } from "./layout.ts";
export {
  addAt,
  crossEntropy,
  erfGate,
  gather,
  l2Normalise,
  normalise,
  oneHot,
  rotate,
  scatterAdd,
  softmax,
} from "./neural.ts";
export { type MatmulOptions, matmul, rowsOf } from "./products.ts";
export { logSoftmax, pick, topK } from "./selection.ts";
export { constant, extent, input, range } from "./sources.ts";

const families = { ...sources, ...elementwise, ...layout, ...products, ...neural, ...selection };

export type OperatorName = keyof typeof families;

type Declared<Record> = Record extends Operator<infer Attrs, infer Count> ? Operator<Attrs, Count> : never;

/** The collection: one complete record a name. */
export const operators: { readonly [Name in OperatorName]: Declared<(typeof families)[Name]> & { name: string } } =
  families;
