/**
 * A server among hostile clients: `tortureServer({ seed, folder, requests, clients, seconds, connections })`.
 *
 * It serves a run in a process of its own, asks it alone and then among hostile clients, opens hundreds of connections of which most
 * are cut, and at last asks many thousand times, of which half are left. Every good request must be answered with the text that it
 * has alone, and nothing may be left behind: no slot, no descriptor, no memory. All connections are to 127.0.0.1, and all loops end
 * by a count or a time.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../src/random.ts";
import { MAIN, type Running, startProcess, TINY, textOf } from "../support/program.ts";
import { answersOf, misdeeds, post, type Target } from "./hostile-clients.ts";
import { check, type Part, type Setting, type Trials } from "./part.ts";

export const clients: Part = {
  name: "clients",
  title:
    "a server among hostile clients: good requests are answered as alone, 95 % of them in twice the time at most, and slots, descriptors and the heap are as before",
  async begin({ folder, short }: Setting): Promise<Trials> {
    await writeFile(join(folder, "text.txt"), textOf(4000));
    const tokens = ["--tokenizer", "bpe:280", "--set", "model.context=64"];
    const training = ["train", ...TINY, ...tokens, "--data", "text.txt", "--out", "run"];
    const { code, stderr } = await startProcess([MAIN, ...training], folder).outcome;
    check(code === 0, () => stderr);
    const sizes = short
      ? { clients: 24, seconds: 1, connections: 40, requests: 200 }
      : { clients: 300, seconds: 20, connections: 500, requests: 20_000 };
    return {
      count: 1,
      trial: async (_, random) => {
        const {
          misdeeds: bad,
          answered,
          ...times
        } = await tortureServer({ ...sizes, folder, seed: random.integer(2 ** 31) });
        // Over seconds alone a machine's own pauses would tell.
        check(
          short || times.p95Hostile <= SLOWER * times.p95Alone,
          () => `95 % of the good ones in ${times.p95Hostile} ms, alone in ${times.p95Alone}`,
        );
        return {
          "good requests among hostile clients": answered,
          ...bad,
          "ms in which 95 % of the good ones were answered": Math.round(times.p95Hostile),
          "ms that these took without hostile clients": Math.round(times.p95Alone),
          "requests after which the heap was as before": sizes.requests,
        };
      },
      close: () => Promise.resolve(),
    };
  },
};

export interface ServerTorture {
  readonly seed: number;
  /** With `run`, whose context has room for 40 tokens. */
  readonly folder: string;
  /** Hostile clients at once. */
  readonly clients: number;
  /** For how long they go on. */
  readonly seconds: number;
  /** Connections that are opened at once, three quarters of which are cut. */
  readonly connections: number;
  /** Requests after which the heap must be as large as before, half of which are left. */
  readonly requests: number;
}

/** What was counted and measured. */
export interface ServerTortureResult {
  /** Good requests among the hostile ones, and misdeeds, by kind. */
  readonly answered: number;
  readonly misdeeds: Readonly<Record<string, number>>;
  /** The time under which 95 of 100 good requests were answered, alone and among hostile clients, in milliseconds. */
  readonly p95Alone: number;
  readonly p95Hostile: number;
  /** Growth of the heap for each of the last requests, in bytes. */
  readonly heapGrowth: number;
}

/** Hostile clients may make good requests take so many times as long as alone. */
const SLOWER = 2;

/** Good clients that ask at once. */
const GOOD = 4;
/** The heap may grow by so many bytes, as code that is used becomes compiled code, and by so few for each request. */
const WARMING = 2 ** 21;
const GROWTH = 100;

/** Has the server tell its state on a signal. */
const TELL = `data:text/javascript,${encodeURIComponent(`
  import { readdirSync } from "node:fs";
  process.on("SIGUSR2", () => {
    for (let turn = 0; turn < 4; turn++) gc();
    const state = { heap: process.memoryUsage().heapUsed, descriptors: readdirSync("/dev/fd").length };
    console.log("state " + JSON.stringify(state));
  });
