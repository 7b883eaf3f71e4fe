/** The engine without a page: tests and benchmarks call it by `engine`, and read what it has told from `events`. */

import { proxy, wrap } from "comlink";
import type { EngineEvent } from "../src/engine/api.ts";
import type { HarnessEngine } from "./worker.ts";

const engine = wrap<HarnessEngine>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
const events: EngineEvent[] = [];
await engine.listen(proxy((event) => void events.push(event)));

Object.assign(window, { engine, events, proxy });
