import { describe, expect, it } from "vitest";
import {
  add,
  addAt,
  concat,
  constant,
  crossEntropy,
  type DataType,
  div,
  elements,
  emitOnnx,
  exp,
  expand,
  extent,
  type Graph,
  gather,
  gradients,
  graph,
  greater,
  input,
  l2Normalise,
  matmul,
  mean,
  mul,
  neg,
  normalise,
  oneHot,
  printGraph,
  range,
  reshape,
  rotate,
  scatterAdd,
  slice,
  softmax,
  sub,
  sum,
  symbol,
  type Tensor,
  topK,
  transpose,
  verify,
  where,
} from "../../src/tensor/index.ts";
import { entry, fromHost, run, toHost, useDevice } from "../support/device.ts";
import { pattention, pattentionStep, square } from "../support/programs.ts";
import { expectClose, generate, normal, values } from "../support/values.ts";

const device = useDevice();
const B = symbol("B");
const P = symbol("P");

/** The message of what a function throws. */
function message(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing was thrown";
}

/** How many nodes each operator has in a graph. */
function counts({ nodes }: Graph): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { operator } of nodes) found[operator.name] = (found[operator.name] ?? 0) + 1;
  return found;
}

describe("printGraph", () => {
  it("prints a Pattention layer, forward", () => {
    expect(printGraph(graph("forward", { y: pattention(B, P).y }))).toMatchInlineSnapshot(`
      "forward(x: float32[B, 5], keys: float32[P, 5], tau: float32[], values: float32[P, 7])
        %1 = matmul(x, keys) {transposeB: true, alpha: 1}: float32[B, P]
        %2 = l2Normalise(%1, tau): float32[B, P]
        %3 = gelu(%2): float32[B, P]
        %4 = matmul(%3, values) {alpha: 1}: float32[B, 7]
        → y = %4"
    `);
  });

  it("prints its loss and gradients", () => {
    expect(printGraph(graph("step", pattentionStep(B, P)))).toMatchInlineSnapshot(`
      "step(x: float32[B, 5], keys: float32[P, 5], tau: float32[], values: float32[P, 7])
        %1 = matmul(x, keys) {transposeB: true, alpha: 1}: float32[B, P]
        %2 = l2Normalise(%1, tau): float32[B, P]
        %3 = gelu(%2): float32[B, P]
        %4 = matmul(%3, values) {alpha: 1}: float32[B, 7]
        %5 = mul(%4, %4): float32[B, 7]
        %6 = sum(%5) {axes: [0, 1]}: float32[]
        %7 = extent() {size: [7*B], dtype: float32}: float32[]
        %8 = div(%6, %7): float32[]
        %9 = div(1, %7): float32[]
        %10 = reshape(%9): float32[1, 1]
        %11 = mul(%10, %4): float32[B, 7]
        %12 = mul(%10, %4): float32[B, 7]
        %13 = add(%11, %12): float32[B, 7]
        %14 = matmul(%13, values) {transposeB: true, alpha: 1}: float32[B, P]
        %15 = mul(%3.1, %3.1): float32[B, P]
        %16 = sub(-0.5723649429247001, %15): float32[B, P]
        %17 = exp(%16): float32[B, P]
        %18 = mul(%3.1, %17): float32[B, P]
        %19 = add(%3.2, %18): float32[B, P]
        %20 = mul(%14, %19): float32[B, P]
        %21 = mul(%20, %2): float32[B, P]
        %22 = sum(%21) {axes: [1], keep: true}: float32[B, 1]
        %23 = mul(tau, tau): float32[]
        %24 = div(%22, %23): float32[B, 1]
        %25 = mul(%2, %24): float32[B, P]
        %26 = sub(%20, %25): float32[B, P]
        %27 = mul(%26, %2.1): float32[B, P]
        %28 = matmul(%27, keys) {alpha: 1}: float32[B, 5]
        %29 = matmul(%27, x) {transposeA: true, alpha: 1}: float32[P, 5]
        %30 = matmul(%3, %13) {transposeA: true, alpha: 1}: float32[P, 7]
        → y = %4
        → loss = %8
        → d x = %28
        → d keys = %29
        → d values = %30"
    `);
  });

  it("marks saved values and shows which size is taken", () => {
    const logits = input("logits", [B, 3]);
    const loss = div(sum(crossEntropy(logits, input("targets", [B], "int32")), [0]), extent(B));
    const [gradient = loss] = gradients(loss, [logits]);
    expect(printGraph(graph("loss", { loss, gradient }))).toMatchInlineSnapshot(`
      "loss(logits: float32[B, 3], targets: int32[B])
        %1 = crossEntropy(logits, targets): float32[B]
        %2 = sum(%1) {axes: [0]}: float32[]
        %3 = extent() {size: [B], dtype: float32}: float32[]
        %4 = div(%2, %3): float32[]
        %5 = exp(%1.1): float32[B, 3]
        %6 = div(1, %3): float32[]
        %7 = reshape(%6): float32[1]
        %8 = expand(%7): float32[B]
        %9 = reshape(%8): float32[B, 1]
        %10 = mul(%5, %9): float32[B, 3]
        %11 = neg(%8): float32[B]
        %12 = addAt(%10, targets, %11): float32[B, 3]
        → loss = %4
        → gradient = %12"
    `);
  });
});

