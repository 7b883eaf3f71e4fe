/** A thread that helps with the kernels of AdamW: see `adamw-threads.ts`. */

import { parentPort, workerData } from "node:worker_threads";
import { enterKoffi, loadKoffi } from "../native-library.ts";
import { StepInPieces, SumsInPieces } from "./adamw-pieces.ts";
import type { HelperData, HelperMessage, Place } from "./adamw-threads.ts";

if (parentPort === null) throw new Error("internal: the helper was started as a program");

const { startedBy }: HelperData = workerData;
const koffi = await loadKoffi(startedBy);

/**
 * Views of the arrays of each kind of message, by their places. They are kept, as most arrays stay where they are from
 * step to step and making them takes a tenth of a second, for which V8 sees new memory.
 */
const views = { step: new Map<string, Float32Array>(), sums: new Map<string, Float32Array>() };

parentPort.on("message", (message: HelperMessage) => {
  const work = seen(message);
  try {
    work.help();
  } catch {
    // The thread that leads was told.
  }
});

/** The work of a message on the arrays where they are. */
function seen(message: HelperMessage): StepInPieces | SumsInPieces {
  const [before, now] = [views[message.kind], new Map<string, Float32Array>()];
  const view = ({ address, length }: Place): Float32Array => {
    const key = `${address} ${length}`;
    const array = before.get(key) ?? new Float32Array(koffi.view(address, length * Float32Array.BYTES_PER_ELEMENT));
    now.set(key, array);
    return array;
  };
  const leave = enterKoffi(startedBy);
  try {
    if (message.kind === "step") {
      const arrays = message.places.map(({ p, g, m, v }) => ({ p: view(p), g: view(g), m: view(m), v: view(v) }));
      return new StepInPieces(arrays, message.step, message.shared);
    }
    return new SumsInPieces(
      message.places.map(({ sum, g }) => ({ sum: view(sum), g: view(g) })),
      message.counts,
    );
  } finally {
    views[message.kind] = now;
    leave();
  }
}
