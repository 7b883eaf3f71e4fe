/** The worker in which the engine lives. */

import { expose } from "comlink";
import { StudioEngine } from "./engine.ts";
import { explaining } from "./faults.ts";

expose(explaining(new StudioEngine()));