describe("node counts", () => {
  it("of a Pattention layer", () => {
    expect(counts(graph("forward", { y: pattention(B, P).y }))).toMatchInlineSnapshot(`
      {
        "gelu": 1,
        "input": 4,
        "l2Normalise": 1,
        "matmul": 2,
      }
    `);
  });

  it("of its step", () => {
    expect(counts(graph("step", pattentionStep(B, P)))).toMatchInlineSnapshot(`
      {
        "add": 2,
        "constant": 2,
        "div": 3,
        "exp": 1,
        "extent": 1,
        "gelu": 1,
        "input": 4,
        "l2Normalise": 1,
        "matmul": 6,
        "mul": 10,
        "reshape": 1,
        "sub": 2,
        "sum": 2,
      }
    `);
  });

  it("use a value once that is needed twice", () => {
    const y = exp(input("x", [3]));
    expect(counts(graph("twice", { a: add(y, y), b: y }))).toEqual({ input: 1, exp: 1, add: 1 });
  });
});

/** A graph whose last node claims another shape than its operator gives. */
function mistyped(): Graph {
  const { nodes, ...rest } = graph("g", { y: neg(input("x", [3, 5])) });
  const wrong = nodes.map((node) => ({
    ...node,
    outputs: node.inputs.length === 0 ? node.outputs : node.outputs.map((output) => ({ ...output, shape: [5, 3] })),
  }));
  return { ...rest, nodes: wrong };
}

it("verify refuses", () => {
  const { nodes, ...rest } = graph("g", { y: neg(exp(input("x", [3]))) });
  expect({
    "two inputs of a name": message(() => graph("g", { y: add(input("x", [3]), input("x", [3])) })),
    "an input and an output of a name": message(() => graph("g", { x: neg(input("x", [3])) })),
    "no outputs": message(() => graph("g", {})),
    "a dimension that no input has": message(() => graph("g", { y: expand(input("x", [3]), [P, 3]) })),
    "a symbol that inputs have only in a product": message(() =>
      graph("g", { y: neg(input("x", [elements([B, 2])])) }),
    ),
    "the size of a dimension that no input has": message(() => graph("g", { y: extent(P) })),
    "a type that is not the operator's": message(() => verify(mistyped())),
    "a value that is not computed before": message(() => verify({ ...rest, nodes: nodes.toReversed() })),
    "an output that is not computed": message(() => verify({ ...rest, nodes, outputs: new Map([["z", constant(1)]]) })),
  }).toMatchInlineSnapshot(`
    {
      "a dimension that no input has": "internal: graph "g": expand has the dimension P in float32[P, 3], which no input gives",
      "a symbol that inputs have only in a product": "internal: graph "g": input has the dimension B in float32[2*B], which no input gives",
      "a type that is not the operator's": "internal: graph "g": neg gives float32[3, 5], not float32[5, 3]",
      "a value that is not computed before": "internal: graph "g": neg uses a float32[3] that is not computed before it",
      "an input and an output of a name": "internal: graph "g": an input and an output are named "x"",
      "an output that is not computed": "internal: graph "g": the output "z" is not computed",
      "no outputs": "internal: graph "g": it has no outputs",
      "the size of a dimension that no input has": "internal: graph "g": extent has the dimension P in float32[], which no input gives",
      "two inputs of a name": "internal: graph "g": two inputs are named "x"",
    }
  `);
});

