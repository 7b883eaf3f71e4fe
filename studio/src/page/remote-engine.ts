/** The engine in its worker. */

import { wrap } from "comlink";
import type { Engine } from "../engine/api.ts";

export function startEngine(): Engine {
  return wrap<Engine>(new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" }));
}
