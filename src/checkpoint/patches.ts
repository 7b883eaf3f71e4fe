/** What makes the files of a checkpoint that an older version wrote into what this one reads. */

import { noteVersion, type Patches } from "../formats/portable.ts";

/** By the names of files. */
export const patchesOf: Readonly<Record<"config.json" | "training.json", Patches>> = {
  "config.json": [noteVersion],
  "training.json": [noteVersion],
};
