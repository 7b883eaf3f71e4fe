/** How much memory there is for this process. */

import { freemem, totalmem } from "node:os";

/** Bytes of memory that this process may have: the machine's, or less where a limit (cgroup) says so. */
export function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Bytes of memory that are free for this process now. */
export function freeMemory(): number {
  // Newer versions of Node know what the system would give up for it, too.
  return typeof process.availableMemory === "function" ? process.availableMemory() : Math.min(freemem(), memoryLimit());
}
