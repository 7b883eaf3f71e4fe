/** A program that answers each line with a line of JSON, so that it can take turns with us on one machine. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Peer {
  /** @throws Error where it ends without an answer */
  ask(line: string): Promise<unknown>;
  /** Tells it to end. */
  quit(): void;
}

export function openPeer(command: string, given: readonly string[]): Peer {
  // A kernel that OpenBLAS is told to use here is none that a user gets.
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env;
  const child = spawn(command, given, { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${command} ${given[0]} ended without an answer`);
      return JSON.parse(String(value));
    },
    quit: () => child.stdin.end("quit\n"),
  };
}
