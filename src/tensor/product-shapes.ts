/** The matrix products of a program: their shapes, and the operations that they take. */

import { elementCount } from "../element-count.ts";
import { concreteShape } from "./shape.ts";
import type { Node } from "./tensor.ts";

/** op(a) · op(b) over the last two axes, where op may swap them; leading axes are broadcast. */
export interface Product {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** The products among some nodes, in order, once every symbol has a value. */
export function productsAmong(nodes: readonly Node[], sizes: ReadonlyMap<string, number>): Product[] {
  return nodes
    .filter(({ operator }) => operator.name === "matmul")
    .map(({ inputs, attributes }) => {
      const [a = [], b = []] = inputs.map(({ shape }) => concreteShape(shape, sizes));
      return { a, b, transposeA: attributes["transposeA"] === true, transposeB: attributes["transposeB"] === true };
    });
}

/** A multiplication and an addition counted as two. */
export function productFlops(product: Product): number {
  const { a, transposeA } = product;
  const inner = a.at(transposeA ? -2 : -1) ?? 0;
  return 2 * inner * productSize(product);
}

/** The number of elements of a product. */
export function productSize({ a, b, transposeA, transposeB }: Product): number {
  const rows = a.at(transposeA ? -1 : -2) ?? 0;
  const columns = b.at(transposeB ? -2 : -1) ?? 0;
  const leading = [a, b].map((shape) => elementCount(shape.slice(0, -2)));
  return rows * columns * Math.max(...leading);
}
