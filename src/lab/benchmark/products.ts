/** The matrix products of a training step, apart from everything else in it. */

import { elementCount } from "../../element-count.ts";
import { modelOf, sizesOf } from "../../model/index.ts";
import { Random } from "../../random.ts";
import type { Device, DeviceTensor, Program } from "../../runtime/portable.ts";
import {
  concat,
  graph,
  input,
  matmul,
  type Precision,
  type Product,
  productFlops,
  productsAmong,
  reshape,
  slice,
  type Tensor,
} from "../../tensor/index.ts";
import { gradientsOf } from "../../training/portable.ts";
import type { Work } from "./work.ts";

/** Every product of a step, in order: those of the forward pass, and two for each in the backward pass. */
export function productsOf({ config, batch }: Work): Product[] {
  const sizes = new Map([...sizesOf(config), ["B", batch], ["T", config.context]] as const);
  const { nodes } = gradientsOf(modelOf(config), config.context).graph;
  return productsAmong(nodes, sizes);
}

/** Products of one shape, and how many there are. */
export interface CountedProduct extends Product {
  readonly count: number;
}

/** The shapes of a step's products, those first that most operations go into. */
export function distinctProducts(work: Work): CountedProduct[] {
  const byShape = new Map<string, CountedProduct>();
  for (const product of productsOf(work)) {
    const key = JSON.stringify(product);
    byShape.set(key, { ...product, count: (byShape.get(key)?.count ?? 0) + 1 });
  }
  const flops = (product: CountedProduct) => product.count * productFlops(product);
  return [...byShape.values()].toSorted((one, other) => flops(other) - flops(one));
}

/** Products alone, one after the other, of arrays that are on the device. */
export interface ProductRun {
  /** Seconds of one pass through all of them. */
  run(): Promise<number>;
  release(): Promise<void>;
}

export interface ProductOptions {
  /** What operands and sums are rounded to. Default: float32. */
  readonly precision?: Precision;
  /** Threads of a product on the CPU. Default: those of the device. */
  readonly threads?: number;
}

/** Only one number of each product leaves the program, as outputs are copied. Each has a second operand of its own. */
export async function compileProducts(
  device: Device,
  products: readonly Product[],
  { precision = "float32", threads = device.threads }: ProductOptions = {},
): Promise<ProductRun> {
  const tensors = new Map<string, { readonly symbol: Tensor; readonly shape: readonly number[] }>();
  const operand = (name: string, shape: readonly number[]) => {
    const symbol = tensors.get(name)?.symbol ?? input(name, shape);
    tensors.set(name, { symbol, shape });
    return symbol;
  };
  const corners = products.map(({ a, b, transposeA, transposeB }, index) => {
    const product = matmul(operand(`a.${a.join("x")}`, a), operand(`b${index}.${b.join("x")}`, b), {
      transposeA,
      transposeB,
    });
    const corner = product.shape.reduce((rest, _, axis) => slice(rest, axis, 0, 1), product);
    return reshape(corner, [1]);
  });
  const all = graph("products", { corners: concat(corners, 0) });
  const program = await device.compile(all, { download: ["corners"], products: precision, threads });
  return timed(program, device, await uploaded(device, tensors));
}

function timed(program: Program, device: Device, inputs: Readonly<Record<string, DeviceTensor>>): ProductRun {
  return {
    async run() {
      const startedAt = performance.now();
      await program.run(inputs);
      return (performance.now() - startedAt) / 1000;
    },
    async release() {
      await program.release();
      await device.dispose(Object.values(inputs));
    },
  };
}

async function uploaded(device: Device, tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>) {
  const random = Random.from("products");
  const inputs: Record<string, DeviceTensor> = {};
  for (const [name, { shape }] of tensors) {
    const data = new Float32Array(elementCount(shape)).map(() => random.uniform() - 0.5);
    inputs[name] = await device.upload({ dtype: "float32", shape, data });
  }
  return inputs;
}
