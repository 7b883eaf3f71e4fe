/** Servers of completions, ours or another program's, and the rate of one under several clients that ask at once. */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** The command line of the build. */
export const commandLine = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

export interface Server {
  /** Such as http://127.0.0.1:8000. */
  readonly url: string;
  /** Tells it to end, and waits until it has. */
  stop(): Promise<void>;
}

/**
 * Starts a server and waits until it tells where it listens: by an address that ends with a port other than 0.
 * @throws Error where it ends before
 */
export function startServer(command: string, given: readonly string[], directory?: string): Promise<Server> {
  const child = spawn(command, given, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = () => {
    child.kill("SIGTERM");
    return ended;
  };
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    read(child, (told) => {
      const [, url] = /(http:\/\/[\d.]+:[1-9]\d*)/.exec(told) ?? [];
      if (url !== undefined) resolve({ url, stop });
    }).then((told) => reject(new Error(`${command} ended: ${told.trim().split("\n").at(-1)}`)), reject);
  });
}

/** Reads all that a program says until it ends. @param heard called with all of it so far */
async function read({ stdout, stderr }: ChildProcess, heard: (told: string) => void): Promise<string> {
  let told = "";
  const all = [stdout, stderr].map(async (stream) => {
    for await (const piece of stream ?? []) {
      told += String(piece);
      heard(told);
    }
  });
  await Promise.all(all);
  return told;
}

const answerSchema = z.looseObject({ usage: z.looseObject({ completion_tokens: z.number() }) });

/**
 * Asks for completions, all at once, and gives the tokens a second that come of it.
 * @param requests bodies of `/v1/completions`
 * @throws Error for an answer that is none, or that has other than the tokens asked for
 */
export async function rateOf({ url }: Server, requests: readonly { readonly max_tokens: number }[]): Promise<number> {
  const startedAt = performance.now();
  const written = await Promise.all(
    requests.map(async (request) => {
      const response = await fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${url} answered ${text}`);
      const { completion_tokens: tokens } = answerSchema.parse(JSON.parse(text)).usage;
      if (tokens !== request.max_tokens) throw new Error(`${url} wrote ${tokens} tokens of ${request.max_tokens}`);
      return tokens;
    }),
  );
  return written.reduce((sum, tokens) => sum + tokens, 0) / ((performance.now() - startedAt) / 1000);
}