`)}`;

/** @throws Error that says what went wrong */
export async function tortureServer(options: ServerTorture): Promise<ServerTortureResult> {
  const flags = ["--expose-gc", "--import", TELL];
  const process = startProcess([...flags, MAIN, "serve", "run", "--port", "0"], options.folder);
  try {
    return await tortured(new Served(process, await listening(process)), options);
  } finally {
    process.signal("SIGTERM");
    const { code, stderr } = await process.outcome;
    // Where it did not end as asked, that tells why something went wrong before.
    check(code === 0 && !/\n +at /.test(stderr), () => `it ended with ${code}: ${stderr}`);
  }
}

async function tortured(server: Served, options: ServerTorture): Promise<ServerTortureResult> {
  const texts = await server.expectedTexts();
  await server.startThreads();
  // Others use the machine too: what it does alone is measured before and after.
  const before = await server.askWell(texts, until(options.seconds / 4));
  const begun = await server.state();
  const bad = server.misbehave(options, Random.from("torture server", options.seed));
  const [hostile, counts] = await Promise.all([server.askWell(texts, bad.ended), bad.counts]);
  const after = await server.askWell(texts, until(options.seconds / 4));
  await server.cutConnections(options.connections);
  await server.isAsBefore(begun);
  const heapGrowth = await server.keepsNothing(options.requests, begun);
  return {
    answered: hostile.length,
    misdeeds: counts,
    p95Alone: p95([...before, ...after]),
    p95Hostile: p95(hostile),
    heapGrowth,
  };
}

/** Whether it is over after some seconds. */
function until(seconds: number): () => boolean {
  const end = performance.now() + 1000 * seconds;
  return () => performance.now() >= end;
}

const p95 = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(0.95 * times.length)] ?? Number.NaN;

async function listening(process: Running): Promise<number> {
  const ended = process.outcome.then(({ stderr }) => Promise.reject(new Error(`it did not start: ${stderr}`)));
  const found = async () => {
    for (;;) {
      const port = /^serving .* at http:\S+:(\d+)\/v1$/m.exec(process.stdout())?.[1];
      if (port !== undefined) return Number(port);
      await delay(10);
    }
  };
  return Promise.race([found(), ended]);
}

const prompts = ["the ", "whale", "a deep blue sea", "old man", "sail "];
const good = (prompt: string, more: object = {}) => JSON.stringify({ prompt, max_tokens: 12, temperature: 0, ...more });

interface State {
  readonly heap: number;
  readonly descriptors: number;
}

/** A server under test. */
class Served {
  readonly #process: Running;
  readonly #port: number;

