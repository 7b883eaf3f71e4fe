import { describe, expect, it } from "vitest";
import { compileProducts, distinctProducts, productsOf } from "../../../src/lab/benchmark/products.ts";
import { stepFlops, workOf } from "../../../src/lab/benchmark/work.ts";
import { productFlops } from "../../../src/tensor/index.ts";
import { useDevice } from "../../support/device.ts";

const device = useDevice();

describe("the products of a training step", () => {
  it("make the operations that the formula counts, and those of the embedding's gradient", () => {
    const work = workOf("nanogpt-cpu", "tokenformer");
    const { width, vocabulary, context } = { width: 128, vocabulary: 65, context: 64 };
    const oneHot = 2 * work.batch * context * vocabulary * width;
    const sum = productsOf(work).reduce((flops, product) => flops + productFlops(product), 0);
    expect(sum).toBe(stepFlops(work) + oneHot);
  });

  it("are counted by shape, those first that most operations go into", () => {
    const work = workOf("nanogpt-cpu", "tokenformer");
    const distinct = distinctProducts(work);
    expect(distinct.reduce((sum, { count }) => sum + count, 0)).toBe(productsOf(work).length);
    const flops = distinct.map((product) => product.count * productFlops(product));
    expect(flops).toEqual(flops.toSorted((a, b) => b - a));
    // Four projections and four feed-forward layers, each with a product forward and one backward.
    expect(distinct).toContainEqual({
      a: [12, 64, 128],
      b: [96, 128],
      transposeA: false,
      transposeB: true,
      count: 32,
    });
  });
});

it("counts a multiplication and an addition as two, for each leading index", () => {
  const shapes = { a: [3, 5, 7], b: [11, 5] };
  expect(productFlops({ ...shapes, transposeA: true, transposeB: true })).toBe(2 * 3 * 7 * 5 * 11);
});

it("runs products of all forms, of those that broadcast too", async () => {
  const products = await compileProducts(device(), [
    { a: [2, 3, 5], b: [7, 5], transposeA: false, transposeB: true },
    { a: [5, 3], b: [5, 7], transposeA: true, transposeB: false },
    { a: [2, 3, 5], b: [2, 5, 7], transposeA: false, transposeB: false },
    { a: [2, 3, 5], b: [2, 5, 7], transposeA: false, transposeB: false },
  ]);
  expect(await products.run()).toBeGreaterThan(0);
  await products.release();
});
