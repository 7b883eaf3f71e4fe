/** The metrics of a folder that a run writes to while it has it. */

import { join } from "node:path";
import { MetricsFile } from "../checkpoint/index.ts";
import { METRICS } from "../checkpoint/portable.ts";
import type { TrainingEvent } from "../configuration/index.ts";
import type { LockedFolder } from "../formats/index.ts";
import type { RunStart } from "./start.ts";

/** Steps between two writes. */
const FLUSH_EVERY = 20;

export class FolderMetrics {
  readonly #folder: LockedFolder;
  #file: MetricsFile | undefined;

  constructor(folder: LockedFolder) {
    this.#folder = folder;
  }

  async open(start: RunStart): Promise<void> {
    this.#file = await MetricsFile.open(join(this.#folder.directory, METRICS), start);
  }

  async record(event: TrainingEvent): Promise<void> {
    if (this.#file === undefined) return;
    this.#file.add(event);
    if (event.type !== "step" || this.#file.pending >= FLUSH_EVERY) await this.flush();
  }

  withdraw(event: TrainingEvent): void {
    this.#file?.withdraw(event);
  }

  /** Writes what has been recorded. Throws a `UserError` where another process has the folder by now. */
  async flush(): Promise<void> {
    if (this.#file === undefined || this.#file.pending === 0) return;
    await this.#folder.check();
    await this.#file.flush();
  }
}
