/** How a command ends that cannot go on. */

import { messageOf, UserError } from "../errors.ts";
import { note } from "./output.ts";

/** Ends with one line for a mistake or a trouble with a file, and with the stack for a fault of ours. */
export async function fail(error: unknown): Promise<void> {
  const told = await explained(error);
  const text = told instanceof Error && !(told instanceof UserError) ? (told.stack ?? told.message) : messageOf(told);
  note(`tokenformer: ${text}`);
  process.exitCode = 1;
}

/** What the system says of a file, wherever it was thrown, in words that help. */
async function explained(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && "path" in error && typeof error.path === "string")) return error;
  const { explainFileError } = await import("../formats/files/atomic.ts");
  const reads = "syscall" in error && /^(open|read|scandir|stat|lstat|access)/.test(String(error.syscall));
  return explainFileError(error, reads ? "read" : "write", error.path);
}