it("operators refuse", () => {
  const x = input("x", [3, 5]);
  const ids = input("ids", [3], "int32");
  const scalar = input("scalar", []);
  const heads = input("heads", [2, 3, 5, 8]);
  expect({
    "add: shapes": message(() => add(x, input("y", [3, 7]))),
    "add: symbols": message(() => add(input("b", [B]), input("p", [P]))),
    "mul: dtypes": message(() => mul(x, input("y", [3, 5], "int32"))),
    "where: condition": message(() => where(x, x, x)),
    "reshape: elements": message(() => reshape(input("y", [B, 3, P]), [B, 5])),
    "transpose: repeated axes": message(() => transpose(x, [0, 0])),
    "transpose: negative axes": message(() => transpose(x, [0, -1])),
    "expand: shapes": message(() => expand(x, [3, 7])),
    "sum: axis": message(() => sum(x, [2])),
    "concat: nothing": message(() => concat([], 0)),
    "concat: shapes": message(() => concat([x, input("y", [5, 3])], 0)),
    "slice: range": message(() => slice(x, 1, 2, 6)),
    "slice: axis": message(() => slice(x, -3, 0, 1)),
    "slice: end before the start of a symbolic axis": message(() => slice(input("b", [B]), 0, 4, 2)),
    "slice: negative end of a symbolic axis": message(() => slice(input("b", [B]), 0, -1, 2)),
    "slice: symbolic start, end beyond": message(() => slice(x, 1, P, 7)),
    "slice: fraction": message(() => slice(x, 1, 0.5, 3)),
    "input: negative size": message(() => input("y", [-2, 3])),
    "input: size that is no number": message(() => input("y", [Number.NaN])),
    "range: negative size": message(() => range(-2)),
    "range: fraction": message(() => range(1.5)),
    "extent: negative size": message(() => extent(-3)),
    "reshape: negative sizes": message(() => reshape(x, [-3, -5])),
    "oneHot: fraction": message(() => oneHot(ids, 2.5)),
    "topK: fraction": message(() => topK(x, 2.5)),
    "softmax: scalar": message(() => softmax(scalar)),
    "l2Normalise: scalar": message(() => l2Normalise(scalar, scalar)),
    "exp: int32": message(() => exp(ids)),
    "softmax: int32": message(() => softmax(ids)),
    "crossEntropy: int32": message(() => crossEntropy(input("y", [3, 5], "int32"), ids)),
    "matmul: inner sizes": message(() => matmul(x, x)),
    "matmul: leading sizes": message(() => matmul(input("a", [2, 3, 5]), input("b", [7, 5, 3]))),
    "matmul: rank": message(() => matmul(x, input("y", [5]))),
    "l2Normalise: scale": message(() => l2Normalise(x, input("y", [1]))),
    "normalise: symbol": message(() => normalise(input("y", [3, B]), 1e-5)),
    "gather: ids": message(() => gather(x, scalar)),
    "gather: table": message(() => gather(input("y", [5]), ids)),
    "scatterAdd: ids": message(() => scatterAdd(input("t", [7, 5]), x, input("y", [5], "int32"))),
    "scatterAdd: table": message(() => scatterAdd(input("t", [7, 3]), x, ids)),
    "addAt: values": message(() => addAt(x, ids, input("y", [5]))),
    "crossEntropy: targets": message(() => crossEntropy(x, input("y", [5], "int32"))),
    "rotate: positions": message(() => rotate(heads, input("c", [3, 4]), input("s", [3, 4]))),
    "rotate: channels": message(() => rotate(heads, input("c", [5, 5]), input("s", [5, 5]))),
    "gradients: of a vector": message(() => gradients(x, [x])),
    "gradients: of an unknown number of rows": message(() => {
      const table = input("table", [P, 5]);
      return gradients(mean(gather(table, ids)), [table]);
    }),
    "gradients: of what saves values, twice": message(() => twice(l2Normalise(x, scalar), x)),
  }).toMatchInlineSnapshot(`
    {
      "add: shapes": "add(float32[3, 5], float32[3, 7]): the shapes do not broadcast",
      "add: symbols": "add(float32[B], float32[P]): the shapes do not broadcast",
      "addAt: values": "addAt(float32[3, 5], int32[3], float32[5]): x must be [N, V], the columns [N], and the values [N] of the type of x",
      "concat: nothing": "concat(): no tensors were given",
      "concat: shapes": "concat(float32[3, 5], float32[5, 3]): the tensors must agree in dtype and in all axes but 0",
      "crossEntropy: int32": "crossEntropy(int32[3, 5], int32[3]): the logits must be float32, got int32; cast it before",
      "crossEntropy: targets": "crossEntropy(float32[3, 5], int32[5]): the logits must be [N, V] and the targets [N]",
      "exp: int32": "exp(int32[3]): x must be float32, got int32; cast it before",
      "expand: shapes": "expand(float32[3, 5]): it does not broadcast to [3,7]",
      "extent: negative size": "extent(): -3 is no size of an axis: expected a whole number of 0 or more",
      "gather: ids": "gather(float32[3, 5], float32[]): ids must be int32, got float32",
      "gather: table": "gather(float32[5], int32[3]): the table must have two axes",
      "gradients: of a vector": "gradients(): the loss must be a float32 scalar, got float32[3, 5]",
      "gradients: of an unknown number of rows": "gather(float32[P, 5], int32[3]): the gradient needs a table of known size",
      "gradients: of what saves values, twice": "gradients(): l2Normalise has no second derivative",
      "input: negative size": "input(): -2 is no size of an axis: expected a whole number of 0 or more",
      "input: size that is no number": "input(): NaN is no size of an axis: expected a whole number of 0 or more",
      "l2Normalise: scalar": "l2Normalise(float32[], float32[]): x must have an axis, got a scalar; reshape it to [1]",
      "l2Normalise: scale": "l2Normalise(float32[3, 5], float32[1]): the scale must be a scalar",
      "matmul: inner sizes": "matmul(float32[3, 5], float32[3, 5]): the inner dimensions differ",
      "matmul: leading sizes": "matmul(float32[2, 3, 5], float32[7, 5, 3]): the leading axes do not broadcast",
      "matmul: rank": "matmul(float32[3, 5], float32[5]): the operands must have two axes or more",
      "mul: dtypes": "mul(float32[3, 5], int32[3, 5]): the operands must have one dtype, got float32[3, 5] and int32[3, 5]",
      "normalise: symbol": "normalise(float32[3, B]): the last axis must have a known size, got B",
      "oneHot: fraction": "oneHot(int32[3]): 2.5 is no size of an axis: expected a whole number of 0 or more",
      "range: fraction": "range(): 1.5 is no size of an axis: expected a whole number of 0 or more",
      "range: negative size": "range(): -2 is no size of an axis: expected a whole number of 0 or more",
      "reshape: elements": "reshape(float32[B, 3, P]): 3*B*P elements do not fit [B,5]",
      "reshape: negative sizes": "reshape(float32[3, 5]): -3 is no size of an axis: expected a whole number of 0 or more",
      "rotate: channels": "rotate(float32[2, 3, 5, 8], float32[5, 5], float32[5, 5]): x must be [B, H, T, C] or [B, T, H · C], cos and sin [T, R/2] with R ≤ C",
      "rotate: positions": "rotate(float32[2, 3, 5, 8], float32[3, 4], float32[3, 4]): x must be [B, H, T, C] or [B, T, H · C], cos and sin [T, R/2] with R ≤ C",
      "scatterAdd: ids": "scatterAdd(float32[7, 5], float32[3, 5], int32[5]): x must be [N, D] and the ids [N]",
      "scatterAdd: table": "scatterAdd(float32[7, 3], float32[3, 5], int32[3]): the table must be [V, D] and of the type of x",
      "slice: axis": "slice(float32[3, 5]): axis -3 is out of range for rank 2",
      "slice: end before the start of a symbolic axis": "slice(float32[B]): 4…2 is not a range of 0…B",
      "slice: fraction": "slice(float32[3, 5]): 0.5…3 is not a range of 0…5",
      "slice: negative end of a symbolic axis": "slice(float32[B]): -1…2 is not a range of 0…B",
      "slice: range": "slice(float32[3, 5]): 2…6 is not a range of 0…5",
      "slice: symbolic start, end beyond": "slice(float32[3, 5]): P…7 is not a range of 0…5",
      "softmax: int32": "softmax(int32[3]): x must be float32, got int32; cast it before",
      "softmax: scalar": "softmax(float32[]): x must have an axis, got a scalar; reshape it to [1]",
      "sum: axis": "sum(float32[3, 5]): axis 2 is out of range for rank 2",
      "topK: fraction": "topK(float32[3, 5]): 2.5 is no size of an axis: expected a whole number of 0 or more",
      "transpose: negative axes": "transpose(float32[3, 5]): [0,-1] is not an order of its 2 axes",
      "transpose: repeated axes": "transpose(float32[3, 5]): [0,0] is not an order of its 2 axes",
      "where: condition": "where(float32[3, 5], float32[3, 5], float32[3, 5]): the condition must be bool, got float32",
    }
  `);
});

