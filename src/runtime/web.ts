/** Devices of browsers. */

export { BreakdownError } from "./failures.ts";
export * from "./portable.ts";
export {
  DeviceLostError,
  openDevice,
  type WebDeviceName,
  type WebDeviceOptions,
  webDeviceNames,
} from "./web-device.ts";
