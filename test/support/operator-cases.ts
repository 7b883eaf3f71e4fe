/**
 * Applications of every operator with their float64 references. Sizes are different primes where they can be, so that a
 * swapped axis fails.
 */

import {
  abs,
  add,
  addAt,
  addDimensions,
  cast,
  concat,
  constant,
  cos,
  crossEntropy,
  type DataType,
  div,
  elements,
  equal,
  erf,
  erfGate,
  exp,
  expand,
  extent,
  gather,
  gelu,
  greater,
  greaterOrEqual,
  l2Normalise,
  log,
  matmul,
  mul,
  neg,
  normalise,
  type Operand,
  oneHot,
  range,
  relu,
  reshape,
  rotate,
  type Shape,
  scatterAdd,
  sin,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  symbol,
  type Tensor,
  transpose,
  where,
} from "../../src/tensor/index.ts";
import { type OperatorCase, operatorCase } from "./operator.ts";
import { selectionCases } from "./selection-cases.ts";
import { at, generate, integers, normal, read, size, uniform, type Values, values } from "./values.ts";

const B = symbol("B");
const P = symbol("P");

/** Σ over 0 … count - 1. */
function total(count: number, term: (index: number) => number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += term(index);
  return sum;
}

/** e^(-x²) Σ 2ⁿ x^(2n+1) / (1 · 3 · … · (2n+1)) · 2/√π: no cancellation. */
function erfReference(x: number): number {
  let term = x;
  let series = 0;
  for (let n = 0; Math.abs(term) > 1e-18 * Math.abs(series); n++) {
    series += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return Math.abs(x) > 6 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * series;
}

const geluReference = (x: number) => (x * (1 + erfReference(x / Math.SQRT2))) / 2;

const sourceCases: OperatorCase[] = [
  ...(["float32", "int32", "int64", "bool"] as const).map((dtype) => {
    const x = values([2, 3], [0, 1, 1, 0, 1, 0], dtype);
    return operatorCase(
      "input",
      dtype,
      { x },
      ({ x }) => x,
      ({ x }) => x,
    );
  }),
  operatorCase(
    "input",
    "scalar",
    { x: values([], [1.5]) },
    ({ x }) => x,
    ({ x }) => x,
  ),
  operatorCase(
    "constant",
    "float32",
    {},
    () => constant(-2.25),
    () => values([], [-2.25]),
  ),
  operatorCase(
    "constant",
    "int32",
    {},
    () => constant(-(2 ** 31), "int32"),
    () => values([], [-(2 ** 31)], "int32"),
  ),
  operatorCase(
    "extent",
    "static",
    {},
    () => extent(7),
    () => values([], [7]),
  ),
  operatorCase(
    "extent",
    "of a product of symbols",
    { x: normal("extent", [3, 5]) },
    ({ x }) => mul(x, extent(elements([2, B, P]))),
    ({ x }) => generate(x.shape, (i) => 30 * read(x, i)),
    { shapes: { x: [B, P] } },
  ),
  operatorCase(
    "extent",
    "symbolic",
    { x: normal("extent", [5, 3]) },
    ({ x }) => mul(x, extent(P)),
    ({ x }) => generate(x.shape, (i) => 5 * read(x, i)),
    { shapes: { x: [P, 3] } },
  ),
  operatorCase(
    "range",
    "static",
    {},
    () => range(7),
    () => generate([7], ([i]) => i ?? 0, "int32"),
  ),
  operatorCase(
    "range",
    "symbolic",
    { x: normal("range", [5, 3]) },
    ({ x }) => mul(x, reshape(cast(range(P), "float32"), [P, 1])),
    ({ x }) => generate(x.shape, (i) => at(i, 0) * read(x, i)),
    { shapes: { x: [P, 3] } },
  ),
];

/** An elementwise function of one tensor over several shapes. */
function unaryCases(
  operator: "neg" | "abs" | "exp" | "log" | "sqrt" | "erf" | "cos" | "sin" | "relu" | "gelu" | "erfGate",
  program: (x: Tensor) => Tensor,
  reference: (x: number) => number,
  [low, high]: readonly [number, number],
): OperatorCase[] {
  return [[3, 5], [], [1, 1], [3, 0, 2]].map((shape) =>
    operatorCase(
      operator,
      `of [${shape}]`,
      { x: uniform(operator, shape, low, high) },
      ({ x }) => program(x),
      ({ x }) => generate(x.shape, (i) => reference(read(x, i))),
    ),
  );
}

function angleCase(operator: "cos" | "sin", program: (x: Tensor) => Tensor, reference: (x: number) => number) {
  return operatorCase(
    operator,
    "of large angles",
    { x: values([5], [-2047.75, -100.5, 0, 1000.25, 32767]) },
    ({ x }) => program(x),
    ({ x }) => generate(x.shape, (i) => reference(read(x, i))),
  );
}

const unary: OperatorCase[] = [
  ...unaryCases("neg", neg, (x) => -x, [-2, 2]),
  ...unaryCases("exp", exp, Math.exp, [-2, 2]),
  ...unaryCases("log", log, Math.log, [0.2, 5]),
  ...unaryCases("sqrt", sqrt, Math.sqrt, [0.2, 5]),
  ...unaryCases("erf", erf, erfReference, [-3, 3]),
  ...unaryCases("cos", cos, Math.cos, [-4, 4]),
  ...unaryCases("sin", sin, Math.sin, [-4, 4]),
  ...unaryCases("abs", abs, Math.abs, [-2, 2]),
  ...unaryCases("relu", relu, (x) => Math.max(x, 0), [-2, 2]),
  ...unaryCases("gelu", gelu, geluReference, [-3, 3]),
  ...unaryCases("erfGate", erfGate, (x) => x * (1 + erfReference(x)), [-3, 3]),
  // Angles of rotary positions: a sine that is only good near zero fails.
  angleCase("cos", cos, Math.cos),
  angleCase("sin", sin, Math.sin),
  operatorCase(
    "gelu",
    "far from zero",
    { x: values([5], [-40, -7, 0, 7, 40]) },
    ({ x }) => gelu(x),
    ({ x }) => generate(x.shape, (i) => geluReference(read(x, i))),
  ),
  operatorCase(
    "neg",
    "int32",
    { x: values([3], [7, 0, -5], "int32") },
    ({ x }) => neg(x),
    ({ x }) => generate(x.shape, (i) => 0 - read(x, i), "int32"),
  ),
];

/** A cast of some numbers and what they become. */
function castCase(from: DataType, to: DataType, before: readonly number[], after: readonly number[]): OperatorCase {
  return operatorCase(
    "cast",
    `${from} to ${to}`,
    { x: values([before.length], before, from) },
    ({ x }) => cast(x, to),
    () => values([after.length], after, to),
    { fixed: ["x"] },
  );
}

const casts: OperatorCase[] = [
  castCase("float32", "int32", [-1.75, -0.5, 0.5, 2.99], [-1, 0, 0, 2]),
  castCase("float32", "bool", [-1.5, 0, 2], [1, 0, 1]),
  castCase("int32", "float32", [-3, 0, 16777216], [-3, 0, 16777216]),
  castCase("int32", "int64", [-(2 ** 31), 5], [-(2 ** 31), 5]),
  castCase("int64", "int32", [-7, 5], [-7, 5]),
  castCase("bool", "float32", [0, 1], [0, 1]),
  castCase("bool", "int32", [0, 1], [0, 1]),
];

type Binary = (a: Operand, b: Operand) => Tensor;

const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [3, 5],
    [3, 5],
  ],
  [[5], [3, 5]],
  [[3, 5], [5]],
  [
    [3, 1],
    [1, 5],
  ],
  [[], [3, 5]],
  [[3, 5], []],
  [[], []],
  [
    [2, 3, 5],
    [3, 1],
  ],
  [[1, 1], [5]],
  [[0, 3], [3]],
];

