/** All parts of the suite. */

import { clients } from "./clients.ts";
import { disks, writes } from "./full-disk.ts";
import { kills } from "./kill.ts";
import type { Part } from "./part.ts";

export const parts: readonly Part[] = [kills, writes, disks, clients];
