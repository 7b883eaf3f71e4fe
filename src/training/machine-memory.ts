/** How much memory there is for this process. */

import { freemem, totalmem } from "node:os";

/**
 * Bytes of memory that this process may have: the machine's, or less where a limit (cgroup) says so.
 * @param sharing how many processes like this one divide them. A limit is taken for that of all together, as a container's is;
 * where each has one of its own, it is more than what is given here. Default 1
 */
export function memoryLimit(sharing = 1): number {
  const limit = process.constrainedMemory();
  return (limit > 0 ? Math.min(limit, totalmem()) : totalmem()) / sharing;
}

/** Bytes of memory that are free for this process now. */
export function freeMemory(): number {
  // Newer versions of Node know what the system would give up for it, too.
  return typeof process.availableMemory === "function" ? process.availableMemory() : Math.min(freemem(), memoryLimit());
}