function shapeOf(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [a.at(axis - rank) ?? 1, b.at(axis - rank) ?? 1];
    return left === 1 ? right : left;
  });
}

function combine(a: Values, b: Values, f: (a: number, b: number) => number, dtype = a.dtype): Values {
  return generate(shapeOf(a.shape, b.shape), (i) => f(read(a, i), read(b, i)), dtype);
}

/** A float32 function of two tensors over every pattern of broadcasting, and with a number on either side. */
function arithmeticCases(
  operator: "add" | "sub" | "mul" | "div",
  program: Binary,
  reference: (a: number, b: number) => number,
): OperatorCase[] {
  const x = uniform(operator, [3, 5], 0.5, 2);
  return [
    ...pairs.map(([a, b]) =>
      operatorCase(
        operator,
        `of [${a}] and [${b}]`,
        { a: normal(`${operator} a`, a), b: uniform(`${operator} b`, b, 0.5, 2) },
        ({ a, b }) => program(a, b),
        ({ a, b }) => combine(a, b, reference),
      ),
    ),
    operatorCase(
      operator,
      "with a number on the right",
      { x },
      ({ x }) => program(x, 1.75),
      ({ x }) => generate(x.shape, (i) => reference(read(x, i), 1.75)),
    ),
    operatorCase(
      operator,
      "with a number on the left",
      { x },
      ({ x }) => program(1.75, x),
      ({ x }) => generate(x.shape, (i) => reference(1.75, read(x, i))),
    ),
    operatorCase(
      operator,
      "with itself",
      { x },
      ({ x }) => program(x, x),
      ({ x }) => generate(x.shape, (i) => reference(read(x, i), read(x, i))),
    ),
  ];
}

