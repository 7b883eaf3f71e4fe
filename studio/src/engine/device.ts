/** The device on which all runs train. */

import { type Device, openDevice } from "tokenformer/browser";
import type { Backend, Environment } from "./api.ts";

export interface Opened {
  readonly device: Device;
  readonly environment: Environment;
}

/** Opens the device: WebGPU where there is one, else WebAssembly, if either will do. */
export async function openBackend(backend: Backend | "auto"): Promise<Opened> {
  const device = await openDevice(backend);
  return { device, environment: environmentOf(device) };
}

function environmentOf({ kind, threads, description }: Device): Environment {
  const notices: string[] = [];
  if (kind === "cpu" && threads === 1) notices.push(reasonForOneThread());
  return { backend: kind === "cpu" ? "wasm" : "webgpu", device: description, notices };
}

function reasonForOneThread(): string {
  return self.crossOriginIsolated
    ? "This computer offers one thread, so training is slower than it could be."
    : "The browser gives this page one thread only, so training is slower than it could be: open it in a normal window, or over https.";
}
