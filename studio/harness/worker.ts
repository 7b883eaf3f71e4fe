/** The engine's worker, with ways to have fewer cores, and to lose the GPU. */

import { expose } from "comlink";
import { StudioEngine } from "../src/engine/engine.ts";
import { explaining } from "../src/engine/faults.ts";

const opened: GPUDevice[] = [];

if ("gpu" in navigator) {
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    opened.push(device);
    return device;
  };
}

export class HarnessEngine extends StudioEngine {
  /** As on a computer that has so many. Before the engine is opened. */
  async haveCores(count: number): Promise<void> {
    Object.defineProperty(navigator, "hardwareConcurrency", { value: count });
  }

  /** As when a driver is updated, or crashes. */
  async loseGpu(): Promise<number> {
    for (const device of opened) device.destroy();
    return opened.length;
  }
}

expose(explaining(new HarnessEngine()));
