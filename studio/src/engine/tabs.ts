/**
 * The tabs that are open on the same runs. A run changes in one of them at a time, by a lock of the browser; the others hear what
 * it does.
 */

import type { EngineEvent } from "./api.ts";

type Message =
  | { readonly kind: "event"; readonly event: EngineEvent }
  /** Asks the tab that has a run for all that is drawn of it. */
  | { readonly kind: "show"; readonly run: string };

export interface TabsOptions {
  /** Another tab tells what happens there. */
  readonly heard: (event: EngineEvent) => void;
  /** Another tab wants to see a run that this one has. */
  readonly asked: (run: string) => void;
  /** A run that another tab had may be had again. */
  readonly freed: (run: string) => void;
  /** Whether a run must stay with this tab though nothing is done with it, as it is in its memory alone. */
  readonly keeps: (run: string) => boolean;
}

const PREFIX = "tokenformer-run-";

interface Held {
  /** What is done with it at the moment. */
  holds: number;
  /** Undefined as long as it is asked for. */
  free?: () => void;
  readonly granted: Promise<boolean>;
}

export class Tabs {
  readonly #options: TabsOptions;
  readonly #channel = new BroadcastChannel("tokenformer-studio");
  /** Pages that are not served securely have none: there the store refuses what another tab has overtaken. */
  readonly #locks: LockManager | undefined = navigator.locks;
  readonly #held = new Map<string, Held>();
  readonly #elsewhere = new Set<string>();

  private constructor(options: TabsOptions) {
    this.#options = options;
    this.#channel.onmessage = ({ data }: { readonly data: Message }) => {
      if (data.kind === "event") options.heard(data.event);
      else if (this.#held.has(data.run)) options.asked(data.run);
    };
  }

  static async open(options: TabsOptions): Promise<Tabs> {
    const tabs = new Tabs(options);
    try {
      const { held = [] } = (await tabs.#locks?.query()) ?? {};
      for (const { name = "" } of held) if (name.startsWith(PREFIX)) tabs.watch(name.slice(PREFIX.length));
      return tabs;
    } catch (error) {
      tabs.close();
      throw error;
    }
  }

  /** Hears nothing any more, and lets others have all runs. */
  close(): void {
    this.#channel.close();
    for (const { free } of this.#held.values()) free?.();
    this.#held.clear();
  }

  /** Whether another tab has a run. */
  isElsewhere(run: string): boolean {
    return this.#elsewhere.has(run);
  }

  /** Takes a run, for as long as it is not released as often as it was claimed. Whether it can be had. */
  async claim(run: string): Promise<boolean> {
    const held = this.#held.get(run) ?? this.#request(run);
    held.holds++;
    if (await held.granted) return true;
    this.watch(run);
    return false;
  }

  release(run: string): void {
    const held = this.#held.get(run);
    if (held === undefined) return;
    held.holds--;
    this.settle(run);
  }

  /** Lets others have a run with which nothing is done any more, and that is kept. */
  settle(run: string): void {
    const held = this.#held.get(run);
    if (held === undefined || held.holds > 0 || this.#options.keeps(run)) return;
    this.#held.delete(run);
    held.free?.();
  }

  /** Knows a run to be elsewhere until the tab that has it lets it go, or is closed. */
  watch(run: string): void {
    if (this.#locks === undefined || this.#held.has(run) || this.#elsewhere.has(run)) return;
    this.#elsewhere.add(run);
    void this.#locks.request(PREFIX + run, { mode: "shared" }, () => {
      this.#elsewhere.delete(run);
      this.#options.freed(run);
    });
  }

  /** Asks the tab that has a run to tell all that is drawn of it. */
  ask(run: string): void {
    this.#post({ kind: "show", run });
  }

  tell(event: EngineEvent): void {
    this.#post({ kind: "event", event });
  }

  #post(message: Message): void {
    this.#channel.postMessage(message);
  }

  #request(run: string): Held {
    const { promise: granted, resolve, reject } = Promise.withResolvers<boolean>();
    const held: Held = { holds: 0, granted };
    this.#held.set(run, held);
    const locks = this.#locks;
    if (locks === undefined) resolve(true);
    else {
      const until = (lock: Lock | null) => {
        if (lock === null) {
          this.#held.delete(run);
          resolve(false);
          return undefined;
        }
        return new Promise<void>((free) => {
          held.free = free;
          resolve(true);
        });
      };
      locks.request(PREFIX + run, { ifAvailable: true }, until).catch((error: unknown) => {
        // Whoever wants it next asks again.
        this.#held.delete(run);
        reject(error);
      });
    }
    return held;
  }
}
