/** Where a run puts what is to last. */

import type { Checkpoint } from "../checkpoint/portable.ts";
import { type Communicator, together } from "../cluster/portable.ts";
import type { TrainingEvent } from "../configuration/index.ts";
import type { RunPlace } from "./run-place.ts";
import type { RunStart } from "./start.ts";

export interface RunSink {
  /** What messages call it. */
  readonly place: string;
  /** Whether another rank keeps checkpoints, so that they are empty here. Default false. */
  readonly isIdle?: boolean;
  /** Called once, before anything is kept or recorded, with what the run starts from. */
  open?(start: RunStart): Promise<void>;
  /**
   * Keeps a checkpoint, and returns where: at the start of a run, as its configuration says, and at the end. Where a part of the run
   * learns, it has the parameters of that part alone.
   * @param best whether it is kept for its validation loss, the lowest so far, beside the last one
   */
  save(checkpoint: Checkpoint, best: boolean): Promise<string>;
  /** Takes note of an event, before it is told to anyone else. */
  record(event: TrainingEvent): Promise<void>;
  /** Forgets an event that it could not record, and that has not happened therefore. */
  withdraw?(event: TrainingEvent): void;
  /** Called when the run is closed. */
  close?(): Promise<void>;
}

/** Has a sink take note of an event that happens, on all ranks, only if it can. */
export async function recordOrWithdraw(
  { sink, communicator }: Pick<RunPlace, "sink" | "communicator">,
  event: TrainingEvent,
): Promise<void> {
  try {
    await together(communicator, async () => sink?.record(event));
  } catch (error) {
    sink?.withdraw?.(event);
    throw error;
  }
}

/** The sink of a run on several ranks: the first keeps what is to last, and the others wait until it has. */
export class SharedSink implements RunSink {
  readonly place: string;
  readonly isIdle: boolean;
  readonly #sink: RunSink | undefined;
  readonly #communicator: Communicator;

  /**
   * @param sink of the first rank; the others have none
   * @param place what messages call it on all
   */
  constructor(sink: RunSink | undefined, place: string, communicator: Communicator) {
    this.#sink = sink;
    this.#communicator = communicator;
    this.place = place;
    this.isIdle = sink === undefined;
  }

  async open(start: RunStart): Promise<void> {
    await together(this.#communicator, async () => this.#sink?.open?.(start));
  }

  save(...given: Parameters<RunSink["save"]>): Promise<string> {
    return together(this.#communicator, async () => this.#sink?.save(...given) ?? this.place);
  }

  async record(...given: Parameters<RunSink["record"]>): Promise<void> {
    await this.#sink?.record(...given);
  }

  withdraw(event: TrainingEvent): void {
    this.#sink?.withdraw?.(event);
  }

  async close(): Promise<void> {
    await this.#sink?.close?.();
  }
}