  constructor(process: Running, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** What each prompt is answered with when it is alone. */
  async expectedTexts(): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    for (const prompt of prompts) texts.set(prompt, await this.#textAfter(prompt));
    return texts;
  }

  /** Has all its threads start, whose descriptors stay. */
  async startThreads(): Promise<void> {
    const answer = await post({ port: this.#port }, "/tokenize", JSON.stringify({ prompt: "the whale ".repeat(1000) }));
    check(answer?.status === 200, () => `a long text: ${JSON.stringify(answer)}`);
  }

  /** Asks from a few clients, one request after the other, and gives the milliseconds that each answer took. */
  async askWell(texts: ReadonlyMap<string, string>, ended: () => boolean): Promise<number[]> {
    const times: number[] = [];
    const client = async (number: number) => {
      for (let count = number; !ended(); count++) {
        const prompt = prompts[count % prompts.length] ?? "";
        const begun = performance.now();
        const text = await this.#textAfter(prompt);
        times.push(performance.now() - begun);
        check(text === texts.get(prompt), () => `after ${prompt}: ${text}, alone ${texts.get(prompt)}`);
      }
    };
    await Promise.all(Array.from({ length: GOOD }, (_, number) => client(number)));
    return times;
  }

  /** Lets hostile clients in, a like number of each kind. */
  misbehave({ clients, seconds }: ServerTorture, random: Random) {
    const ended = until(seconds);
    const pause = 300 * seconds; // milliseconds between two misdeeds of one client, at most
    const kinds = Object.entries(misdeeds);
    const target: Target = { port: this.#port, hugeLength: 900_000, hold: 150 * seconds };
    const counts: Record<string, number> = {};
    const client = async (number: number) => {
      const [kind, misdeed] = kinds[number % kinds.length] ?? [];
      if (kind === undefined || misdeed === undefined) return;
      await delay(pause * random.uniform()); // they do not begin all at once
      while (!ended()) {
        const status = await misdeed(target, random);
        check(
          status === undefined || (answersOf[kind]?.includes(status) ?? false),
          () => `${kind}: answered ${status}`,
        );
        counts[kind] = (counts[kind] ?? 0) + 1;
        await delay(pause * random.uniform());
      }
    };
    const all = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    return { ended, counts: all.then(() => counts) };
  }

  /** Opens many connections at once with a request each, and cuts three of four. */
  async cutConnections(count: number): Promise<void> {
    const ask = (index: number) =>
      post(
        { port: this.#port },
        "/v1/completions",
        good("the ", { n: 3, stream: index % 2 === 0 }),
        index % 4 === 0 ? undefined : index % 60,
      );
    const answers = await Promise.all(Array.from({ length: count }, (_, index) => ask(index)));
    for (const [index, answer] of answers.entries()) {
      if (index % 4 === 0)
        check([200, 429].includes(answer?.status ?? 0), () => `one of ${count}: ${JSON.stringify(answer)}`);
    }
  }

  /** Waits until no slot is in use, and as few descriptors are open as before. */
  async isAsBefore(before: State): Promise<void> {
    const late = until(30);
    for (;;) {
      const metrics = await this.#metrics();
      const { descriptors } = await this.state();
      const free = /^tokenformer_slots_active 0$/m.test(metrics) && /^tokenformer_sequences_waiting 0$/m.test(metrics);
      if (free && descriptors <= before.descriptors) return;
      check(!late(), () => `${descriptors} descriptors, ${before.descriptors} before; ${metrics}`);
      await delay(100);
    }
  }

  /** Asks many times, every other client leaving, and gives the growth of the heap for each. */
  async keepsNothing(requests: number, begun: State): Promise<number> {
    const ask = async (index: number) => {
      const body = good("the ", { stream: index % 4 < 2, n: 1 + (index % 3) });
      await post({ port: this.#port }, "/v1/completions", body, index % 2 === 0 ? index % 25 : undefined);
    };
    const many = async (count: number) => {
      for (let done = 0; done < count; done += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, index) => ask(done + index)));
      }
      await this.isAsBefore(begun);
      return (await this.state()).heap;
    };
    const before = await many(Math.min(500, requests / 2));
    const growth = (await many(requests)) - before;
    check(growth < WARMING + GROWTH * requests, () => `the heap grew by ${growth} bytes in ${requests} requests`);
    return growth / requests;
  }

  async state(): Promise<State> {
    const told = () => [...this.#process.stdout().matchAll(/^state (.*)$/gm)];
    const before = told().length;
    this.#process.signal("SIGUSR2");
    for (;;) {
      const state = told().at(before)?.[1];
      if (state !== undefined) return JSON.parse(state);
      await delay(10);
    }
  }

  async #metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}/metrics`, { headers: { connection: "close" } })).text();
  }

  async #textAfter(prompt: string): Promise<string> {
    const answer = await post({ port: this.#port }, "/v1/completions", good(prompt));
    check(answer?.status === 200, () => `a good request: ${JSON.stringify(answer)}`);
    return JSON.parse(answer.body).choices[0].text;
  }
}
