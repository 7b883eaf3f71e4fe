/** How fast this machine reads memory: threads that each compare two large buffers, which stops at no byte. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";

const BYTES = 96 * 2 ** 20;

const code = `
const { parentPort } = require("node:worker_threads");
const [a, b] = [Buffer.alloc(${BYTES}, 1), Buffer.alloc(${BYTES}, 1)];
parentPort.on("message", () => parentPort.postMessage(a.compare(b)));
parentPort.postMessage("ready");
`;

export interface ReadBandwidth {
  /** Bytes per second of one pass over the buffers. */
  measure(): Promise<number>;
  close(): Promise<void>;
}

export async function openReadBandwidth(threads: number): Promise<ReadBandwidth> {
  const workers = Array.from({ length: threads }, () => new Worker(code, { eval: true }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  return {
    async measure() {
      const begun = performance.now();
      const answers = workers.map((worker) => once(worker, "message"));
      for (const worker of workers) worker.postMessage("go");
      await Promise.all(answers);
      return (2 * BYTES * threads) / ((performance.now() - begun) / 1000);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
