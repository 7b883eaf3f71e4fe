/** Encoding, decoding and writing conversations out away from the event loop, so that one long text holds up nobody. */

import { Worker } from "node:worker_threads";
import { messageOf, UserError } from "../errors.ts";
import type { Message, Tokenizer } from "../text/index.ts";
import { type Settling, untilAborted } from "./settling.ts";
import type { TextAnswer, TextRequest, TextResult, TextTask, TokenizerData } from "./text-thread.ts";

/** Texts and ids of this length or more have a thread of their own, so that short ones never wait for them. */
const LONG = 4096;

/** As many characters as a message is long beside its content: what a template writes for it takes as much time. */
const MESSAGE_LENGTH = 64;

interface Job extends Settling<TextResult> {
  readonly task: TextTask;
  readonly length: number;
}

/** Two threads with the tokenizer, one for short texts, and one for long ones that starts when it is first needed. */
export class TextThreads {
  readonly #short: TextThread;
  readonly #long: TextThread;

  constructor(tokenizer: Tokenizer) {
    this.#short = new TextThread(tokenizer, Number.POSITIVE_INFINITY);
    this.#long = new TextThread(tokenizer, 1);
    this.#short.start();
  }

  /** Texts that are not encoded yet. */
  get waiting(): number {
    return this.#short.waiting + this.#long.waiting;
  }

  /**
   * The ids of a text, and on demand the label of each. Rejects with a UserError for what the tokenizer cannot encode, and with
   * the signal's reason as soon as it is aborted.
   */
  encode(text: string, signal: AbortSignal, { labels = false } = {}): Promise<TextResult> {
    return this.#run({ text, labels }, text.length, signal);
  }

  async decode(ids: readonly number[], signal: AbortSignal): Promise<string> {
    return (await this.#run({ ids }, ids.length, signal)).text;
  }

  /** The text of a conversation. Rejects with a UserError where the template refuses it. */
  async write(messages: readonly Message[], signal: AbortSignal): Promise<string> {
    const length = messages.reduce((sum, { content }) => sum + content.length + MESSAGE_LENGTH, 0);
    return (await this.#run({ messages }, length, signal)).text;
  }

  async close(): Promise<void> {
    await Promise.all([this.#short.close(), this.#long.close()]);
  }

  #run(task: TextTask, length: number, signal: AbortSignal): Promise<TextResult> {
    return (length < LONG ? this.#short : this.#long).run(task, length, signal);
  }
}

/** One thread: the shortest of what waits is next. */
class TextThread {
  readonly #tokenizer: Tokenizer;
  readonly #atOnce: number;
  readonly #queue = new Set<Job>();
  /** Tasks that the thread has been given and has not answered. */
  readonly #given = new Map<number, Job>();
  #calls = 0;
  #worker: Worker | undefined;

  /** @param atOnce how many texts the thread is given before it has answered; one alone can be taken back, with the thread */
  constructor(tokenizer: Tokenizer, atOnce: number) {
    this.#tokenizer = tokenizer;
    this.#atOnce = atOnce;
  }

  get waiting(): number {
    return this.#queue.size + this.#given.size;
  }

  run(task: TextTask, length: number, signal: AbortSignal): Promise<TextResult> {
    const job: Job = { task, length, ...untilAborted<TextResult>(signal, () => this.#abandon(job)) };
    if (!signal.aborted) this.#queue.add(job);
    this.#next();
    return job.promise;
  }

  /** The thread, which is started unless it is there. */
  start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const tokenizer = this.#tokenizer;
    const worker = new Worker(new URL("./text-thread.js", import.meta.url), {
      workerData: { json: tokenizer.toJSON(), settings: tokenizer.settings?.json } satisfies TokenizerData,
      execArgv: [],
    });
    worker.on("message", (answer: TextAnswer) => {
      if (this.#worker === worker) this.#settle(answer);
    });
    worker.on("error", (error) => this.#fail(worker, `the tokenizer's thread failed: ${messageOf(error)}`));
    worker.on("exit", () => this.#fail(worker, "the tokenizer's thread ended"));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  async close(): Promise<void> {
    const jobs = [...this.#queue, ...this.#given.values()];
    this.#queue.clear();
    const ended = this.#end();
    for (const job of jobs) job.reject(new Error("internal: the tokenizer's thread was closed"));
    await ended;
  }

  #next(): void {
    while (this.#given.size < this.#atOnce && this.#queue.size > 0) {
      const job = [...this.#queue].reduce((shortest, other) => (other.length < shortest.length ? other : shortest));
      const call = this.#calls++;
      this.#queue.delete(job);
      this.#given.set(call, job);
      const worker = this.start();
      worker.ref();
      worker.postMessage({ call, task: job.task } satisfies TextRequest);
    }
  }

  #settle({ call, ...answer }: TextAnswer): void {
    const job = this.#given.get(call);
    this.#given.delete(call);
    if (this.#given.size === 0) this.#worker?.unref();
    if ("error" in answer) job?.reject(answer.user ? new UserError(answer.error) : new Error(answer.error));
    else job?.resolve(answer);
    this.#next();
  }

  /** Nobody waits for a job any more. A thread cannot be interrupted otherwise than with all that it does. */
  #abandon(job: Job): void {
    this.#queue.delete(job);
    if (this.#atOnce > 1 || ![...this.#given.values()].includes(job)) return;
    void this.#end();
    this.#next();
  }

  /** The thread is gone: the next job starts another. */
  #fail(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    const jobs = [...this.#given.values()];
    void this.#end();
    for (const job of jobs) job.reject(new Error(reason));
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#given.clear();
    await worker?.terminate();
  }
}