it.each<[number, DataType]>([
  [0.5, "int32"],
  [3e9, "int32"],
  [-(2 ** 31) - 1, "int32"],
  [Number.NaN, "int32"],
  [Number.POSITIVE_INFINITY, "int64"],
  [2 ** 63, "int64"],
  [1.5, "int64"],
  [2, "bool"],
  [-1, "bool"],
])("%d beside %s is refused, as the type does not have it", (value, dtype) => {
  const x = input("x", [3], dtype);
  for (const apply of [add, mul, greater]) expect(() => apply(x, value)).toThrow(`constant(): ${value} is no ${dtype}`);
  expect(() => where(input("condition", [3], "bool"), value, x)).toThrow(`${value} is no ${dtype}`);
});

/** Differentiates the mean square of y, and the mean square of the gradient again. */
function twice(y: Tensor, x: Tensor): Tensor[] {
  const [gradient = y] = gradients(mean(square(y)), [x]);
  return gradients(mean(square(gradient)), [x]);
}

describe("gradients", () => {
  it("of a large table that is read by rows and multiplied are added up in one pass", async () => {
    const [rows, ids] = [4099, values([5], [4098, 0, 17, 17, 4098], "int32")];
    const table = input("table", [rows, 2]);
    const read = gather(table, input("ids", [5], "int32"));
    const product = matmul(input("x", [3, 2]), table, { transposeB: true });
    const loss = add(sum(mul(read, input("w", [5, 2])), [0, 1]), sum(mul(product, input("v", [3, rows])), [0, 1]));
    const [gradient = loss] = gradients(loss, [table]);
    const inputs = { ids, x: normal("x", [3, 2]), w: normal("w", [5, 2]), v: normal("v", [3, rows]) };
    const found = (await run(device(), { gradient }, { table: normal("table", [rows, 2]), ...inputs })).gradient;
    const expected = generate([rows, 2], ([row = 0, column = 0]) => {
      const ofRows = inputs.w.data.filter((_, at) => at % 2 === column && ids.data[Math.floor(at / 2)] === row);
      const ofProduct = [0, 1, 2].map(
        (n) => (inputs.x.data[2 * n + column] ?? 0) * (inputs.v.data[n * rows + row] ?? 0),
      );
      return [...ofRows, ...ofProduct].reduce((total, value) => total + value, 0);
    });
    expectClose(found, expected, 1e-5);
    expect(counts(graph("gradient", { gradient }))).toMatchObject({ scatterAdd: 1, matmul: 1 });
    expect(counts(graph("gradient", { gradient }))).not.toHaveProperty("add");
  });

  it("are zeros where the loss does not depend on a tensor", async () => {
    const [x, y] = [input("x", [3]), input("y", [5, P])];
    const [own = x, none = x] = gradients(mean(square(x)), [x, y]);
    const inputs = { x: values([3], [3, 6, 9]), y: normal("y", [5, 7]) };
    const results = await run(device(), { own, none: add(none, mul(y, 0)) }, inputs);
    expectClose(results.own, values([3], [2, 4, 6]), 1e-6);
    expectClose(
      results.none,
      generate([5, 7], () => 0),
      0,
    );
  });

  it("of the loss itself and of a value on the way", async () => {
    const x = input("x", [3]);
    const y = mul(x, 2);
    const loss = sum(square(y), [0]);
    const [ofLoss = x, ofY = x, ofX = x] = gradients(loss, [loss, y, x]);
    const results = await run(device(), { ofLoss, ofY, ofX }, { x: values([3], [1, 2, 3]) });
    expect(results.ofLoss.data).toEqual([1]);
    expect(results.ofY.data).toEqual([4, 8, 12]);
    expect(results.ofX.data).toEqual([8, 16, 24]);
  });

  it("of tensors between others that programs pass over", async () => {
    const [x, row] = [input("x", [3, 5]), input("row", [5])];
    const [between, wide] = [reshape(x, [5, 3]), expand(row, [3, 5])];
    const flat = reshape(between, [15]);
    const loss = add(sum(square(flat), [0]), sum(mul(wide, x), [0, 1]));
    const [ofBetween = x, ofWide = x] = gradients(loss, [between, wide]);
    const given = { x: normal("between", [3, 5]), row: normal("row", [5]) };
    const results = await run(device(), { flat, ofBetween, ofWide }, given);
    expect(results.flat.data).toEqual(given.x.data);
    expect(results.ofBetween.data).toEqual(given.x.data.map((value) => 2 * value));
    expectClose(results.ofWide, given.x, 0);
    expect(counts(graph("g", { flat, back: reshape(between, [3, 5]) }))).toEqual({ input: 1, reshape: 1 });
  });

  it("of gradients, where nothing was saved", async () => {
    const x = input("x", [3]);
    // d/dx mean(x⁴) = 4x³/3, d/dx mean((4x³/3)²) = 32x⁵/9
    const [second = x] = twice(square(x), x);
    const results = await run(device(), { second }, { x: values([3], [1, -2, 3]) });
    expectClose(results.second, values([3], [32 / 9, -1024 / 9, 7776 / 9]), 1e-6);
  });

  it("of deep chains do not overflow the stack", () => {
    const x = input("x", [3]);
    let y = x;
    for (let depth = 0; depth < 20_000; depth++) y = depth % 2 === 0 ? exp(y) : neg(y);
    const [gradient = x] = gradients(mean(y), [x]);
    const deep = graph("deep", { y, gradient });
    expect(counts(deep)).toMatchObject({ exp: 10_000, neg: 20_000, mul: 10_000 });
    expect(printGraph(deep).split("\n").length).toBeGreaterThan(40_000);
    expect(emitOnnx(deep).length).toBeGreaterThan(40_000);
  });
});

