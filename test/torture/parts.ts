/** All parts of the suite. */

import { clients } from "./clients.ts";
import { devices } from "./devices.ts";
import { files } from "./files.ts";
import { disk, tmpfs } from "./full-disk.ts";
import { kills } from "./kill.ts";
import type { Part } from "./part.ts";
import { ranks } from "./ranks.ts";
import { readers, writers } from "./sharing.ts";

export const parts: readonly Part[] = [kills, ranks, devices, disk, tmpfs, files, readers, writers, clients];
