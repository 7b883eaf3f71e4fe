/** Devices that run programs. */

export { type DeviceName, type DeviceOptions, deviceNames, openDevice } from "./node-device.ts";
export * from "./portable.ts";
export { endThreads } from "./thread-connection.ts";
