/** The bytes of a program's constants, made of buffers on the host. */

import { required } from "../required.ts";
import type { ExternalConstant } from "../tensor/index.ts";
import type { HostTensor } from "./protocol.ts";
import { type QuantizedMatrix, quantizeMatrix } from "./quantize.ts";

/** Constants as ONNX Runtime takes them: by the path that the model names. */
export function constantsOf(
  constants: readonly { readonly constant: ExternalConstant; readonly buffer: number }[],
  find: (buffer: number) => HostTensor,
): { path: string; data: Uint8Array }[] {
  const quantized = new Map<string, QuantizedMatrix>();
  return constants.map(({ constant, buffer }) => {
    const tensor = find(buffer);
    if (constant.form === "plain") return { path: constant.path, data: bytesOf(tensor.data) };
    const key = `${constant.input} ${constant.transposed}`;
    if (!quantized.has(key)) quantized.set(key, quantize(tensor, constant));
    return { path: constant.path, data: bytesOf(required(quantized, key)[constant.form]) };
  });
}

function quantize(
  { data, shape }: HostTensor,
  { transposed, quantization }: Exclude<ExternalConstant, { form: "plain" }>,
): QuantizedMatrix {
  const [rows, columns] = shape;
  if (!(data instanceof Float32Array) || rows === undefined || columns === undefined || shape.length !== 2) {
    throw new Error(`internal: weights of shape [${shape}] cannot be quantised`);
  }
  return quantizeMatrix(data, { shape: [rows, columns], transposed }, quantization);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
