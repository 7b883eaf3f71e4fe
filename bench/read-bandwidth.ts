/**
 * How fast this machine reads memory: threads that each scan large buffers with the C library's vector code. Comparing two
 * buffers reads two streams a thread at once, looking for a byte that is not there reads one; which is faster depends on the
 * processor's prefetching.
 */

import { once } from "node:events";
import { Worker } from "node:worker_threads";

const BYTES = 96 * 2 ** 20;

const code = `
const { parentPort } = require("node:worker_threads");
const [a, b] = [Buffer.alloc(${BYTES}, 1), Buffer.alloc(${BYTES}, 1)];
const scans = { two: () => a.compare(b), one: () => a.indexOf(2) + b.indexOf(2) };
parentPort.on("message", (streams) => parentPort.postMessage(scans[streams]()));
parentPort.postMessage("ready");
`;

export interface Bandwidth {
  /** Bytes per second with one stream a thread. */
  readonly oneStream: number;
  /** Bytes per second with two streams a thread. */
  readonly twoStreams: number;
}

export interface ReadBandwidth {
  measure(): Promise<Bandwidth>;
  close(): Promise<void>;
}

export async function openReadBandwidth(threads: number): Promise<ReadBandwidth> {
  const workers = Array.from({ length: threads }, () => new Worker(code, { eval: true }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const pass = async (streams: "one" | "two") => {
    const startedAt = performance.now();
    const answers = workers.map((worker) => once(worker, "message"));
    for (const worker of workers) worker.postMessage(streams);
    await Promise.all(answers);
    return (2 * BYTES * threads) / ((performance.now() - startedAt) / 1000);
  };
  return {
    measure: async () => ({ oneStream: await pass("one"), twoStreams: await pass("two") }),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
