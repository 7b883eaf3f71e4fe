/** `metrics.jsonl`: what was measured, a JSON object a line. */

import { appendFile, readFile } from "node:fs/promises";
import { explainFileError, fileExists, writeFileAtomic } from "../formats/index.ts";
import type { TrainingEvent } from "./events.ts";
import { type MetricRecord, metricRecord, metricSchema } from "./metric-records.ts";

/** The checkpoint that a run goes on from. */
interface Origin {
  readonly step: number;
  /** The step that the run began at. */
  readonly start: number;
  /** Whether it was made after growing at its step. */
  readonly grown: boolean;
}

/** Appends records to a file. */
export class MetricsFile {
  readonly #file: string;
  #pending: string[] = [];

  private constructor(file: string) {
    this.#file = file;
  }

  /**
   * Opens the metrics of a run that goes on from a checkpoint: records made after it, by a run that was killed, are removed,
   * as they will be made again.
   */
  static async open(file: string, checkpoint: Origin): Promise<MetricsFile> {
    const kept = (await readMetrics(file)).filter((record) => precedes(record, checkpoint));
    await writeFileAtomic(file, kept.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return new MetricsFile(file);
  }

  /** Records an event; written by `flush`, so that a step does not wait for the disk. */
  add(event: TrainingEvent): void {
    const record = metricRecord(event);
    if (record !== undefined) this.#pending.push(`${JSON.stringify(record)}\n`);
  }

  async flush(): Promise<void> {
    const lines = this.#pending.join("");
    this.#pending = [];
    if (lines === "") return;
    try {
      await appendFile(this.#file, lines);
    } catch (error) {
      throw explainFileError(error, "write", this.#file);
    }
  }

  get pending(): number {
    return this.#pending.length;
  }
}

/** All whole records of a file; none if there is no file. A line that a crash cut short is left out. */
export async function readMetrics(file: string): Promise<MetricRecord[]> {
  if (!(await fileExists(file))) return [];
  return parseMetrics(await readFile(file, "utf8"));
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

/** Whether a record was made before a checkpoint: growing while training comes after it, and all at the start of a run. */
function precedes(record: MetricRecord, { step, start, grown }: Origin): boolean {
  if (record.step !== step) return record.step < step;
  const isGrowth = "growth" in record;
  return grown ? step > start || isGrowth : step > start && !isGrowth;
}
