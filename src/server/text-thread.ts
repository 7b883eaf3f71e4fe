/** A thread that encodes and decodes texts and writes conversations out, one after the other: a long one would hold up all requests. */

import { parentPort, workerData } from "node:worker_threads";
import { messageOf, UserError } from "../errors.ts";
import { chatTemplateOf, type Message } from "../text/chat-template.ts";
import { loadTokenizer } from "../text/load-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { readSettings, withSettings } from "../text/tokenizer-settings.ts";
import { labelsOf } from "./labels.ts";

/** A text to encode, with the labels of its tokens where they are wanted; ids to decode; or a conversation to make one text of. */
export type TextTask =
  | { readonly text: string; readonly labels: boolean }
  | { readonly ids: readonly number[] }
  | { readonly messages: readonly Message[] };

/** A tokenizer as a thread is given it. */
export interface TokenizerData {
  readonly json: unknown;
  /** The contents of its settings, which have the form of conversations. */
  readonly settings: unknown;
}

export interface TextResult {
  readonly ids: Uint32Array;
  readonly labels: readonly string[];
  readonly text: string;
}

/** Each task has a number, and its answer too. */
export interface TextRequest {
  readonly call: number;
  readonly task: TextTask;
}

const NOTHING: TextResult = { ids: new Uint32Array(), labels: [], text: "" };

type TextOutcome = TextResult | { readonly error: string; readonly user: boolean };

export type TextAnswer = { readonly call: number } & TextOutcome;

if (parentPort === null) throw new Error("internal: the thread was started as a program");
const port = parentPort;
const tokenizer = opened(workerData);

port.on("message", ({ call, task }: TextRequest) =>
  port.postMessage({ call, ...outcomeOf(task) } satisfies TextAnswer),
);

function opened({ json, settings }: TokenizerData): Tokenizer {
  const bare = loadTokenizer(json, "the tokenizer");
  return settings === undefined ? bare : withSettings(bare, readSettings(settings, "the tokenizer's settings"));
}

function outcomeOf(task: TextTask): TextOutcome {
  try {
    if ("ids" in task) return { ...NOTHING, text: tokenizer.decode(task.ids) };
    if ("messages" in task) return { ...NOTHING, text: chatTemplateOf(tokenizer).text(task.messages) };
    const ids = tokenizer.encode(task.text);
    const labels = task.labels ? labelsOf(tokenizer, ids) : [];
    return { ids, labels, text: "" };
  } catch (error) {
    return { error: messageOf(error), user: error instanceof UserError };
  }
}