/** Whole numbers at the ends of int32, of both signs. */
function int32Case(
  operator: "add" | "sub" | "mul" | "div",
  title: string,
  program: Binary,
  reference: (a: number, b: number) => number,
): OperatorCase {
  const a = values([6], [7, -7, 7, -7, 0x7fffffff, 123456789], "int32");
  const b = values([6], [2, 2, -2, -2, 3, 987654321], "int32");
  return operatorCase(
    operator,
    title,
    { a, b },
    ({ a, b }) => program(a, b),
    ({ a, b }) => combine(a, b, reference),
  );
}

/** A comparison of floats with ties, and of int32 with a number. */
function comparisonCases(
  operator: "equal" | "greater" | "greaterOrEqual",
  program: Binary,
  reference: (a: number, b: number) => boolean,
): OperatorCase[] {
  const test = (a: number, b: number) => Number(reference(a, b));
  return [
    operatorCase(
      operator,
      "of [3, 1] and [5]",
      { a: values([3, 1], [-0.5, 1.25, 2]), b: values([5], [2, 1.25, 0, -0.5, -3]) },
      ({ a, b }) => program(a, b),
      ({ a, b }) => combine(a, b, test, "bool"),
    ),
    operatorCase(
      operator,
      "of int32 and a number",
      { a: values([5], [-2, -1, 0, 1, 2], "int32") },
      ({ a }) => program(a, 1),
      ({ a }) => generate(a.shape, (i) => test(read(a, i), 1), "bool"),
    ),
  ];
}

function whereCase(
  condition: readonly number[],
  a: readonly number[],
  b: readonly number[],
  shape: readonly number[],
): OperatorCase {
  return operatorCase(
    "where",
    `of [${condition}], [${a}] and [${b}]`,
    {
      condition: { ...integers("where", condition, 2), dtype: "bool" },
      a: normal("where a", a),
      b: normal("where b", b),
    },
    ({ condition, a, b }) => where(condition, a, b),
    ({ condition, a, b }) => generate(shape, (i) => (read(condition, i) === 1 ? read(a, i) : read(b, i))),
  );
}

