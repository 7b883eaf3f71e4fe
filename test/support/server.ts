/** A server of a tiny model for a test file. */

import { afterAll, beforeAll } from "vitest";
import { Scorer } from "../../src/evaluation/index.ts";
import { Decoder } from "../../src/generation/index.ts";
import { givenOf, modelOf } from "../../src/model/index.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/index.ts";
import { CharacterTokenizer } from "../../src/text/index.ts";
import { Inference, uploadArrays } from "../../src/training/index.ts";
import { useDevice } from "./device.ts";
import { drawnParameters, tinyTokenFormer } from "./models.ts";

export const letters = CharacterTokenizer.fromText("\n abcdefghij🙂");
/** Untied, so that the likeliest token is not that which is there. */
export const config = { ...tinyTokenFormer, tied: false, vocabulary: letters.vocabularySize, context: 48 };

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
