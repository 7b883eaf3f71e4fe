/** Shares one model among many requests: continuous batching. */

import { setImmediate, setTimeout } from "node:timers/promises";
import type { Scorer, SequenceScores } from "../evaluation/index.ts";
import type { Sequences } from "../generation/index.ts";
import { type Settling, untilAborted } from "./settling.ts";

/** The model that sequences share: its slots, and what scores texts with it. */
export interface Shared {
  readonly sequences: Pick<Sequences, "start" | "step" | "free">;
  /** Sequences that are written at once, at most. */
  readonly slots: number;
  readonly scorer: Pick<Scorer, "score">;
}

/** Takes the logits [V] of what follows a sequence, and gives the token to append, or nothing where the sequence ends. */
export type NextToken = (logits: Float32Array) => number | undefined;

interface Job<Result> extends Settling<Result> {
  readonly ids: Int32Array;
  /** Which of the gated generations the sequence has. */
  readonly gates: readonly number[];
  readonly signal: AbortSignal;
}

interface WritingJob extends Job<void> {
  readonly next: NextToken;
}

/** Milliseconds between looks whether all is done. */
const IDLE_CHECK = 5;

/** Tokens of prompts that are scored in one pass, so that sequences that are being written need not wait for long. */
const SCORED_AT_ONCE = 2048;

/**
 * Sequences are written in slots, one token each at every step of the model; a sequence that ends makes room for the next at
 * once: for that whose request has the fewest slots, so that those who ask for many texts do not hold up the others. Prompts that are only scored need no slot, and go through the model many at a time.
 */
export class Scheduler {
  readonly #shared: Shared;
  readonly #waiting = new Set<WritingJob>();
  readonly #scoring = new Set<Job<SequenceScores>>();
  /** What is being written: the token that comes next, by slot. */
  readonly #active = new Map<number, { readonly job: WritingJob; readonly token: number }>();
  readonly #starting = new Set<WritingJob>();
  #stepping = false;
  #scorerBusy = false;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Sequences and prompts that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size + this.#scoring.size;
  }

  /** Slots that are in use. */
  get active(): number {
    return this.#active.size + this.#starting.size;
  }

  /**
   * Writes a sequence after a prompt, until `next` gives no token. Rejects with the signal's reason as soon as it is aborted; the
   * slot is free after the step that is under way.
   * @param gates which of the gated generations it has. Default: none
   */
  write(ids: Int32Array, next: NextToken, signal: AbortSignal, gates: readonly number[] = []): Promise<void> {
    const job: WritingJob = {
      ids,
      gates,
      next,
      signal,
      ...untilAborted<void>(signal, () => this.#waiting.delete(job)),
    };
    if (!signal.aborted) this.#waiting.add(job);
    this.#fill();
    return job.promise;
  }

  /** Scores a prompt. Rejects with the signal's reason as soon as it is aborted. */
  score(ids: Int32Array, signal: AbortSignal, gates: readonly number[] = []): Promise<SequenceScores> {
    const job: Job<SequenceScores> = {
      ids,
      gates,
      signal,
      ...untilAborted<SequenceScores>(signal, () => this.#scoring.delete(job)),
    };
    if (!signal.aborted) this.#scoring.add(job);
    void this.#scoreAll();
    return job.promise;
  }

  /** Resolves once nothing is under way: what was aborted may still be in a step of the model. */
  async idle(): Promise<void> {
    while (this.active > 0 || this.#scorerBusy) await setTimeout(IDLE_CHECK);
  }

  #fill(): void {
    while (this.active < this.#shared.slots && this.#waiting.size > 0) {
      const job = this.#fairest();
      this.#waiting.delete(job);
      void this.#begin(job);
    }
  }

  /** The sequence whose turn it is: of those that wait, the first of a request that has the fewest slots. The texts of a request have one signal. */
  #fairest(): WritingJob {
    const slots = new Map<AbortSignal, number>();
    for (const { signal } of [...this.#starting, ...[...this.#active.values()].map(({ job }) => job)]) {
      slots.set(signal, (slots.get(signal) ?? 0) + 1);
    }
    const slotsOf = ({ signal }: WritingJob) => slots.get(signal) ?? 0;
    return [...this.#waiting].reduce((fairest, other) => (slotsOf(other) < slotsOf(fairest) ? other : fairest));
  }

  async #begin(job: WritingJob): Promise<void> {
    this.#starting.add(job);
    try {
      const { slot, logits } = await this.#shared.sequences.start(job.ids, { signal: job.signal, gates: job.gates });
      this.#advance(slot, job, logits);
    } catch (error) {
      job.reject(error);
    }
    this.#starting.delete(job);
    this.#fill();
    void this.#stepAll();
  }

  async #stepAll(): Promise<void> {
    if (this.#stepping) return;
    this.#stepping = true;
    while (this.#active.size > 0) {
      for (const [slot, { job }] of this.#active) if (job.signal.aborted) this.#end(slot, job, job.signal.reason);
      await this.#step();
      this.#fill();
    }
    this.#stepping = false;
  }

  async #step(): Promise<void> {
    const stepped = new Map(this.#active);
    if (stepped.size === 0) return;
    try {
      const results = await this.#shared.sequences.step(
        new Map([...stepped].map(([slot, { token }]) => [slot, token])),
      );
      for (const [slot, { job }] of stepped) {
        const logits = results.get(slot);
        if (logits === undefined) throw new Error(`internal: nothing was computed for slot ${slot}`);
        this.#advance(slot, job, logits);
      }
    } catch (error) {
      for (const [slot, { job }] of stepped) if (this.#active.get(slot)?.job === job) this.#end(slot, job, error);
    }
  }

  /** Asks a sequence for its next token. */
  #advance(slot: number, job: WritingJob, logits: Float32Array): void {
    try {
      job.signal.throwIfAborted();
      const token = job.next(logits);
      if (token === undefined) this.#end(slot, job);
      else this.#active.set(slot, { job, token });
    } catch (error) {
      this.#end(slot, job, error);
    }
  }

  #end(slot: number, job: WritingJob, error?: unknown): void {
    this.#active.delete(slot);
    this.#shared.sequences.free(slot);
    if (error === undefined) job.resolve();
    else job.reject(error);
  }

  async #scoreAll(): Promise<void> {
    if (this.#scorerBusy) return;
    this.#scorerBusy = true;
    await setImmediate(); // what arrives together is scored together
    while (this.#scoring.size > 0) {
      const jobs = this.#scoringBatch();
      try {
        const scores = await this.#shared.scorer.score(
          jobs.map(({ ids }) => ids),
          jobs.map(({ gates }) => gates),
        );
        for (const [index, job] of jobs.entries()) {
          const own = scores[index];
          if (own === undefined) throw new Error("internal: a prompt was not scored");
          job.resolve(own);
        }
      } catch (error) {
        for (const job of jobs) job.reject(error);
      }
    }
    this.#scorerBusy = false;
  }

  #scoringBatch(): Job<SequenceScores>[] {
    const jobs: Job<SequenceScores>[] = [];
    let tokens = 0;
    for (const job of this.#scoring) {
      tokens += job.ids.length;
      if (jobs.length > 0 && tokens > SCORED_AT_ONCE) break;
      this.#scoring.delete(job);
      jobs.push(job);
    }
    return jobs;
  }
}
