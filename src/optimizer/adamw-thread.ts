/** A thread that helps with the kernels of AdamW: see `adamw-threads.ts`. */

import { parentPort } from "node:worker_threads";
import { loadingEnds, loadKoffi } from "../native-library.ts";
import { StepInPieces, SumsInPieces } from "./adamw-pieces.ts";
import type { HelperMessage, Place } from "./adamw-threads.ts";

if (parentPort === null) throw new Error("internal: the helper was started as a program");

const koffi = await loadKoffi().finally(loadingEnds);

/** Views by their places: most arrays stay where they are from step to step. */
let views = new Map<string, Float32Array>();

parentPort.on("message", (message: HelperMessage) => {
  const kept = new Map<string, Float32Array>();
  const view = ({ address, length }: Place): Float32Array => {
    const key = `${address} ${length}`;
    const array = views.get(key) ?? new Float32Array(koffi.view(address, length * Float32Array.BYTES_PER_ELEMENT));
    kept.set(key, array);
    return array;
  };
  if (message.kind === "step") {
    const arrays = message.places.map(({ p, g, m, v }) => ({ p: view(p), g: view(g), m: view(m), v: view(v) }));
    new StepInPieces(arrays, message.step, message.shared).help();
  } else {
    const arrays = message.places.map(({ sum, g }) => ({ sum: view(sum), g: view(g) }));
    new SumsInPieces(arrays, message.counts).help();
  }
  views = kept;
});
