/**
 * The thread in which a rank watches over the others, and is watched. It goes on while the rank's own thread computes, and ends
 * the process whatever that one does. Rank 0 hears all others; each of them hears rank 0.
 */

import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import koffi from "koffi";
import { rankName } from "./exchange.ts";
import { readPeer } from "./peer-lines.ts";
import { WakingClock } from "./waking-clock.ts";
import { LONGEST_GREETING, LONGEST_SILENCE, lateness, SIGN_EVERY, type Standing, Stragglers } from "./watch-limits.ts";
import {
  LOST_A_RANK,
  type Order,
  orderSchema,
  type Place,
  type Report,
  reportSchema,
  type WatchData,
  type WatchOrder,
} from "./watch-messages.ts";
import { SEEN } from "./watched-communicator.ts";

if (parentPort === null) throw new Error("internal: the worker was started as a program");
const port = parentPort;
const { rank, hosts, seen, place }: WatchData = workerData;

/** Ends the process at once: `process.exit` would wait for a thread that is in MPI for ever. */
const exit = koffi.load(null).func("_exit", "void", ["int"]);

/** Milliseconds in which a last message leaves. */
const FAREWELL = 300;

/** Milliseconds in which rank 0 says itself what went wrong, where another has said it too. */
const OWN_WORDS_FIRST = 1000;

const SILENT = `has given no sign of life for ${LONGEST_SILENCE / 1000} s`;

const nameOf = (other: number) => rankName({ rank: other, host: hosts[other] ?? "unknown" });

const standing = (): Standing => ({
  begun: Atomics.load(seen, SEEN.begun),
  ended: Atomics.load(seen, SEEN.ended),
  apart: Atomics.load(seen, SEEN.apart) > 0,
});

/** Says one line, whatever the rank's own thread is doing. */
const say = (line: string) => writeSync(2, `tokenformer: ${line}\n`);

const stopOf = (milliseconds: number) => `${nameOf(rank)} was stopped for ${Math.round(milliseconds / 1000)} s`;

const clock = new WakingClock((lasted) => {
  if (rank === 0) say(`${stopOf(lasted)}; it goes on, if the others do`);
});

/** What is said of a loss, for which this rank, where it was stopped itself, may be the reason. */
const loss = (what: string) => {
  const stop = clock.lastStop();
  return `${what}${stop === undefined ? "" : `, after ${stopOf(stop)}`}; all ranks end`;
};

const send = (socket: Socket, message: Report | Order) => socket.write(`${JSON.stringify(message)}\n`);

if (place === undefined) listenToAll();
else reportTo(place);

/** Rank 0. */
function listenToAll(): void {
  const secret = randomBytes(16).toString("hex");
  const peers = new Map<number, { readonly socket: Socket; heard: number; done: boolean }>();
  const stragglers = new Stragglers();
  const startedAt = clock.now();
  let ending = false;

  const end = (code: number, line?: string) => {
    if (ending) return;
    ending = true;
    if (line !== undefined) say(line);
    for (const { socket } of peers.values()) send(socket, { end: code });
    setTimeout(() => exit(code), FAREWELL);
  };
  const lose = (what: string) => end(LOST_A_RANK, loss(what));

  const hear = (other: number, report: Report) => {
    const peer = peers.get(other);
    if (peer === undefined) return;
    peer.heard = clock.now();
    if ("begun" in report) stragglers.note(other, report, peer.heard);
    if ("done" in report) peer.done = true;
    if ("failed" in report) setTimeout(() => end(1, `${nameOf(other)}: ${report.failed}`), OWN_WORDS_FIRST);
  };

  const server = createServer((socket) => {
    let other: number | undefined;
    socket.setNoDelay(true);
    readPeer(socket, (line) => {
      const report = parsed(reportSchema, line);
      const greets = report !== undefined && "secret" in report && report.secret === secret;
      if (greets && !peers.has(report.rank)) {
        other = report.rank;
        peers.set(other, { socket, heard: clock.now(), done: false });
        send(socket, { alive: true });
      } else if (report !== undefined && other !== undefined) hear(other, report);
      else socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (other !== undefined && peers.get(other)?.done === false) lose(`${nameOf(other)} is gone`);
    });
  });
  server.listen(0, () => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("internal: a server without a port");
    port.postMessage({ addresses: ownAddresses(), port: address.port, secret } satisfies Place);
  });

  setInterval(() => {
    const now = clock.now();
    stragglers.note(0, standing(), now);
    for (const [other, { socket, heard, done }] of peers) {
      if (done) continue;
      send(socket, { alive: true });
      if (now - heard > LONGEST_SILENCE) lose(`${nameOf(other)} ${SILENT}`);
    }
    const missing = hosts.findIndex((_, other) => other > 0 && !peers.has(other));
    if (missing > 0 && now - startedAt > LONGEST_GREETING) lose(`${nameOf(missing)} cannot reach ${nameOf(0)}`);
    const late = stragglers.lost(hosts.length, now);
    if (late !== undefined) lose(lateness(late.map(nameOf)));
  }, SIGN_EVERY);

  port.on("message", (order: WatchOrder) => {
    if (order === "done") return;
    end(order.code);
  });
}

/** Other ranks. */
function reportTo({ addresses, port: at, secret }: Place): void {
  let heard = clock.now();
  let done = false;
  let connected: Socket | undefined;
  let isLeaving = false;

  /** Leaves once rank 0 has answered: before, it would take the end of this rank for its loss. */
  const leave = () => {
    if (connected === undefined) return;
    done = true;
    send(connected, { done: true });
    port.postMessage("done");
  };

  const loseFirst = (how: string) => {
    if (done) return;
    done = true;
    const speak = () => {
      say(loss(`${nameOf(0)} ${how}`));
      exit(LOST_A_RANK);
    };
    // One of them says it: once it ends, the program that started the ranks ends the others.
    setTimeout(speak, Math.min(5000, FAREWELL * (rank - 1)));
  };

  for (const host of addresses) {
    const socket = createConnection({ host, port: at });
    socket.setNoDelay(true);
    socket.on("connect", () => send(socket, { secret, rank }));
    readPeer(socket, (line) => {
      const order = parsed(orderSchema, line);
      if (order === undefined) return;
      // Rank 0 answers on one of its addresses.
      const isAnswered = connected === undefined;
      connected ??= socket;
      heard = clock.now();
      if (isAnswered && isLeaving) leave();
      if ("end" in order) exit(order.end);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => socket === connected && loseFirst("is gone"));
  }

  setInterval(() => {
    const now = clock.now();
    if (connected !== undefined && !done) send(connected, standing());
    const limit = connected === undefined ? LONGEST_GREETING : LONGEST_SILENCE + SIGN_EVERY;
    if (now - heard <= limit) return;
    loseFirst(connected === undefined ? "cannot be reached" : SILENT);
  }, SIGN_EVERY);

  port.on("message", (order: WatchOrder) => {
    if (order === "done") {
      isLeaving = true;
      leave();
      return;
    }
    done = true;
    if (connected !== undefined) send(connected, { failed: order.failed });
    // Rank 0 ends all; if it is gone too, this ends by itself.
    setTimeout(() => exit(order.code), OWN_WORDS_FIRST + 10 * FAREWELL);
  });
}

/** Addresses at which others may reach this machine, those of other machines first. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ scopeid = 0 }) => scopeid === 0);
  return usable.toSorted((a, b) => Number(a.internal) - Number(b.internal)).map(({ address }) => address);
}

function parsed<Message>(schema: { safeParse(value: unknown): { data?: Message } }, line: string): Message | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
