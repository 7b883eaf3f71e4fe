/** The runs that are on the device: opened when they are asked for, and freed when others have been used since. */

import type { LiveRun } from "./live-run.ts";
import type { NamedText } from "./pieces.ts";

/** Runs that stay on the device though they do not train: to look at one again, it need not be compiled again. */
const MOST_IDLE = 2;

/** A run on the device, with what of it is not there. */
export interface OpenRun {
  readonly live: LiveRun;
  readonly text: NamedText;
}

interface Entry {
  readonly opened: Promise<OpenRun>;
  /** Once it is opened. */
  live?: LiveRun;
  /** Of the state that it was opened from, or that was kept of it last. */
  revision: number;
  /** How often it had changed when it was kept last; undefined: nothing of it was kept yet. */
  kept: number | undefined;
}

export interface LiveRunsOptions {
  readonly open: (id: string) => Promise<OpenRun>;
  readonly trains: (id: string) => boolean;
}

export class LiveRuns {
  readonly #options: LiveRunsOptions;
  /** The open runs, those used last at the end. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: LiveRunsOptions) {
    this.#options = options;
  }

  /** A new run, of which nothing is kept yet. */
  adopt(id: string, open: OpenRun): void {
    this.#entries.set(id, { opened: Promise.resolve(open), live: open.live, revision: 0, kept: undefined });
  }

  /** A run that is on the device. */
  get(id: string): Promise<OpenRun> | undefined {
    return this.#entries.get(id)?.opened;
  }

  /**
   * A run that is on the device as it was kept last, or as more than that: not as it was before another tab kept it.
   * @param revision of what is kept
   */
  current(id: string, revision: number): Promise<OpenRun> | undefined {
    const entry = this.#entries.get(id);
    return entry?.revision === revision || this.isUnsaved(id) ? entry?.opened : undefined;
  }

  /**
   * A run, opened from what is kept where it is not on the device as it was kept last.
   * @param revision of what is kept
   */
  async open(id: string, revision: number): Promise<OpenRun> {
    const known = this.#entries.get(id);
    if (known !== undefined && known.revision !== revision) await this.unload(id);
    const entry: Entry = this.#entries.get(id) ?? { opened: this.#options.open(id), revision, kept: 0 };
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    try {
      const open = await entry.opened;
      entry.live = open.live;
      return open;
    } catch (error) {
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    } finally {
      await this.#unloadIdle();
    }
  }

  /** A state of a run was kept, as it was after so many changes. */
  keep(id: string, revision: number, changes: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) Object.assign(entry, { revision, kept: changes });
  }

  /** Only its name was: the state is what it was. */
  follow(id: string, revision: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.revision = revision;
  }

  /** Whether nothing of a run is kept yet. */
  isNew(id: string): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && entry.kept === undefined;
  }

  /** Whether there is more of a run than what is kept. */
  isUnsaved(id: string): boolean {
    const entry = this.#entries.get(id);
    return entry?.live !== undefined && entry.kept !== entry.live.changes;
  }

  /** Frees a run. A failure to close it is not told: what cannot be freed lies on a device that is gone, as its next request says. */
  async unload(id: string): Promise<void> {
    // One that could not be opened has nothing to close.
    const open = await this.get(id)?.catch(() => undefined);
    this.#entries.delete(id);
    await open?.live.close().catch(() => undefined);
  }

  /** Forgets what is on the device, for it is gone. */
  drop(): void {
    this.#entries.clear();
  }

  /** Frees runs that have not been used for longest, but for those of which the page has more than what is kept. */
  async #unloadIdle(): Promise<void> {
    const idle = [...this.#entries.keys()].filter((id) => !this.#options.trains(id));
    for (const id of idle.slice(0, Math.max(0, idle.length - MOST_IDLE)))
      if (!this.isUnsaved(id)) await this.unload(id);
  }
}
