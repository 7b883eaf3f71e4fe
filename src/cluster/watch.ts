/** Ranks that watch over each other, so that a job ends soon when one of them dies, hangs, or loses its machine. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Communicator } from "./communicator.ts";
import { gatherTexts } from "./exchange.ts";
import { placeSchema, type WatchData, type WatchOrder } from "./watch-messages.ts";
import { SEEN, WatchedCommunicator } from "./watched-communicator.ts";

export class Watch {
  /** The communicator that is watched: what goes through it is seen. */
  readonly communicator: Communicator;
  readonly #worker: Worker;

  private constructor(worker: Worker, communicator: Communicator) {
    this.#worker = worker;
    this.communicator = communicator;
  }

  /** Begins on all ranks together. From here on the process ends when another one is lost. */
  static async begin(communicator: Communicator): Promise<Watch> {
    const seen = new Int32Array(new SharedArrayBuffer(Object.keys(SEEN).length * Int32Array.BYTES_PER_ELEMENT));
    const hosts = await gatherTexts(communicator, communicator.host);
    const start = (place: WatchData["place"]) => {
      const workerData: WatchData = { rank: communicator.rank, hosts, seen, place };
      const worker = new Worker(new URL("./watch-worker.js", import.meta.url), { execArgv: [], workerData });
      worker.unref();
      return worker;
    };
    if (communicator.rank > 0) {
      const [place = ""] = await gatherTexts(communicator, "");
      return new Watch(start(placeSchema.parse(JSON.parse(place))), new WatchedCommunicator(communicator, seen));
    }
    const worker = start(undefined);
    const [place] = await once(worker, "message");
    await gatherTexts(communicator, JSON.stringify(place));
    return new Watch(worker, new WatchedCommunicator(communicator, seen));
  }

  /**
   * Ends all ranks, because this one cannot go on. Does not return: the process ends by itself.
   * @param message what rank 0 says, where it has nothing to say itself
   */
  async fail(message: string, code = 1): Promise<never> {
    this.#tell({ failed: message, code });
    return new Promise(() => this.#worker.ref());
  }

  /** This rank's work is done, and so is that of all others: it can go without being missed. */
  async end(): Promise<void> {
    if (this.communicator.rank > 0) {
      const told = once(this.#worker, "message");
      this.#worker.ref();
      this.#tell("done");
      await told;
      this.#worker.unref();
    } else this.#tell("done");
  }

  #tell(order: WatchOrder): void {
    this.#worker.postMessage(order);
  }
}
