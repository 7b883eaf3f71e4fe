/** The option of all commands that compute. */

import { Option } from "commander";
import { deviceNames } from "../runtime/index.ts";

export const deviceOption = () => new Option("--device <name>", "where to compute").choices(deviceNames).default("cpu");
