/** Encoding and decoding away from the event loop, so that one long text holds up nobody. */

import { Worker } from "node:worker_threads";
import { messageOf, UserError } from "../errors.ts";
import type { Tokenizer } from "../text/index.ts";
import { type Settling, untilAborted } from "./settling.ts";
import type { TextAnswer, TextResult, TextTask } from "./text-thread.ts";

/** Texts and ids of this length or more have a thread of their own, so that short ones never wait for them. */
const LONG = 4096;

interface Job extends Settling<TextResult> {
  readonly task: TextTask;
  readonly length: number;
}

/** Two threads with the tokenizer, one for short texts, and one for long ones that starts when it is first needed. */
export class TextThreads {
  readonly #short: TextThread;
  readonly #long: TextThread;

  constructor(tokenizer: Tokenizer) {
    this.#short = new TextThread(tokenizer);
    this.#long = new TextThread(tokenizer);
    this.#short.start();
  }

  /** Texts that wait for their turn. */
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
  readonly #queue = new Set<Job>();
  #worker: Worker | undefined;
  #current: Job | undefined;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  run(task: TextTask, length: number, signal: AbortSignal): Promise<TextResult> {
    const job: Job = { task, length, ...untilAborted<TextResult>(signal, () => this.#abandon(job)) };
    if (!signal.aborted) this.#queue.add(job);
    this.#next();
    return job.promise;
  }

  async close(): Promise<void> {
    for (const job of [...this.#queue, ...(this.#current === undefined ? [] : [this.#current])]) {
      job.reject(new Error("internal: the tokenizer's thread was closed"));
    }
    this.#queue.clear();
    await this.#end();
  }

  #next(): void {
    if (this.#current !== undefined || this.#queue.size === 0) return;
    const job = [...this.#queue].reduce((shortest, other) => (other.length < shortest.length ? other : shortest));
    this.#queue.delete(job);
    this.#current = job;
    const worker = this.start();
    worker.ref();
    worker.postMessage(job.task);
  }

  /** Nobody waits for a job any more. A thread cannot be interrupted otherwise; a short job is done before another starts. */
  #abandon(job: Job): void {
    this.#queue.delete(job);
    if (this.#current !== job || job.length < LONG) return;
    void this.#end();
    this.#next();
  }

  /** The thread, which is started unless it is there. */
  start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./text-thread.js", import.meta.url), {
      workerData: this.#tokenizer.toJSON(),
      execArgv: [],
    });
    worker.on("message", (answer: TextAnswer) => {
      if (this.#worker !== worker) return;
      const job = this.#current;
      this.#current = undefined;
      worker.unref();
      if ("error" in answer) job?.reject(answer.user ? new UserError(answer.error) : new Error(answer.error));
      else job?.resolve(answer);
      this.#next();
    });
    worker.on("error", (error) => this.#fail(worker, `the tokenizer's thread failed: ${messageOf(error)}`));
    worker.on("exit", () => this.#fail(worker, "the tokenizer's thread ended"));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  /** The thread is gone: the next job starts another. */
  #fail(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    const job = this.#current;
    this.#worker = undefined;
    this.#current = undefined;
    job?.reject(new Error(reason));
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#current = undefined;
    await worker?.terminate();
  }
}
