/** A program that answers each line with a line of JSON, so that several can take turns on one machine. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Peer {
  /** @throws Error where it ends without an answer */
  ask(line: string): Promise<unknown>;
  /** Tells it to end, and waits until it has. */
  quit(): Promise<void>;
}

/** @param environment variables beside those of this process. Default: none */
export function openPeer(
  command: string,
  given: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Peer {
  // A kernel that OpenBLAS is told to use here is none that a user gets.
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...own } = process.env;
  const child = spawn(command, given, { stdio: ["pipe", "pipe", "inherit"], env: { ...own, ...environment } });
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve());
  });
  ended.catch(() => undefined); // whoever asks is told
  child.stdin.on("error", () => undefined); // it has ended: so does its output
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done === true) {
        await ended;
        throw new Error(`${command} ${given.slice(0, 1).join(" ")} ended without an answer`);
      }
      return JSON.parse(value);
    },
    async quit() {
      child.stdin.end("quit\n");
      await ended;
    },
  };
}

/** Answers each line of standard input with a line of JSON, until `quit`. */
export async function serveLines(answer: (words: readonly string[]) => Promise<unknown>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "quit") return;
    process.stdout.write(`${JSON.stringify(await answer(line.split(" ")))}\n`);
  }
}
