/** Starting ranks by the `mpirun` of an MPI, and telling in one line how they ended. */

import { execFile, spawn } from "node:child_process";
import { constants } from "node:os";
import { promisify } from "node:util";
import { messageOf, UserError } from "../errors.ts";
import { LauncherOutput } from "./launcher-output.ts";
import type { MpiKind } from "./mpi-library.ts";
import { LOST_A_RANK } from "./watch-messages.ts";

export interface LaunchOptions {
  readonly ranks: number;
  /** A file of machines, as the `mpirun` takes it. Default: this machine. */
  readonly hostfile?: string | undefined;
  /** The program. Default "mpirun". */
  readonly mpirun?: string | undefined;
  /** What each rank runs. */
  readonly command: readonly string[];
}

/**
 * Asks ranks to save and end: an `mpirun` hands it on and waits. After SIGTERM, Open MPI's kills them within a second, and can be
 * made to wait only if it also waits that long when a rank has died. SIGUSR2 ends MPICH's itself, and the ranks with it.
 */
const STOP_ALL = { openmpi: "SIGUSR2", mpich: "SIGTERM" } as const satisfies Readonly<Record<MpiKind, NodeJS.Signals>>;

/** Exit code of what was asked to end, and did in order. */
const INTERRUPTED = 130;

/**
 * With these, Open MPI notices within 15 seconds that a machine is gone, on both sides, so that nothing is left on either. By default
 * it takes minutes, and its `mpirun` waits for that machine even where all ranks have ended.
 */
const KEEPALIVE = { time: 5, intvl: 3, probes: 3 } as const;

/**
 * Milliseconds in which an `mpirun` ends once a rank has ended, and with it all, or once it is to end at once: Open MPI's was seen to
 * wait on (4.1.4, once in 36), and MPICH's waits for ranks that do not heed its signals.
 */
const LONGEST_END = 10_000;

/** How ranks ended. */
export interface LaunchEnd {
  readonly code: number;
  /** Whether one of them died, hung or lost its machine, so that starting again may help. */
  readonly isLost: boolean;
}

/** What may be asked of ranks on their way. */
export interface LaunchSignals {
  /** To save and end. */
  readonly stop: AbortSignal;
  /** To end at once. */
  readonly end: AbortSignal;
}

/**
 * Starts ranks and waits for their end. Their output goes on; what the `mpirun` adds to it is one line at most.
 * @throws UserError where there is no such `mpirun`
 */
export async function launch(options: LaunchOptions, signals: LaunchSignals): Promise<LaunchEnd> {
  const program = options.mpirun ?? "mpirun";
  const kind = await kindOf(program);
  if (signals.stop.aborted) return { code: INTERRUPTED, isLost: false };
  const words = [...(kind === "openmpi" ? openMpiOptions(options) : hydraOptions(options)), ...options.command];
  // The program is in a group of its own: a Ctrl-C would reach it twice, from the terminal and from here, which it takes for impatience.
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const output = new LauncherOutput(() => setTimeout(() => child.kill("SIGKILL"), LONGEST_END).unref());
  child.stdout.on("data", (chunk) => output.answers(chunk));
  child.stderr.on("data", (chunk) => output.notes(chunk));
  const stop = () => child.kill(STOP_ALL[kind]);
  let killing: NodeJS.Timeout | undefined;
  const end = () => {
    signalGroup(child.pid, "SIGTERM");
    killing = setTimeout(() => signalGroup(child.pid, "SIGKILL"), LONGEST_END);
  };
  signals.stop.addEventListener("abort", stop);
  signals.end.addEventListener("abort", end);
  try {
    const reported = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status, name) => resolve(status ?? 128 + (name === null ? 0 : constants.signals[name])));
    });
    const { isLost, hasFailed } = output.end();
    const code = reported === 0 && kind === "mpich" ? unreported(hasFailed, signals.stop) : reported;
    return { code, isLost: isLost || code === LOST_A_RANK };
  } finally {
    clearTimeout(killing);
    signals.stop.removeEventListener("abort", stop);
    signals.end.removeEventListener("abort", end);
  }
}

/** The code of an end of which MPICH's says 0: so it does (4.0.2) where the codes of ranks have not reached it before all had ended. */
function unreported(hasFailed: boolean, stop: AbortSignal): number {
  if (hasFailed) return 1;
  return stop.aborted ? INTERRUPTED : 0;
}

/** Sends a signal to all processes of a group that are left. */
function signalGroup(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch {
    // None is left.
  }
}

async function kindOf(program: string): Promise<MpiKind> {
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"]);
    return /open ?mpi|prte/i.test(stdout) ? "openmpi" : "mpich";
  } catch (error) {
    throw new UserError(
      `${program}: cannot be started (${messageOf(error).split("\n")[0]}); install Open MPI or MPICH, or name its mpirun with --mpirun`,
    );
  }
}

function openMpiOptions({ ranks, hostfile }: LaunchOptions): string[] {
  return [
    ...["-n", String(ranks)],
    // Else each of two ranks has one core of its machine, and each of more has those of one memory: they divide the cores themselves.
    ...["--bind-to", "none"],
    // On this machine alone there may be more ranks than Open MPI counts cores.
    ...(hostfile === undefined ? ["--oversubscribe"] : ["--hostfile", hostfile]),
    ...Object.entries(KEEPALIVE).flatMap(([name, seconds]) => ["--mca", `oob_tcp_keepalive_${name}`, String(seconds)]),
  ];
}

function hydraOptions({ ranks, hostfile }: LaunchOptions): string[] {
  return ["-n", String(ranks), ...(hostfile === undefined ? [] : ["-f", hostfile])];
}
