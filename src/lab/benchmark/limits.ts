/** The machine's limit: how fast large matrix products of the shapes of a training step are, by themselves. */

import { type DeviceKind, openDevice } from "../../runtime/index.ts";
import { productFlops } from "../../tensor/index.ts";
import { formatFlops } from "../report/format.ts";
import { type CountedProduct, compileProducts, distinctProducts } from "./products.ts";
import { type Spread, spreadOf } from "./spread.ts";
import type { Course } from "./time.ts";
import type { Work } from "./work.ts";

/** Something that multiplies matrices. */
export interface Multiplier {
  readonly name: string;
  /** Seconds of each of some runs of a product. */
  run(product: CountedProduct, count: number): Promise<readonly number[]>;
  close(): Promise<void>;
}

export interface ProductLimit {
  /** Such as "512×768 · (2304×768)ᵀ". */
  readonly shape: string;
  /** How many a step has. */
  readonly count: number;
  /** Operations per second of each multiplier, in the order of their names. */
  readonly rates: readonly Spread[];
}

export interface Limits {
  readonly work: string;
  readonly model: string;
  readonly names: readonly string[];
  readonly products: readonly ProductLimit[];
  /** The highest median rate of each multiplier. */
  readonly peaks: readonly number[];
}

/** Operations of one run, at least, so that its beginning and end do not count. */
const OPERATIONS = 5e9;

/** ONNX Runtime as the training step uses it. */
export async function ownMultiplier(name: DeviceKind): Promise<Multiplier> {
  const device = await openDevice(name);
  return {
    name: "ONNX Runtime",
    async run(product, count) {
      const copies = Math.min(64, Math.ceil(OPERATIONS / productFlops(product)));
      const compiled = await compileProducts(device, Array<CountedProduct>(copies).fill(product));
      await compiled.run();
      const seconds: number[] = [];
      for (let index = 0; index < count; index++) seconds.push((await compiled.run()) / copies);
      await compiled.release();
      return seconds;
    },
    close: () => device.close(),
  };
}

/** Lets multipliers take turns at the shapes that most operations of a step go into. */
export async function measureLimits(
  work: Work,
  multipliers: readonly Multiplier[],
  { rounds, runs, note, isOver, begins }: { readonly rounds: number; readonly runs: number } & Course,
): Promise<Limits> {
  const products: ProductLimit[] = [];
  for (const product of distinctProducts(work).slice(0, 6)) {
    if (products.length > 0 && !begins(shapeOf(product))) continue;
    const rates: number[][] = multipliers.map(() => []);
    for (let round = 0; round < rounds && (round === 0 || !isOver()); round++) {
      for (const [index, multiplier] of multipliers.entries()) {
        const { median: seconds } = spreadOf(await multiplier.run(product, runs));
        rates[index]?.push(productFlops(product) / seconds);
      }
    }
    const spreads = rates.map(spreadOf);
    products.push({ shape: shapeOf(product), count: product.count, rates: spreads });
    const told = multipliers.map(({ name }, index) => `${name} ${formatFlops(spreads[index]?.median ?? Number.NaN)}/s`);
    note(`  ${shapeOf(product)}: ${told.join(", ")}`);
  }
  const peaks = multipliers.map((_, index) => Math.max(...products.map(({ rates }) => rates[index]?.median ?? 0)));
  return { work: work.name, model: work.config.type, names: multipliers.map(({ name }) => name), products, peaks };
}

function shapeOf({ a, b, transposeA, transposeB }: CountedProduct): string {
  const operand = (shape: readonly number[], transposed: boolean) =>
    transposed ? `(${shape.join("×")})ᵀ` : shape.join("×");
  return `${operand(a, transposeA)} · ${operand(b, transposeB)}`;
}
