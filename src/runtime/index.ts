/** Devices that run programs. */

export {
  Device,
  type DeviceName,
  type DeviceOptions,
  type DeviceTensor,
  deviceNames,
  type Kernel,
  type OutputKernel,
  openDevice,
  type Program,
  type RunOutputs,
} from "./device.ts";
export type { DeviceKind, HostData, HostTensor } from "./protocol.ts";
