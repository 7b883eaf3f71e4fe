/** A server of a tiny model for a test file. */

import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll } from "vitest";
import { Scorer } from "../../src/evaluation/index.ts";
import { Decoder } from "../../src/generation/index.ts";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import {
  type Limits,
  type RunningServer,
  type ServerOptions,
  type Shared,
  startServer,
} from "../../src/server/index.ts";
import { CharacterTokenizer, type Tokenizer } from "../../src/text/index.ts";
import { useDevice } from "./device.ts";
import { drawnParameters, tinyTokenFormer } from "./models.ts";

export const letters = CharacterTokenizer.fromText("\n abcdefghij🙂");
/** Untied, so that the likeliest token is not that which is there. */
export const config = { ...tinyTokenFormer, tied: false, vocabulary: letters.vocabularySize, context: 48 };

interface StubModel {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly slots: number;
  /** Of any next token [V]. Default: all are equally likely. */
  readonly logits: readonly number[];
}

/** Starts a server of a model that computes nothing, but whose steps take a while, or fail. */
export async function stubServer(step: () => Promise<void>, options: Partial<Limits & ServerOptions & StubModel> = {}) {
  const {
    bytes = 10_000,
    queue = 400,
    seconds = 60,
    name = "stub",
    tokenizer = letters,
    slots = 2,
    logits = new Array<number>(tokenizer.vocabularySize).fill(0),
    ...others
  } = options;
  const notes: string[] = [];
  const context = 1000;
  const vocabulary = tokenizer.vocabularySize;
  const model = { name, tokenizer, context, vocabulary, ...stub(step, logits), slots };
  const limits = { bytes, queue, seconds };
  const note = (text: string) => notes.push(text);
  const server = await startServer(model, { port: 0, host: "127.0.0.1", limits, note, ...others });
  const url = `http://127.0.0.1:${server.port}`;
  const ask = (body: object) =>
    fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify({ prompt: "a", ...body }) });
  return { server, notes, url, ask };
}

/** What `/metrics` shows, by a connection of its own. */
export async function metricsOf(url: string): Promise<string> {
  const asked = request(`${url}/metrics`, { agent: false });
  asked.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once("response", resolve).once("error", reject);
  });
  return await text(response);
}

function stub(step: () => Promise<void>, given: readonly number[]): Omit<Shared, "slots"> {
  let slots = 0;
  const logits = Float32Array.from(given);
  return {
    sequences: {
      start: async () => ({ slot: slots++, logits, scores: [] }),
      step: async (tokens) => {
        await step();
        return new Map([...tokens.keys()].map((slot) => [slot, logits]));
      },
      free: () => undefined,
    },
    scorer: { score: async () => [] },
  };
}

export interface TestServer {
  readonly running: RunningServer;
  readonly url: string;
  /** Faults of ours that were noted. */
  readonly notes: readonly string[];
}

/** Starts a server before the tests of the file, and drains it after them. */
export function useServer(options: Partial<ServerOptions> = {}, slots = 3): () => TestServer {
  const device = useDevice();
  let server: TestServer | undefined;
  beforeAll(async () => {
    const parameters = await uploadArrays(device(), drawnParameters(config));
    const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
    const sequences = await Decoder.open(inference, { context: config.context, slots });
    const scorer = await Scorer.create(inference, { top: 5 });
    const { context, vocabulary } = config;
    const notes: string[] = [];
    const running = await startServer(
      { name: "tiny", tokenizer: letters, context, vocabulary, sequences, scorer, slots },
      {
        port: 0,
        host: "127.0.0.1",
        limits: { bytes: 10_000, queue: 400, seconds: 60 },
        note: (text) => notes.push(text),
        ...options,
      },
    );
    server = { running, url: `http://127.0.0.1:${running.port}`, notes };
  });
  afterAll(async () => server?.running.drain(5));
  return () => {
    if (server === undefined) throw new Error("the server is started before the first test, not before that");
    return server;
  };
}
