/** Devices that run programs: what Node and browsers have in common. */

export {
  checkOperator,
  type OperatorCheck,
  type OperatorCheckOptions,
  type PlainTensor,
} from "./check-operator.ts";
export type { Connection } from "./connection.ts";
export {
  type CompileOptions,
  Device,
  type DeviceTensor,
  type Kernel,
  type OutputKernel,
  type Program,
  type RunOutputs,
} from "./device.ts";
export { BreakdownError } from "./failures.ts";
export { requireHalfProducts } from "./half-products.ts";
export type { KernelExport, KernelId, KernelName } from "./kernel.ts";
export type { DeviceKind, HostData, HostTensor } from "./protocol.ts";
export { type MatrixLayout, type QuantizedMatrix, quantizeMatrix } from "./quantize.ts";