const binary: OperatorCase[] = [
  ...arithmeticCases("add", add, (a, b) => a + b),
  ...arithmeticCases("sub", sub, (a, b) => a - b),
  ...arithmeticCases("mul", mul, (a, b) => a * b),
  ...arithmeticCases("div", div, (a, b) => a / b),
  int32Case("add", "int32 wraps around", add, (a, b) => (a + b) | 0),
  int32Case("sub", "int32 wraps around", sub, (a, b) => (a - b) | 0),
  int32Case("mul", "int32 wraps around", mul, Math.imul),
  int32Case("div", "int32 rounds towards zero", div, (a, b) => Math.trunc(a / b) + 0),
  ...comparisonCases("equal", equal, (a, b) => a === b),
  ...comparisonCases("greater", greater, (a, b) => a > b),
  ...comparisonCases("greaterOrEqual", greaterOrEqual, (a, b) => a >= b),
  whereCase([3, 5], [3, 5], [3, 5], [3, 5]),
  whereCase([3, 1], [5], [], [3, 5]),
  whereCase([5], [2, 3, 1], [3, 5], [2, 3, 5]),
  operatorCase(
    "where",
    "of numbers",
    { x: normal("where", [3, 5]) },
    ({ x }) => mul(x, where(greater(x, 0), 1, 0.25)),
    ({ x }) => generate(x.shape, (i) => read(x, i) * (read(x, i) > 0 ? 1 : 0.25)),
  ),
];

function reshapeCase(from: readonly number[], to: readonly number[]): OperatorCase {
  return operatorCase(
    "reshape",
    `[${from}] to [${to}]`,
    { x: normal("reshape", from) },
    ({ x }) => reshape(x, to),
    ({ x }) => values(to, x.data),
  );
}

function symbolicReshapeCase(title: string, to: Shape, concrete: readonly number[]): OperatorCase {
  return operatorCase(
    "reshape",
    `[B, 3, P] to ${title}`,
    { x: normal("reshape", [2, 3, 5]) },
    ({ x }) => reshape(x, to),
    ({ x }) => values(concrete, x.data),
    { shapes: { x: [B, 3, P] } },
  );
}

function transposeCase(shape: readonly number[], axes: readonly number[]): OperatorCase {
  return operatorCase(
    "transpose",
    `[${shape}] by [${axes}]`,
    { x: normal("transpose", shape) },
    ({ x }) => transpose(x, axes),
    ({ x }) => {
      const permuted = axes.map((axis) => at(x.shape, axis));
      return generate(permuted, (i) =>
        read(
          x,
          axes.map((_, axis) => at(i, axes.indexOf(axis))),
        ),
      );
    },
  );
}

function expandCase(from: readonly number[], to: readonly number[]): OperatorCase {
  return operatorCase(
    "expand",
    `[${from}] to [${to}]`,
    { x: normal("expand", from) },
    ({ x }) => expand(x, to),
    ({ x }) => generate(to, (i) => read(x, i)),
  );
}

function sumCase(x: Values, axes: readonly number[], keep: boolean, kept: readonly number[]): OperatorCase {
  const reduced = x.shape.map((length, axis) => (kept.includes(axis) ? 1 : length));
  const shape = keep ? reduced : x.shape.filter((_, axis) => !kept.includes(axis));
  return operatorCase(
    "sum",
    `${x.dtype}[${x.shape}] over [${axes}]${keep ? ", kept" : ""}`,
    { x },
    ({ x }) => sum(x, axes, { keep }),
    ({ x }) => {
      const sums = Array<number>(size(shape)).fill(0);
      const offsets = generate(reduced, () => 0).data.map((_, offset) => offset);
      // Each element is read off with the place of its sum.
      generate(x.shape, (i) => {
        const place = read(values(reduced, offsets), i);
        sums[place] = at(sums, place) + read(x, i);
        return 0;
      });
      return values(shape, sums, x.dtype);
    },
  );
}

function concatCase(shapes: readonly (readonly number[])[], axis: number): OperatorCase {
  const inputs = Object.fromEntries(shapes.map((shape, index) => [`x${index}`, normal(`concat ${index}`, shape)]));
  return operatorCase(
    "concat",
    `${shapes.map((shape) => `[${shape}]`).join(", ")} along ${axis}`,
    inputs,
    (tensors) => concat(Object.values(tensors), axis),
    (arrays) => {
      const parts = Object.values<Values>(arrays);
      const [first] = parts;
      if (first === undefined) throw new Error("nothing to join");
      const along = axis < 0 ? axis + first.shape.length : axis;
      const owners = parts.flatMap((part) =>
        Array.from({ length: at(part.shape, along) }, (_, row) => ({ part, row })),
      );
      const shape = first.shape.with(along, owners.length);
      return generate(shape, (i) => {
        const owner = owners[at(i, along)];
        return owner === undefined ? Number.NaN : read(owner.part, i.with(along, owner.row));
      });
    },
  );
}

