/** A metrics file as it grows. */

import { open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { parseMetrics } from "../checkpoint/index.ts";
import type { MetricRecord } from "../checkpoint/portable.ts";
import { explainFileError, hasCode } from "../formats/index.ts";

export interface Followed {
  /** Whether these are the first records of the file: it is new, or was written anew when a run was resumed. */
  readonly anew: boolean;
  readonly records: readonly MetricRecord[];
}

/** Bytes that are read at once. */
const PIECE = 2 ** 20;
/** Milliseconds between two looks at the file: asking works on every file system, being told of changes does not. */
const PAUSE = 300;

const LINE_FEED = 0x0a;

/**
 * The records of a metrics file: those that are there, in pieces, then those that come. The first are told even where there
 * are none, or there is no file yet. Ends when the signal aborts.
 * @throws UserError where it cannot be read
 */
export async function* follow(file: string, signal: AbortSignal): AsyncGenerator<Followed> {
  let place: Place = { inode: undefined, offset: 0 };
  for (let first = true; !signal.aborted; first = false) {
    const { records, anew, next, more } = await read(file, place);
    place = next;
    if (first || anew || records.length > 0) yield { anew: first || anew, records };
    if (!more) await pause(signal);
  }
}

/** How far a file was read. */
interface Place {
  readonly inode: number | undefined;
  readonly offset: number;
}

interface Piece extends Followed {
  readonly next: Place;
  /** Whether there may be more to read at once. */
  readonly more: boolean;
}

async function read(file: string, place: Place): Promise<Piece> {
  try {
    const handle = await open(file);
    try {
      const { ino: inode, size } = await handle.stat();
      // A file that is replaced is another one; one that was cut is read anew too.
      const anew = inode !== place.inode || size < place.offset;
      const offset = anew ? 0 : place.offset;
      const { buffer, bytesRead } = await handle.read({
        buffer: Buffer.alloc(Math.min(PIECE, size - offset)),
        position: offset,
      });
      const whole = buffer.lastIndexOf(LINE_FEED, bytesRead - 1) + 1;
      const records = bytesRead === 0 ? [] : parseMetrics(buffer.toString("utf8", 0, whole));
      return { anew, records, next: { inode, offset: offset + whole }, more: whole > 0 };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw explainFileError(error, "read", file);
    return { anew: false, records: [], next: place, more: false };
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(PAUSE, undefined, { signal }).catch(() => undefined);
}
