/** Where and with what something was measured. */

import { execFile } from "node:child_process";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { formatBytes } from "../lab/report/format.ts";
import { version } from "./version.ts";

/** Processor, cores and memory. */
export function machine(): string {
  const cores = availableParallelism();
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return `${model}, ${cores} core${cores === 1 ? "" : "s"}, ${formatBytes(totalmem())} of memory`;
}

/** The version of this package, and its commit where it runs from a clone. */
export async function software(): Promise<string> {
  const name = `tokenformer ${version}`;
  try {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    // The commit is asked of a repository that has this package's source, not of one that merely contains its installation.
    await promisify(execFile)("git", ["-C", root, "ls-files", "--error-unmatch", "src/index.ts"]);
    const { stdout } = await promisify(execFile)("git", ["-C", root, "rev-parse", "--short", "HEAD"]);
    return `${name}, commit ${stdout.trim()}`;
  } catch {
    return name; // installed from npm, or no git
  }
}

/** Machine, software and day, with the command that measures. */
export async function circumstances(command: string) {
  return { date: today(), machine: machine(), software: await software(), command };
}

/** The day, such as 2026-11-24. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
