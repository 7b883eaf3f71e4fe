/** Runs from folders and names: what the command line trains. */

import { join } from "node:path";
import { type Device, type DeviceName, openDevice } from "../runtime/index.ts";
import { checkCorpus } from "../text/index.ts";
import type { Beginning } from "./beginning.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import type { Checkpoint } from "./checkpoint-schema.ts";
import { isCorpus } from "./data.ts";
import { absoluteData } from "./data-files.ts";
import { nameOfData } from "./data-names.ts";
import type { TrainingEvent } from "./events.ts";
import { METRICS, MetricsFile } from "./metrics.ts";
import { type OpeningOptions, opening } from "./opening.ts";
import { assemble, Run as PortableRun, type RunParts, type RunSink } from "./run.ts";

export interface TrainOptions extends OpeningOptions {
  /** Default "cpu". An opened device stays open, and so does an opened corpus. */
  readonly device?: DeviceName | Device;
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/**
 * Trains, and yields what happens. Nothing goes on while an event is being looked at.
 * @throws UserError if the data, the folder or the device cannot be used, or if the loss is not finite
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainingEvent> {
  const run = await Run.start(options);
  try {
    yield* run.events(options.signal);
  } finally {
    await run.close();
  }
}

/** A run under way. `train` is its public face; the run itself is for callers that want to look inside between events. */
export class Run extends PortableRun {
  readonly #folder: RunFolder | undefined;
  readonly #owns: { readonly device: boolean; readonly corpus: boolean };

  private constructor(parts: RunParts, folder: RunFolder | undefined, owns: { device: boolean; corpus: boolean }) {
    super(parts);
    this.#folder = folder;
    this.#owns = owns;
  }

  static async start(options: TrainOptions): Promise<Run> {
    const begun = await opening(options);
    checkCorpus(begun.corpus, begun.config.model.context);
    const { device: wanted = "cpu", out } = options;
    const owns = { device: typeof wanted === "string", corpus: !isCorpus(options.data) };
    const device = typeof wanted === "string" ? await openDevice(wanted) : wanted;
    try {
      const folder = out === undefined ? undefined : new RunFolder(out);
      const parts = await assemble(begun, { device, sink: folder, data: whereabouts(options.data) });
      await folder?.openMetrics(begun);
      return new Run(parts, folder, owns);
    } catch (error) {
      if (owns.device) await device.close();
      throw error;
    }
  }

  override async close(): Promise<void> {
    await this.#folder?.flush();
    if (this.#owns.corpus) {
      this.corpus.train.close();
      this.corpus.validation.close();
    }
    if (this.#owns.device) await this.trainer.device.close();
    else await super.close();
  }
}

/** Steps between two writes of the metrics. */
const FLUSH_EVERY = 20;

/** The folder of a run: checkpoints and metrics. */
class RunFolder implements RunSink {
  readonly place: string;
  #metrics: MetricsFile | undefined;

  constructor(place: string) {
    this.place = place;
  }

  async openMetrics(begun: Beginning): Promise<void> {
    this.#metrics = await MetricsFile.open(join(this.place, METRICS), begun);
  }

  async save(checkpoint: Checkpoint, best: boolean): Promise<string> {
    await this.flush();
    const directory = best ? join(this.place, "best") : this.place;
    await saveCheckpoint(directory, checkpoint);
    return directory;
  }

  async record(event: TrainingEvent): Promise<void> {
    if (this.#metrics === undefined) return;
    this.#metrics.add(event);
    if (event.type !== "step" || this.#metrics.pending >= FLUSH_EVERY) await this.flush();
  }

  async flush(): Promise<void> {
    await this.#metrics?.flush();
  }
}

/** How a checkpoint names its data, so that the run can go on from another folder. */
function whereabouts(data: TrainOptions["data"]): Pick<Checkpoint, "dataName" | "data"> {
  if (isCorpus(data)) return { dataName: data.name };
  const absolute = absoluteData(data);
  return { dataName: nameOfData(absolute), data: absolute };
}
