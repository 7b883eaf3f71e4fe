/** Runs from folders and names: what the command line trains. */

import type { Checkpoint } from "../checkpoint/portable.ts";
import { type Communicator, requireSame, together } from "../cluster/index.ts";
import type { TrainingEvent } from "../configuration/index.ts";
import { absoluteData, isCorpus } from "../data/index.ts";
import { nameOfData } from "../data/portable.ts";
import type { LockedFolder } from "../formats/index.ts";
import { allOrNothing, freeAll, freeQuietly } from "../freeing.ts";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { checkCorpus, closeCorpus } from "../text/index.ts";
import { memoryLimit } from "./machine-memory.ts";
import { type OpeningOptions, opening } from "./opening.ts";
import { SharedSink } from "./ranks.ts";
import { Run as PortableRun } from "./run.ts";
import { lockRun, RunFolder } from "./run-folder.ts";
import { assemble, type RunParts } from "./run-parts.ts";
import { factsOf } from "./sameness.ts";

export interface TrainOptions extends Omit<OpeningOptions, "out"> {
  /**
   * Where checkpoints and `metrics.jsonl` go; no other process can write there meanwhile. A folder that `lockRun` gave stays
   * locked at the end. Default: nowhere.
   */
  readonly out?: string | LockedFolder | undefined;
  /** Default "cpu". An opened device stays open, and so does an opened corpus. */
  readonly device?: DeviceName | Device;
  /** Threads of one operator on a CPU that is opened. Default: the number of cores. */
  readonly threads?: number | undefined;
  /**
   * The ranks that make the run together, each with the same options. Rank 0 alone writes to `out`. Default: it is alone.
   */
  readonly communicator?: Communicator | undefined;
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/**
 * Trains, and yields what happens. Nothing goes on while an event is being looked at.
 * @throws UserError if the data, the folder or the device cannot be used, if the loss is not finite, or if ranks differ
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainingEvent> {
  const run = await Run.start(options);
  let failed = false;
  try {
    yield* run.events(options.signal);
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    // What went wrong first is what is told.
    await (failed ? freeQuietly(() => run.close()) : run.close());
  }
}

/** What a run has opened itself, and closes at its end. */
interface Owned {
  readonly device: boolean;
  readonly corpus: boolean;
  readonly folder: LockedFolder | undefined;
}

/** A run under way. `train` is its public face; the run itself is for callers that want to look inside between events. */
export class Run extends PortableRun {
  readonly #folder: RunFolder | undefined;
  readonly #owns: Owned;

  private constructor(parts: RunParts, folder: RunFolder | undefined, owns: Owned) {
    super(parts);
    this.#folder = folder;
    this.#owns = owns;
  }

  static async start(options: TrainOptions): Promise<Run> {
    const { device: wanted = "cpu", out, data, threads, communicator } = options;
    const directory = typeof out === "object" ? out.directory : out;
    const isIdle = communicator !== undefined && communicator.rank > 0;
    return allOrNothing(async (onFailure) => {
      const locked = await together(communicator, async () =>
        typeof out === "string" && !isIdle ? lockRun(out) : undefined,
      );
      const owns = { device: typeof wanted === "string", corpus: !isCorpus(data), folder: locked };
      onFailure(() => locked?.release());
      const computes = (typeof wanted === "string" ? wanted : wanted.kind) === "cpu";
      const memory = { limit: memoryLimit(), computes };
      const begun = await together(communicator, async () => {
        const opened = await opening({ memory, ...options, out: directory, recovers: !isIdle });
        if (owns.corpus) onFailure(() => closeCorpus(opened.corpus));
        checkCorpus(opened.corpus, opened.config.model.context);
        return opened;
      });
      if (communicator !== undefined) await requireSame(communicator, factsOf(begun));
      const device = await together(communicator, async () => {
        const opened = typeof wanted === "string" ? await openDevice(wanted, { threads }) : wanted;
        if (owns.device) onFailure(() => opened.close());
        return opened;
      });
      const written = locked ?? (typeof out === "object" ? out : undefined);
      const folder = written && new RunFolder(written);
      const sink = communicator && directory !== undefined ? new SharedSink(folder, directory, communicator) : folder;
      const parts = await assemble(begun, { device, sink, communicator, data: whereabouts(data) });
      onFailure(() => parts.trainer.close());
      await folder?.openMetrics(begun);
      return new Run(parts, folder, owns);
    });
  }

  override async close(): Promise<void> {
    const { device } = this.trainer;
    await freeAll(
      () => this.#folder?.flush(),
      () => this.#owns.folder?.release(),
      () => this.#owns.corpus && closeCorpus(this.corpus),
      () => (this.#owns.device ? device.close() : super.close()),
    );
  }
}

/** How a checkpoint names its data, so that the run can go on from another folder. */
function whereabouts(data: TrainOptions["data"]): Pick<Checkpoint, "dataName" | "data"> {
  if (isCorpus(data)) return { dataName: data.name };
  const absolute = absoluteData(data);
  return { dataName: nameOfData(absolute), data: absolute };
}