function sliceCase(shape: readonly number[], axis: number, start: number, end: number): OperatorCase {
  const along = axis < 0 ? axis + shape.length : axis;
  return operatorCase(
    "slice",
    `[${shape}] ${start}…${end} of axis ${axis}`,
    { x: normal("slice", shape) },
    ({ x }) => slice(x, axis, start, end),
    ({ x }) => generate(shape.with(along, end - start), (i) => read(x, i.with(along, at(i, along) + start))),
  );
}

const layout: OperatorCase[] = [
  reshapeCase([2, 3, 5], [6, 5]),
  reshapeCase([2, 3, 5], [30]),
  reshapeCase([2, 3, 5], [5, 1, 6]),
  reshapeCase([], [1, 1]),
  reshapeCase([1], []),
  reshapeCase([0, 3], [5, 0]),
  symbolicReshapeCase("[3, B*P]", [3, elements([B, P])], [3, 10]),
  symbolicReshapeCase("[B, 3*P]", [B, elements([3, P])], [2, 15]),
  symbolicReshapeCase("[3*B, P]", [elements([3, B]), P], [6, 5]),
  symbolicReshapeCase("[P, B, 3]", [P, B, 3], [5, 2, 3]),
  transposeCase([3, 5], [1, 0]),
  transposeCase([2, 3, 5], [1, 2, 0]),
  transposeCase([2, 3, 5], [2, 0, 1]),
  transposeCase([2, 3, 5, 7], [0, 2, 1, 3]),
  transposeCase([2, 3, 1, 7], [3, 1, 0, 2]),
  transposeCase([0, 3], [1, 0]),
  expandCase([3, 1], [2, 3, 5]),
  expandCase([1, 5], [3, 5]),
  expandCase([], [3]),
  expandCase([1], [0]),
  sumCase(normal("sum", [2, 3, 5]), [1], false, [1]),
  sumCase(normal("sum", [2, 3, 5]), [1], true, [1]),
  sumCase(normal("sum", [2, 3, 5]), [-1, 0], false, [0, 2]),
  sumCase(normal("sum", [2, 3, 5]), [-1], true, [2]),
  sumCase(normal("sum", [2, 3, 5]), [0, 1, 2], false, [0, 1, 2]),
  sumCase(normal("sum", [0, 3]), [1], false, [1]),
  sumCase(normal("sum", [1, 5]), [0], false, [0]),
  sumCase(integers("sum", [3, 5], 1000), [0], false, [0]),
  concatCase(
    [
      [2, 5],
      [3, 5],
    ],
    0,
  ),
  concatCase(
    [
      [2, 3, 1],
      [2, 3, 5],
      [2, 3, 7],
    ],
    -1,
  ),
  concatCase(
    [
      [3, 2],
      [3, 0],
      [3, 5],
    ],
    1,
  ),
  concatCase([[3, 5]], 0),
  sliceCase([3, 7], 1, 0, 2),
  sliceCase([3, 7], 1, 2, 5),
  sliceCase([3, 7], -1, 5, 7),
  sliceCase([7, 3], 0, 2, 5),
  sliceCase([3, 7], 1, 0, 7),
  operatorCase(
    "slice",
    "the part of a concatenation along a symbolic axis, as long as another input",
    { x: normal("slice x", [3, 2]), z: normal("slice z", [3, 5]) },
    ({ x, z }) => slice(concat([x, z], 1), 1, symbol("N"), addDimensions(symbol("N"), symbol("M"))),
    ({ z }) => z,
    { shapes: { x: [3, symbol("N")], z: [3, symbol("M")] } },
  ),
  sliceCase([3, 7], 1, 4, 4),
  sliceCase([3, 0], 1, 0, 0),
];

