import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addDimensions,
  type Dimension,
  evaluateDimension,
  multiplyDimensions,
  printDimension,
  sameDimension,
  symbol,
  termsOf,
} from "../../src/tensor/dimension.ts";

/** How a dimension is made; the references evaluate it without any polynomials. */
type Expression = number | string | { readonly sign: "+" | "*"; readonly a: Expression; readonly b: Expression };

const NAMES = ["B", "T", "layer.0.tokens"];

/** Of degree 4 at most. */
const expression: fc.Arbitrary<Expression> = fc.letrec<{ tree: Expression; leaf: Expression; pair: Expression }>(
  (tie) => ({
    leaf: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(...NAMES)),
    pair: fc.record({ sign: fc.constantFrom("+", "*"), a: tie("leaf"), b: tie("leaf") }),
    tree: fc.oneof(
      tie("leaf"),
      tie("pair"),
      fc.record({ sign: fc.constantFrom("+", "*"), a: tie("pair"), b: tie("pair") }),
    ),
  }),
).tree;

const point = fc
  .tuple(...NAMES.map(() => fc.integer({ min: 0, max: 50 })))
  .map((numbers) => new Map(NAMES.map((name, index) => [name, numbers[index] ?? 0])));

function build(tree: Expression): Dimension {
  if (typeof tree === "number") return tree;
  if (typeof tree === "string") return symbol(tree);
  const operation = tree.sign === "+" ? addDimensions : multiplyDimensions;
  return operation(build(tree.a), build(tree.b));
}

function evaluate(tree: Expression, values: ReadonlyMap<string, number>): number {
  if (typeof tree === "number") return tree;
  if (typeof tree === "string") return values.get(tree) ?? Number.NaN;
  const [a, b] = [evaluate(tree.a, values), evaluate(tree.b, values)];
  return tree.sign === "+" ? a + b : a * b;
}

/** Five values of each symbol tell polynomials of degree 4 apart. */
const grid = [0, 1, 2, 3, 4].flatMap((b) =>
  [0, 1, 2, 3, 4].flatMap((t) =>
    [0, 1, 2, 3, 4].map((p) => new Map([b, t, p].map((value, index) => [NAMES[index] ?? "", value]))),
  ),
);

/** Expects two dimensions to be one polynomial in canonical form. */
function expectSame(a: Dimension, b: Dimension) {
  expect(sameDimension(a, b), `${printDimension(a)} and ${printDimension(b)}`).toBe(true);
  expect(printDimension(a)).toBe(printDimension(b));
  expect([...termsOf(a)].filter(([, n]) => n !== 0)).toEqual([...termsOf(b)].filter(([, n]) => n !== 0));
}

describe("dimensions", () => {
  it("evaluate as they were made", () => {
    fc.assert(
      fc.property(expression, point, (tree, values) => {
        expect(evaluateDimension(build(tree), values) + 0).toBe(evaluate(tree, values) + 0);
      }),
    );
  });

  it("are a commutative ring", () => {
    const dimension = expression.map(build);
    fc.assert(
      fc.property(dimension, dimension, dimension, (a, b, c) => {
        expectSame(addDimensions(a, b), addDimensions(b, a));
        expectSame(multiplyDimensions(a, b), multiplyDimensions(b, a));
        expectSame(addDimensions(addDimensions(a, b), c), addDimensions(a, addDimensions(b, c)));
        expectSame(multiplyDimensions(multiplyDimensions(a, b), c), multiplyDimensions(a, multiplyDimensions(b, c)));
        expectSame(
          multiplyDimensions(a, addDimensions(b, c)),
          addDimensions(multiplyDimensions(a, b), multiplyDimensions(a, c)),
        );
        expectSame(addDimensions(a, 0), a);
        expectSame(multiplyDimensions(a, 1), a);
        expectSame(multiplyDimensions(a, 0), 0);
        expectSame(addDimensions(a, multiplyDimensions(a, -1)), 0);
      }),
    );
  });

  it("have equal texts just if they are equal polynomials", () => {
    const twin = (tree: Expression): Expression =>
      typeof tree === "object" ? { ...tree, a: twin(tree.b), b: twin(tree.a) } : tree;
    const pair = fc.oneof(
      fc.tuple(expression, expression),
      expression.map((tree): [Expression, Expression] => [tree, twin(tree)]),
    );
    fc.assert(
      fc.property(pair, ([left, right]) => {
        const equal = grid.every((values) => evaluate(left, values) === evaluate(right, values));
        expect(printDimension(build(left)) === printDimension(build(right))).toBe(equal);
        expect(sameDimension(build(left), build(right))).toBe(equal);
      }),
      { numRuns: 300 },
    );
  });

  it("become numbers where the symbols cancel", () => {
    const b = symbol("B");
    expect(addDimensions(addDimensions(b, 7), multiplyDimensions(b, -1))).toBe(7);
  });

  it("print with the constant last", () => {
    const [b, t] = [symbol("B"), symbol("T")];
    const sum = addDimensions(1, addDimensions(t, multiplyDimensions(2, multiplyDimensions(t, b))));
    expect(printDimension(sum)).toBe("2*B*T + T + 1");
    expect(printDimension(multiplyDimensions(b, b))).toBe("B*B");
  });

  it("refuse what has no value or is no name", () => {
    expect(() => evaluateDimension(multiplyDimensions(symbol("B"), symbol("T")), new Map([["B", 2]]))).toThrow(
      'dimension B*T: no value for "T"',
    );
    for (const name of ["", "2B", "B*T", "B T"]) expect(() => symbol(name)).toThrow(`symbol(): "${name}"`);
  });
});
