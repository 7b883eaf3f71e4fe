/** Devices that run programs. */

export {
  type CompileOptions,
  Device,
  type DeviceName,
  type DeviceOptions,
  type DeviceTensor,
  deviceNames,
  firstRows,
  type Kernel,
  type OutputKernel,
  openDevice,
  type Program,
  type RunOutputs,
} from "./device.ts";
export type { DeviceKind, HostData, HostTensor } from "./protocol.ts";
export { type MatrixLayout, type QuantizedMatrix, quantizeMatrix } from "./quantize.ts";
