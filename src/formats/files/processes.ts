/** Which process is which: their ids are given out again after they end, and mean something on their own system only. */

import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { hasCode } from "./error-code.ts";

/** What tells a process from all others, of this computer and of those that share its disks. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as its system tells it; empty where that does not. */
  readonly started: string;
  readonly host: string;
  /** The computer between two boots, and on Linux the space of process ids, which a container has for itself. */
  readonly system: string;
}

let own: Promise<ProcessIdentity> | undefined;

/** The identity of this process. */
export function ownIdentity(): Promise<ProcessIdentity> {
  own ??= identityOf(process.pid);
  return own;
}

async function identityOf(pid: number): Promise<ProcessIdentity> {
  return { pid, started: (await startOf(pid)) ?? "", host: hostname(), system: await systemName() };
}

/**
 * Whether a process of this system still runs: one of its id does, and started when it did. True where that cannot be told.
 */
export async function stillRuns({ pid, started }: Pick<ProcessIdentity, "pid" | "started">): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const found = await startOf(pid);
  if (found === ENDED) return false;
  return found === undefined || found === "" || started === "" || asWord(found) === asWord(started);
}

/** A start as it can be in the name of a file. */
export function asWord(started: string): string {
  return started.replaceAll(/[^0-9A-Za-z]/g, "");
}

/** Whether there is a process of an id. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to someone else.
    return !hasCode(error, "ESRCH");
  }
}

async function systemName(): Promise<string> {
  if (process.platform !== "linux") return hostname();
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.trim()} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** The start of a process that has ended, and whose parent has not taken note of that. */
const ENDED = "ended";

/** When a process started, in the words of its system, which are the same each time; undefined where it does not tell. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === "linux") return startInClockTicks(await readFile(`/proc/${pid}/stat`, "utf8"));
    if (process.platform === "win32") {
      const script = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`;
      return await outputOf("powershell.exe", ["-NoProfile", "-NonInteractive", "-Command", script]);
    }
    return await outputOf("ps", ["-o", "lstart=", "-p", String(pid)]);
  } catch {
    return undefined;
  }
}

/** The 22nd field of `/proc/<pid>/stat`; the second, in parentheses, may hold spaces. A zombie, state Z, runs no more. */
function startInClockTicks(stat: string): string | undefined {
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? ENDED : fields[18];
}

async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, LC_ALL: "C", TZ: "UTC" } });
  return stdout.trim();
}
