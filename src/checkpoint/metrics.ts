/** `metrics.jsonl`: what was measured, a JSON object a line. */

import { statSync, truncateSync } from "node:fs";
import { constants, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { growthPlansOf, type TrainingEvent } from "../configuration/index.ts";
import { explainFileError, hasCode, writeFileAtomic } from "../formats/index.ts";
import type { CheckpointSummary } from "./checkpoint-schema.ts";
import { linesOf, METRICS, type MetricRecord, metricRecord, metricSchema } from "./metric-records.ts";

/** What tells which records were made before a checkpoint. */
type Origin = Pick<CheckpointSummary, "config" | "progress"> & { readonly state: { readonly step: number } };

/** Appends records to a file. */
export class MetricsFile {
  readonly #file: string;
  /** Bytes of the records that are written whole. */
  #length: number;
  #pending: string[] = [];
  /** The line that was written last, which can be withdrawn. */
  #last: string | undefined;

  private constructor(file: string, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens the metrics of a run that goes on from a checkpoint: records made after it, by a run that was killed, are removed,
   * as they will be made again.
   */
  static async open(file: string, checkpoint: Origin): Promise<MetricsFile> {
    const kept = linesOf(recordsUpTo(checkpoint, await readMetrics(file)));
    await writeFileAtomic(file, kept);
    return new MetricsFile(file, Buffer.byteLength(kept));
  }

  /** Records an event; written by `flush`, so that a step does not wait for the disk. */
  add(event: TrainingEvent): void {
    const record = metricRecord(event);
    if (record !== undefined) this.#pending.push(linesOf([record]));
  }

  /** Writes what is pending. Where that fails, it stays so, and what was half written is cut off. */
  async flush(): Promise<void> {
    const count = this.#pending.length;
    if (count === 0) return;
    const lines = Buffer.from(this.#pending.join(""));
    try {
      await writeFrom(this.#file, this.#length, lines);
    } catch (error) {
      this.#cut();
      throw explainFileError(error, "write", this.#file);
    }
    this.#length += lines.length;
    this.#last = this.#pending[count - 1];
    this.#pending = this.#pending.slice(count);
  }

  /** Forgets the last event that was added, if it is this one, written or not. */
  withdraw(event: TrainingEvent): void {
    const record = metricRecord(event);
    if (record === undefined) return;
    const line = linesOf([record]);
    if (this.#pending.at(-1) === line) this.#pending.pop();
    else if (this.#pending.length === 0 && this.#last === line) {
      this.#length -= Buffer.byteLength(line);
      this.#last = undefined;
    }
    this.#cut();
  }

  /** Removes what is no whole record. Where that fails, the next write begins with it: what failed first is what is told. */
  #cut(): void {
    try {
      if (statSync(this.#file).size > this.#length) truncateSync(this.#file, this.#length);
    } catch {}
  }

  get pending(): number {
    return this.#pending.length;
  }
}

/** Writes bytes from a position of a file on, of which what comes after goes, or from its end where that comes before. */
async function writeFrom(file: string, position: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT);
  try {
    const { size } = await handle.stat();
    if (size > position) await handle.truncate(position);
    let at = Math.min(position, size);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at);
      done += bytesWritten;
      at += bytesWritten;
    }
  } finally {
    await handle.close();
  }
}

/**
 * All whole records of a file; none if there is no file. A line that a crash cut short is left out.
 * @throws UserError where it cannot be read
 */
export async function readMetrics(file: string): Promise<MetricRecord[]> {
  try {
    return parseMetrics(await readFile(file, "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw explainFileError(error, "read", file);
  }
}

/** The records of a part of such a file. Lines that are not whole are left out. */
export function parseMetrics(text: string): MetricRecord[] {
  return text.split("\n").flatMap((line) => {
    try {
      const parsed = metricSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}

/** The records of a run up to a checkpoint of it, after which it may have gone on. None if it has no metrics. */
export async function readMetricsUpTo(checkpoint: Origin, directory: string): Promise<MetricRecord[]> {
  return recordsUpTo(checkpoint, await readMetrics(join(directory, METRICS)));
}

/** The records that were made before a checkpoint: growing while training comes after it, and all at the start of a run. */
function recordsUpTo({ config, state, progress }: Origin, records: readonly MetricRecord[]): MetricRecord[] {
  const { step } = state;
  const isPastStart = step > progress.start;
  const isGrown = growthPlansOf(config)[progress.growthsDone - 1]?.step === step;
  return records.filter((record) => {
    if (record.step !== step) return record.step < step;
    const isGrowth = "growth" in record;
    return isGrown ? isPastStart || isGrowth : isPastStart && !isGrowth;
  });
}
