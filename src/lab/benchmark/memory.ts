/** Memory of this process. */

/** The most resident memory so far, in bytes. */
export function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
