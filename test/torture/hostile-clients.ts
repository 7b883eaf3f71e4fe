/** Clients that mean no good, or are badly written: each kind goes through one round of its misdeed. */

import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../src/random.ts";

export interface Target {
  readonly port: number;
  /** Characters of the prompts that cannot fit. */
  readonly hugeLength: number;
  /** How long those who hold a connection do so, in milliseconds. */
  readonly hold: number;
}

/** One round; resolves with what it was answered, where that says something: the status. */
export type Misdeed = (target: Target, random: Random) => Promise<number | undefined>;

const head = (port: number, length: number) =>
  `POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: ${length}\r\n`;

/** Sends something a byte at a time, and leaves. */
async function dribble({ port, hold }: Target, start: string, rest: string): Promise<undefined> {
  const socket = await connected(port);
  socket.write(start);
  for (let sent = 0; sent < 10 && !socket.destroyed; sent++) {
    socket.write(rest[sent % rest.length] ?? "");
    await delay(hold / 10);
  }
  socket.destroy();
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Asks, and gives the status of the answer, or nothing where it leaves before that. */
export async function post(
  { port }: Pick<Target, "port">,
  path: string,
  body: string,
  leaveAfter?: number,
): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const asked = request({ port, host: "127.0.0.1", method: "POST", path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    asked.on("error", () => undefined).on("close", () => resolve(undefined));
    asked.end(body);
    if (leaveAfter !== undefined) void delay(leaveAfter).then(() => asked.destroy());
  });
}

/** Writes a stream, and never takes any of it. */
async function neverRead({ port, hold }: Target): Promise<undefined> {
  const body = JSON.stringify({ prompt: "the ", max_tokens: 12, stream: true });
  const socket = (await connected(port)).pause();
  socket.write(`${head(port, body.length)}\r\n${body}`);
  await delay(hold);
  socket.destroy();
}

/** Bodies that are no request for a completion. */
export const garbage: readonly string[] = [
  "",
  "{",
  "null",
  '{"prompt": 5}',
  '{"prompt": "a", "n": -1}',
  "\u0000".repeat(500),
  "a".repeat(20_000),
  '{"a":'.repeat(9000),
];

export const misdeeds: Readonly<Record<string, Misdeed>> = {
  "slow headers": ({ port, ...rest }) => dribble({ port, ...rest }, head(port, 500), "X-A: b\r\n"),
  "slow bodies": ({ port, ...rest }) => dribble({ port, ...rest }, `${head(port, 500)}\r\n`, '{"prompt": "the '),
  "never reading": neverRead,
  "huge prompts": async (target, random) => {
    const text = "the whale ".repeat(target.hugeLength / 10);
    // As a prompt it is refused unread, as a text to tokenize it is long work.
    const [path, length] = random.integer(5) === 0 ? ["/tokenize", text.length / 8] : ["/v1/completions", text.length];
    return (await post(target, path, JSON.stringify({ prompt: text.slice(0, length) })))?.status;
  },
  "huge conversations": async (target, random) => {
    const message = { role: "user", content: "whale" };
    const count = Math.floor(target.hugeLength / JSON.stringify(message).length);
    // As many as no context has room for are refused unread, a few long ones once they are written out.
    const messages =
      random.integer(2) === 0
        ? new Array(count).fill(message)
        : [{ ...message, content: "the whale ".repeat(target.hugeLength / 10) }];
    return (await post(target, "/v1/chat/completions", JSON.stringify({ messages })))?.status;
  },
  "early closes": async (target, random) => {
    const body = JSON.stringify({ prompt: "the ", max_tokens: 12, stream: random.integer(2) === 0 });
    await post(target, "/v1/completions", body, random.integer(40));
    return undefined;
  },
  "broken JSON": async (target, random) =>
    (await post(target, "/v1/completions", garbage[random.integer(garbage.length)] ?? ""))?.status,
};

/** The statuses that a misdeed may be answered with. */
export const answersOf: Readonly<Record<string, readonly number[]>> = {
  "huge prompts": [200, 400, 429],
  "huge conversations": [400, 429],
  "broken JSON": [400],
};
