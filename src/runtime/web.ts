/** Devices of browsers. */

export * from "./portable.ts";
export {
  DeviceLostError,
  openWebDevice,
  type WebDeviceName,
  type WebDeviceOptions,
  webDeviceNames,
} from "./web-device.ts";
