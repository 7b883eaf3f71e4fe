/** Devices of browsers. */

export * from "./portable.ts";
export { openWebDevice, type WebDeviceName, type WebDeviceOptions, webDeviceNames } from "./web-device.ts";
