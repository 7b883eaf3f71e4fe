/** Devices of Node: each works in a thread of its own. */

import { availableParallelism } from "node:os";
import { UserError } from "../errors.ts";
import { threadsOfEnvironment } from "../threads.ts";
import { checkDeviceName } from "./connection.ts";
import { Device } from "./device.ts";
import type { DeviceKind } from "./protocol.ts";
import { ThreadConnection } from "./thread-connection.ts";

export const deviceNames = ["cpu", "webgpu", "cuda", "auto"] as const;

/** `auto` is the first of cuda, webgpu and cpu that works. */
export type DeviceName = (typeof deviceNames)[number];

export interface DeviceOptions {
  /** Threads of one operator on the CPU. Default: `OMP_NUM_THREADS` of the environment, else the number of cores. */
  readonly threads?: number | undefined;
}

/**
 * Opens a device. Work runs in a thread of its own, so that the caller's event loop stays free; the thread does not keep the
 * process alive while it is idle. Throws a `UserError` if the device cannot be had.
 */
export async function openDevice(name: DeviceName = "cpu", options: DeviceOptions = {}): Promise<Device> {
  checkDeviceName(name, deviceNames);
  const { threads = threadsOfEnvironment() ?? availableParallelism() } = options;
  const open = async (kind: DeviceKind) => new Device(await ThreadConnection.open(kind, threads));
  if (name !== "auto") return open(name);
  for (const kind of ["cuda", "webgpu"] as const) {
    try {
      return await open(kind);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return open("cpu");
}