interface Product {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
}

/** α · op(a) · op(b). The shapes are those of the operands after op. */
function matmulCase({ a, b, transposeA = false, transposeB = false, alpha = 1 }: Product): OperatorCase {
  const stored = (shape: readonly number[], swap: boolean) =>
    swap ? [...shape.slice(0, -2), at(shape, shape.length - 1), at(shape, shape.length - 2)] : shape;
  const element = (x: Values, lead: readonly number[], row: number, column: number, swap: boolean) =>
    read(x, swap ? [...lead, column, row] : [...lead, row, column]);
  const inner = at(a, a.length - 1);
  const shape = [...shapeOf(a.slice(0, -2), b.slice(0, -2)), at(a, a.length - 2), at(b, b.length - 1)];
  const marks = `${transposeA ? "ᵀ" : ""} × [${b}]${transposeB ? "ᵀ" : ""}`;
  return operatorCase(
    "matmul",
    `[${a}]${marks}, α = ${alpha}`,
    { a: normal("matmul a", stored(a, transposeA)), b: normal("matmul b", stored(b, transposeB)) },
    ({ a, b }) => matmul(a, b, { transposeA, transposeB, alpha }),
    ({ a, b }) =>
      generate(shape, (i) => {
        const [lead, row, column] = [i.slice(0, -2), at(i, i.length - 2), at(i, i.length - 1)];
        return (
          alpha * total(inner, (k) => element(a, lead, row, k, transposeA) * element(b, lead, k, column, transposeB))
        );
      }),
  );
}

const transposes = [
  { transposeA: false, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: false },
  { transposeA: true, transposeB: true },
] as const;

const products: OperatorCase[] = [
  ...transposes.flatMap((flags) => [
    matmulCase({ a: [3, 5], b: [5, 7], ...flags }),
    matmulCase({ a: [3, 5], b: [5, 7], alpha: -0.75, ...flags }),
    matmulCase({ a: [2, 3, 5], b: [5, 7], alpha: 1.5, ...flags }),
    matmulCase({ a: [3, 5], b: [2, 5, 7], alpha: 1.5, ...flags }),
    matmulCase({ a: [2, 4, 3, 5], b: [2, 4, 5, 7], alpha: 0.5, ...flags }),
    matmulCase({ a: [2, 1, 3, 5], b: [4, 5, 7], alpha: 0.5, ...flags }),
    matmulCase({ a: [1, 1], b: [1, 7], ...flags }),
  ]),
  matmulCase({ a: [2, 3, 5], b: [5, 7] }),
  matmulCase({ a: [2, 3, 1], b: [1, 7] }),
  matmulCase({ a: [0, 5], b: [5, 7] }),
];

function softmaxReference(x: Values): Values {
  const width = at(x.shape, x.shape.length - 1);
  return generate(x.shape, (i) => {
    const row = Array.from({ length: width }, (_, column) => read(x, i.with(-1, column)));
    const largest = Math.max(...row);
    return Math.exp(read(x, i) - largest) / total(width, (column) => Math.exp(at(row, column) - largest));
  });
}

function normaliseReference(x: Values, epsilon: number): Values {
  const width = at(x.shape, x.shape.length - 1);
  return generate(x.shape, (i) => {
    const element = (column: number) => read(x, i.with(-1, column));
    const mean = total(width, element) / width;
    const variance = total(width, (column) => (element(column) - mean) ** 2) / width;
    return (read(x, i) - mean) / Math.sqrt(variance + epsilon);
  });
}

function gatherCase(title: string, table: Values, ids: Values): OperatorCase {
  return operatorCase(
    "gather",
    title,
    { table, ids },
    ({ table, ids }) => gather(table, ids),
    ({ table, ids }) =>
      generate([...ids.shape, at(table.shape, 1)], (i) =>
        read(table, [read(ids, i.slice(0, -1)), at(i, i.length - 1)]),
      ),
  );
}

