/** What a run is known by. */

const BYTES = 16;

/** Random bits, so many that no other run has the same. `crypto.randomUUID` is there only in pages that are served securely. */
export function newRunId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
