/** The engine's worker, with ways to have fewer cores, to lose the GPU, and to be refused a lock or what is kept. */

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

  /** Has the browser refuse its next lock, or its next transaction. */
  async refuseOnce(what: "lock" | "transaction"): Promise<void> {
    const [locks, databases] = [LockManager.prototype, IDBDatabase.prototype];
    const { request } = locks;
    const { transaction } = databases;
    const refuse = (): never => {
      Object.assign(locks, { request });
      Object.assign(databases, { transaction });
      throw new Error(`no ${what}`);
    };
    if (what === "lock") Object.assign(locks, { request: async () => refuse() });
    else Object.assign(databases, { transaction: refuse });
  }
}

expose(explaining(new HarnessEngine()));