function crossEntropyCase(title: string, logits: Values, targets: Values): OperatorCase {
  return operatorCase(
    "crossEntropy",
    title,
    { logits, targets },
    ({ logits, targets }) => crossEntropy(logits, targets),
    ({ logits, targets }) =>
      generate(targets.shape, ([row]) => {
        const entries = Array.from({ length: at(logits.shape, 1) }, (_, column) => read(logits, [row ?? 0, column]));
        const largest = Math.max(...entries);
        const spread = Math.log(total(entries.length, (column) => Math.exp(at(entries, column) - largest)));
        return largest + spread - at(entries, read(targets, [row ?? 0]));
      }),
  );
}

/** Channels c < R/2 and c + R/2 turn by the angle of the position; the others stay. */
function rotateCase(shape: readonly number[], half: number): OperatorCase {
  const angles = normal("angles", [at(shape, 2), half]);
  const table = (f: (angle: number) => number) => generate(angles.shape, (i) => Math.fround(f(read(angles, i))));
  return operatorCase(
    "rotate",
    `[${shape}], ${2 * half} channels`,
    { x: normal("rotate", shape), cosine: table(Math.cos), sine: table(Math.sin) },
    ({ x, cosine, sine }) => rotate(x, cosine, sine),
    ({ x, cosine, sine }) =>
      generate(x.shape, (i) => {
        const [time, channel] = [at(i, 2), at(i, 3)];
        if (channel >= 2 * half) return read(x, i);
        const [c, s] = [read(cosine, [time, channel % half]), read(sine, [time, channel % half])];
        const low = channel < half;
        const other = read(x, i.with(3, low ? channel + half : channel - half));
        return low ? read(x, i) * c - other * s : read(x, i) * c + other * s;
      }),
    { fixed: ["cosine", "sine"] },
  );
}

/** Heads as parts of the last axis: the same rotation of each. */
function rotateRowsCase([batch, time, heads, channels]: readonly [number, number, number, number], half: number) {
  const apart = rotateCase([batch * heads, 1, time, channels], half);
  const shape = [batch, time, heads * channels];
  const inputs = { ...apart.inputs, x: normal("rotate", shape) };
  const split = (x: Values) =>
    generate([batch * heads, 1, time, channels], ([row = 0, , t = 0, c = 0]) =>
      read(x, [Math.floor(row / heads), t, (row % heads) * channels + c]),
    );
  return {
    ...apart,
    title: `[${shape}] of ${heads} heads, ${2 * half} channels`,
    inputs,
    program: ({ x, cosine, sine }: Readonly<Record<string, Tensor>>) => {
      if (x === undefined || cosine === undefined || sine === undefined) throw new Error("three inputs");
      return rotate(x, cosine, sine, heads);
    },
    reference: (given: Readonly<Record<string, Values>>) => {
      const { x } = given;
      if (x === undefined) throw new Error("an input x");
      const rotated = apart.reference({ ...given, x: split(x) });
      return generate(shape, ([b = 0, t = 0, c = 0]) =>
        read(rotated, [b * heads + Math.floor(c / channels), 0, t, c % channels]),
      );
    },
  };
}

