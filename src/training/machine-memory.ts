/** How much memory there is for this process. */

import { freemem, totalmem } from "node:os";

/**
 * Bytes of memory that this process may have: the machine's, or less where a limit (cgroup) says so.
 * @param sharing how many processes like this one divide the machine's. Default 1
 */
export function memoryLimit(sharing = 1): number {
  const [limit, share] = [process.constrainedMemory(), totalmem() / sharing];
  return limit > 0 ? Math.min(limit, share) : share;
}

/** Bytes of memory that are free for this process now. */
export function freeMemory(): number {
  // Newer versions of Node know what the system would give up for it, too.
  return typeof process.availableMemory === "function" ? process.availableMemory() : Math.min(freemem(), memoryLimit());
}
