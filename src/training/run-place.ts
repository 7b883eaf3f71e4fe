import type { Checkpoint } from "../checkpoint/portable.ts";
import type { Communicator } from "../cluster/portable.ts";
import type { Device } from "../runtime/portable.ts";
import type { MemoryBudget } from "./memory.ts";
import type { RunSink } from "./sink.ts";

/** Where a run computes, and who else takes part. */
export interface RunPlace {
  /** The device that computes; it stays open, as does the corpus. */
  readonly device: Device;
  /** What keeps events and checkpoints; it is closed with the run. Default: nothing is kept. */
  readonly sink?: RunSink | undefined;
  /** The ranks that the run is divided among, all of which make it. Default: it is alone. */
  readonly communicator?: Communicator | undefined;
  /** How checkpoints name the data. Default: by the name of the corpus. */
  readonly data?: Pick<Checkpoint, "dataName" | "data" | "content"> | undefined;
  /** How the data differs from what it was when the checkpoint was written, to be told. Default: it does not. */
  readonly dataChange?: string | undefined;
  /** The memory that training may take: growth that needs more is refused. Default: any. */
  readonly memory?: MemoryBudget | undefined;
  /** Frees what was opened for the run, once that is closed. */
  readonly onClose?: (() => Promise<void>) | undefined;
}