const neural: OperatorCase[] = [
  operatorCase(
    "softmax",
    "of [2, 3, 5]",
    { x: normal("softmax", [2, 3, 5]) },
    ({ x }) => softmax(x),
    ({ x }) => softmaxReference(x),
  ),
  operatorCase(
    "softmax",
    "of large logits",
    { x: values([2, 3], [1000, 1001, 999, -1000, -1001, -1003]) },
    ({ x }) => softmax(x),
    ({ x }) => softmaxReference(x),
  ),
  ...[[2, 3, 5], [7], [3, 1]].map((shape) =>
    operatorCase(
      "l2Normalise",
      `of [${shape}]`,
      { x: normal("l2Normalise", shape), scale: values([], [2.5]) },
      ({ x, scale }) => l2Normalise(x, scale),
      ({ x, scale }) =>
        generate(x.shape, (i) => {
          const squares = total(at(x.shape, x.shape.length - 1), (column) => read(x, i.with(-1, column)) ** 2);
          return (read(scale, []) * read(x, i)) / Math.sqrt(squares);
        }),
    ),
  ),
  ...[1e-5, 0.5].map((epsilon) =>
    operatorCase(
      "normalise",
      `with ε = ${epsilon}`,
      { x: normal("normalise", [2, 3, 5]) },
      ({ x }) => normalise(x, epsilon),
      ({ x }) => normaliseReference(x, epsilon),
    ),
  ),
  gatherCase("repeated ids", normal("gather", [7, 5]), values([2, 3], [6, 0, 3, 3, 3, 1], "int32")),
  gatherCase("one id", normal("gather", [7, 5]), values([], [4], "int32")),
  gatherCase("no ids", normal("gather", [7, 5]), values([0], [], "int32")),
  gatherCase("a table of 4096 rows", normal("gather", [4096, 2]), values([5], [4095, 0, 17, 17, 4095], "int32")),
  gatherCase("a table of 4099 rows", normal("gather", [4099, 2]), values([5], [4098, 0, 17, 17, 4098], "int32")),
  operatorCase(
    "scatterAdd",
    "repeated ids",
    {
      table: normal("scatterAdd table", [7, 3]),
      x: normal("scatterAdd", [5, 3]),
      ids: values([5], [6, 0, 2, 2, 2], "int32"),
    },
    ({ table, x, ids }) => scatterAdd(table, x, ids),
    ({ table, x, ids }) =>
      generate(
        [7, 3],
        ([row = 0, column = 0]) =>
          read(table, [row, column]) + total(5, (n) => (read(ids, [n]) === row ? read(x, [n, column]) : 0)),
      ),
  ),
  operatorCase(
    "scatterAdd",
    "of int32",
    {
      table: values([4, 2], [7, 7, 7, 7, 7, 7, 7, 8], "int32"),
      x: values([3, 2], [1, 2, 30, 40, 500, 600], "int32"),
      ids: values([3], [1, 0, 1], "int32"),
    },
    ({ table, x, ids }) => scatterAdd(table, x, ids),
    () => values([4, 2], [37, 47, 508, 609, 7, 7, 7, 8], "int32"),
  ),
  operatorCase(
    "addAt",
    "of [5, 7]",
    {
      x: normal("addAt", [5, 7]),
      columns: values([5], [6, 0, 2, 2, 3], "int32"),
      added: normal("addAt values", [5]),
    },
    ({ x, columns, added }) => addAt(x, columns, added),
    ({ x, columns, added }) =>
      generate(
        [5, 7],
        ([row = 0, column = 0]) => read(x, [row, column]) + (read(columns, [row]) === column ? read(added, [row]) : 0),
      ),
    { shapes: { x: [symbol("N"), 7], columns: [symbol("N")], added: [symbol("N")] } },
  ),
  operatorCase(
    "oneHot",
    "of [2, 3]",
    { ids: values([2, 3], [4, 0, 1, 2, 2, 3], "int32") },
    ({ ids }) => oneHot(ids, 5),
    ({ ids }) => generate([2, 3, 5], (i) => Number(read(ids, i.slice(0, -1)) === at(i, 2))),
  ),
  crossEntropyCase("of [5, 7]", normal("crossEntropy", [5, 7], 3), integers("crossEntropy", [5], 7)),
  crossEntropyCase(
    "of large logits: losses of 0, 150 and 2000",
    values([3, 3], [1000, 0, -1000, 0, 150, 30, 0, 1000, -1000]),
    values([3], [0, 0, 2], "int32"),
  ),
  rotateCase([2, 3, 5, 8], 4),
  rotateCase([2, 3, 5, 14], 3),
  rotateCase([1, 1, 7, 6], 2),
  rotateCase([2, 1, 1, 16], 1),
  rotateRowsCase([2, 5, 3, 8], 4),
  rotateRowsCase([1, 7, 2, 14], 3),
];

export const operatorCases: readonly OperatorCase[] = [
  ...sourceCases,
  ...unary,
  ...casts,
  ...binary,
  ...layout,
  ...products,
  ...neural,
  ...selectionCases,
];
