/** A thread that encodes and decodes texts, one after the other: a long one would hold up all requests. */

import { parentPort, workerData } from "node:worker_threads";
import { messageOf, UserError } from "../errors.ts";
import { loadTokenizer } from "../text/load-tokenizer.ts";
import { labelsOf } from "./labels.ts";

/** A text to encode, with the labels of its tokens where they are wanted; or ids to decode. */
export type TextTask = { readonly text: string; readonly labels: boolean } | { readonly ids: readonly number[] };

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

type TextOutcome = TextResult | { readonly error: string; readonly user: boolean };

export type TextAnswer = { readonly call: number } & TextOutcome;

if (parentPort === null) throw new Error("internal: the thread was started as a program");
const port = parentPort;
const tokenizer = loadTokenizer(workerData, "the tokenizer");

port.on("message", ({ call, task }: TextRequest) =>
  port.postMessage({ call, ...outcomeOf(task) } satisfies TextAnswer),
);

function outcomeOf(task: TextTask): TextOutcome {
  try {
    if ("ids" in task) return { ids: new Uint32Array(), labels: [], text: tokenizer.decode(task.ids) };
    const ids = tokenizer.encode(task.text);
    const labels = task.labels ? labelsOf(tokenizer, ids) : [];
    return { ids, labels, text: "" };
  } catch (error) {
    return { error: messageOf(error), user: error instanceof UserError };
  }
}
