/** Whether a device multiplies matrices in float16. */

import { messageOf, UserError } from "../errors.ts";
import { graph, input, matmul } from "../tensor/index.ts";
import type { Device } from "./device.ts";

/**
 * Throws a `UserError` where a device cannot. It is tried out: a GPU may lack the feature `shader-f16` of WebGPU, and the CPU
 * would compute in float32, for ONNX Runtime has no such kernels for it.
 * @param wanted what asked for it, as messages say
 */
export async function requireHalfProducts(device: Device, wanted: string): Promise<void> {
  const lacking = (what: string) => new UserError(`${wanted}: ${what}; use float32, which is the default`);
  if (device.kind === "cpu") {
    throw lacking("matrix products in float16 need a GPU (--device webgpu or cuda), the cpu computes in float32");
  }
  const x = input("x", [2, 2]);
  const squared = graph("float16", { y: matmul(x, x) });
  const program = await device.compile(squared, { products: "float16", download: ["y"] });
  try {
    await program.run({ x: { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } });
  } catch (error) {
    const [reason = ""] = messageOf(error).split("\n");
    throw lacking(`this ${device.kind} device has none in float16 (${reason.replace(/^.*Status Message: /, "")})`);
  } finally {
    await program.release();
  }
}