describe("expand", () => {
  const [row, table] = [input("row", [5]), input("table", [3, 5])];
  const wide = expand(row, [3, 5]);
  const operandsOf = (y: Tensor) => graph("g", { y }).outputs.get("y")?.node.inputs;

  it("is seen through on either side of a binary operator", () => {
    expect(operandsOf(sub(wide, table))).toEqual([row, table]);
    expect(operandsOf(sub(table, wide))).toEqual([table, row]);
  });

  it("stays where it gives the shape", () => {
    expect(operandsOf(mul(wide, 2))?.[0]).toBe(wide);
    const product = mul(wide, wide);
    expect(product.shape).toEqual([3, 5]);
    expect(operandsOf(product)).toEqual([row, wide]);
    expect(counts(graph("g", { y: mul(wide, expand(input("x", [3, 1]), [3, 5])) }))).toEqual({ input: 2, mul: 1 });
  });
});

describe("symbolic sizes", () => {
  it("give the numbers of static ones, from one compiled program", async () => {
    const names = ["y", "loss", "d x", "d keys", "d values"] as const;
    const program = await device().compile(graph("symbolic", pattentionStep(B, P)), { download: names });
    for (const [rows, tokens] of [
      [2, 3],
      [1, 11],
      [13, 1],
      [3, 17],
    ] as const) {
      const inputs = {
        x: normal(`x ${rows}`, [rows, 5]),
        keys: normal(`keys ${tokens}`, [tokens, 5]),
        values: normal(`values ${tokens}`, [tokens, 7]),
        tau: values([], [1.75]),
      };
      const expected = await run(device(), pattentionStep(rows, tokens), inputs);
      const given = Object.entries(inputs).map(([name, value]) => [name, toHost(value)] as const);
      const results = await program.run(Object.fromEntries(given));
      for (const name of names) {
        expectClose(
          fromHost(entry(results.values, name)),
          expected[name],
          1e-6,
          `${name} of ${rows} rows and ${tokens} tokens`,
        );
      }
    }
    await program.release();
  });
});
