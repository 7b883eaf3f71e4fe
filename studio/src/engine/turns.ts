/** Whose turn it is to train: one update after the other, until each is paused. */

import type { RunStatus } from "./api.ts";
import { explained } from "./faults.ts";
import type { LiveRun } from "./live-run.ts";

/** Milliseconds of training after which a run is kept. */
const SAVE_EVERY = 10_000;

export interface TurnsOptions {
  readonly live: (run: string) => Promise<Pick<LiveRun, "advance" | "flops">>;
  /** The run that another one trains beside, or itself. */
  readonly family: (run: string) => string;
  readonly save: (run: string) => Promise<void>;
  readonly changed: (run: string) => void;
  /** It does not train any more, for whatever reason. */
  readonly stopped: (run: string) => void;
  /** What to do about a fault of a run. Whether training can go on. */
  readonly mended: (error: unknown, run: string) => Promise<boolean>;
}

export class Turns {
  readonly #options: TurnsOptions;
  readonly #statuses = new Map<string, RunStatus>();
  readonly #saved = new Map<string, number>();
  /** How often each was started: what became of an update says nothing of a run that was put in another state since. */
  readonly #starts = new Map<string, number>();
  /** Those whose state is being replaced, and whether they are to train again then: until somebody pauses them. */
  readonly #interrupted = new Map<string, boolean>();
  #looping: Promise<void> | undefined;
  #round = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  status(run: string): RunStatus {
    return this.#statuses.get(run) ?? { kind: "paused" };
  }

  start(run: string): void {
    if (this.status(run).kind === "training" || this.status(run).kind === "starting") return;
    this.#become(run, { kind: "starting" });
    this.#saved.set(run, performance.now());
    this.#starts.set(run, (this.#starts.get(run) ?? 0) + 1);
    this.#looping ??= this.#loop();
  }

  /** Resolves when the update under way is done and the run is kept; of one that is interrupted, at once: it does not go on then. */
  async pause(run: string): Promise<void> {
    if (this.#interrupted.has(run)) this.#interrupted.set(run, false);
    if (!this.#trains(run)) return;
    this.#statuses.set(run, { kind: "paused" });
    try {
      await this.#options.save(run);
    } finally {
      // Only now, so that a page that says so may be closed.
      this.#options.changed(run);
      this.#options.stopped(run);
    }
  }

  /**
   * Does what puts another state in the place of a run's, which does not train meanwhile. One that trained goes on then, unless it was
   * paused, from its new state or, where that failed, from the one that it had.
   */
  async interrupted<Result>(run: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#statuses.get(run);
    const trained = this.#trains(run);
    this.#statuses.delete(run);
    if (trained) this.#interrupted.set(run, true);
    try {
      return await work();
    } catch (error) {
      if (before !== undefined && !trained) this.#statuses.set(run, before);
      throw error;
    } finally {
      this.#goOn(run);
    }
  }

  /** What was wished for a run while it was interrupted. */
  #goOn(run: string): void {
    const trainsAgain = this.#interrupted.get(run);
    this.#interrupted.delete(run);
    if (trainsAgain === true) this.start(run);
    if (trainsAgain !== false) return;
    this.#options.changed(run);
    this.#options.stopped(run);
  }

  /** Ends its training where it is: it is deleted. */
  forget(run: string): void {
    if (this.#trains(run) || this.#interrupted.delete(run)) this.#options.stopped(run);
    this.#statuses.delete(run);
    this.#saved.delete(run);
    this.#starts.delete(run);
  }

  /** The runs that train. */
  get training(): string[] {
    return [...this.#statuses.keys()].filter((run) => this.#trains(run));
  }

  async #loop(): Promise<void> {
    try {
      while (this.training.length > 0) {
        const run = await this.#next();
        if (run !== undefined) await this.#turn(run);
      }
    } finally {
      // Whatever happens, what is started later trains.
      this.#looping = undefined;
    }
  }

  async #turn(run: string): Promise<void> {
    const start = this.#starts.get(run);
    const goesOn = () => this.#trains(run) && this.#starts.get(run) === start;
    try {
      const live = await this.#options.live(run);
      const going = await live.advance();
      if (!goesOn()) return;
      // That has kept it, and let it go.
      if (!going) return await this.pause(run);
      if (this.status(run).kind === "starting") this.#become(run, { kind: "training" });
      if (performance.now() - (this.#saved.get(run) ?? 0) < SAVE_EVERY) return;
      await this.#options.save(run);
      this.#saved.set(run, performance.now());
    } catch (error) {
      const fault = await this.#left(error, run);
      if (fault === undefined || !goesOn()) return;
      this.#become(run, { kind: "failed", message: explained(fault).message });
      this.#options.stopped(run);
    }
  }

  /** What is left of a fault that could be mended: nothing, or why it could not. */
  async #left(error: unknown, run: string): Promise<unknown> {
    try {
      return (await this.#options.mended(error, run)) ? undefined : error;
    } catch (another) {
      return another;
    }
  }

  /** Families take turns; within one, the run that has had the fewest operations comes first. */
  async #next(): Promise<string | undefined> {
    const { training } = this;
    const families = [...new Set(training.map((run) => this.#family(run)))];
    const turn = families[this.#round++ % families.length];
    const family = training.filter((run) => this.#family(run) === turn);
    const spent = await Promise.all(family.map(async (run) => ({ run, flops: await this.#flops(run) })));
    return spent.toSorted((a, b) => a.flops - b.flops)[0]?.run;
  }

  /** One of which that is not known is alone, so that its turn tells why. */
  #family(run: string): string {
    try {
      return this.#options.family(run);
    } catch {
      return run;
    }
  }

  /** One that cannot be opened comes first, so that its turn tells why. */
  async #flops(run: string): Promise<number> {
    try {
      return (await this.#options.live(run)).flops;
    } catch {
      return 0;
    }
  }

  #trains(run: string): boolean {
    const { kind } = this.status(run);
    return kind === "training" || kind === "starting";
  }

  #become(run: string, status: RunStatus): void {
    this.#statuses.set(run, status);
    this.#options.changed(run);
  }
}
