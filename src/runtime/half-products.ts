/** Whether a device multiplies matrices in float16. */

import { UserError } from "../errors.ts";
import { graph, input, matmul } from "../tensor/index.ts";
import type { Device } from "./device.ts";
import { reasonOf } from "./failures.ts";

/**
 * Throws a `UserError` where a device cannot multiply in float16. It is tried out: a GPU may lack the feature `shader-f16` of WebGPU, and the CPU
 * would compute in float32, for ONNX Runtime has no such kernels for it.
 * @param wanted what asked for it, as messages say
 */
export async function requireHalfProducts(device: Device, wanted: string): Promise<void> {
  const lacking = (what: string) => new UserError(`${wanted}: ${what}; use float32, which is the default`);
  if (device.kind === "cpu") {
    throw lacking("matrix products in float16 need a GPU (--device webgpu or cuda), the cpu computes in float32");
  }
  const [rounded, overflow] = await tried(device).catch((error: unknown) => {
    if (error instanceof UserError) throw error;
    throw lacking(
      `this ${device.kind} device has none in float16 (${reasonOf(error).replace(/^.*Status Message: /, "")})`,
    );
  });
  if (rounded !== 1) throw lacking(`this ${device.kind} device computes them in float32`);
  // Without an infinity for what overflows, gradients that are too large for float16 would go unnoticed.
  if (overflow !== Number.POSITIVE_INFINITY)
    throw lacking(`this ${device.kind} device does not tell when float16 overflows`);
}

/** 1.0001, which float16 rounds to 1, and 90,000, which it does not have, as products. */
async function tried(device: Device): Promise<[number | undefined, number | undefined]> {
  const y = matmul(input("a", [2, 2]), input("b", [2, 2]));
  const program = await device.compile(graph("float16", { y }), { products: "float16", download: ["y"] });
  try {
    const matrix = (...data: number[]) => ({ dtype: "float32" as const, shape: [2, 2], data: Float32Array.from(data) });
    const { values } = await program.run({ a: matrix(1.0001, 0, 0, 300), b: matrix(1, 0, 0, 300) });
    const data = values["y"]?.data ?? [];
    return [Number(data[0]), Number(data[3])];
  } finally {
    await program.release();
  }
}
