/** Ranks that live in one process: for tests, and for several devices of one machine. */

import { hostname } from "node:os";
import { narrowToBfloat16, widenBfloat16 } from "../half.ts";
import { type Communicator, partOf, type WireType } from "./communicator.ts";

/** Communicators that are joined, one for each rank. They add up in the order of the ranks, beginning with a part's own. */
export function inProcessCommunicators(size: number): Communicator[] {
  const meeting = new Meeting(size);
  return Array.from({ length: size }, (_, rank) => new InProcessCommunicator(meeting, rank));
}

type Operation = (arrays: readonly Float32Array[]) => void;

interface Seat {
  readonly name: string;
  readonly values: Float32Array;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Where ranks wait for each other. As none is let go before all are there, there is one operation at a time. */
class Meeting {
  readonly size: number;
  readonly #seats: (Seat | undefined)[];
  #ended: Error | undefined;

  constructor(size: number) {
    this.size = size;
    this.#seats = Array.from({ length: size }, () => undefined);
  }

  join(rank: number, name: string, values: Float32Array, operation: Operation): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#seats[rank] !== undefined) throw new Error(`internal: rank ${rank} asks for two operations at a time`);
    return new Promise((resolve, reject) => {
      this.#seats[rank] = { name, values, resolve, reject };
      const seats = this.#seats.flatMap((seat) => seat ?? []);
      if (seats.length < this.size) return;
      this.#seats.fill(undefined);
      const [first] = seats;
      if (seats.some((seat) => seat.name !== first?.name || seat.values.length !== first.values.length)) {
        const asked = seats.map((seat) => `${seat.name} of ${seat.values.length}`).join(", ");
        for (const seat of seats) seat.reject(new Error(`internal: the ranks ask for different operations: ${asked}`));
        return;
      }
      operation(seats.map((seat) => seat.values));
      for (const seat of seats) seat.resolve();
    });
  }

  /** Whoever waits for a rank that has left waits in vain. */
  end(rank: number): void {
    this.#ended ??= new Error(`rank ${rank} has left`);
    for (const seat of this.#seats) seat?.reject(this.#ended);
    this.#seats.fill(undefined);
  }
}

class InProcessCommunicator implements Communicator {
  readonly rank: number;
  readonly host = hostname();
  readonly #meeting: Meeting;

  constructor(meeting: Meeting, rank: number) {
    this.#meeting = meeting;
    this.rank = rank;
  }

  get size(): number {
    return this.#meeting.size;
  }

  get description(): string {
    return `${this.size} ranks in one process`;
  }

  async allReduce(values: Float32Array, wire: WireType = "float32"): Promise<void> {
    await this.#meeting.join(this.rank, `all-reduce in ${wire}`, values, (arrays) => {
      sumParts(arrays, wire);
      shareParts(arrays);
      if (wire === "bfloat16") for (const array of arrays) array.set(rounded(array));
    });
  }

  async reduceScatter(values: Float32Array, wire: WireType = "float32"): Promise<void> {
    await this.#meeting.join(this.rank, `reduce-scatter in ${wire}`, values, (arrays) => sumParts(arrays, wire));
  }

  async allGather(values: Float32Array): Promise<void> {
    await this.#meeting.join(this.rank, "all-gather", values, shareParts);
  }

  async broadcast(values: Float32Array, root: number): Promise<void> {
    await this.#meeting.join(this.rank, `broadcast from ${root}`, values, (arrays) => {
      const source = arrays[root];
      if (source === undefined) throw new Error(`internal: there is no rank ${root}`);
      for (const array of arrays) array.set(source);
    });
  }

  async barrier(): Promise<void> {
    await this.#meeting.join(this.rank, "barrier", new Float32Array(), () => undefined);
  }

  apart<Result>(work: () => Promise<Result>): Promise<Result> {
    return work();
  }

  async close(): Promise<void> {
    this.#meeting.end(this.rank);
  }
}

/** Each array's own part becomes the sum of that part in all. */
function sumParts(arrays: readonly Float32Array[], wire: WireType): void {
  const size = arrays.length;
  const sent = wire === "bfloat16" ? arrays.map(rounded) : arrays;
  for (const [rank, array] of arrays.entries()) {
    const { start, end } = partOf(array.length, { rank, size });
    for (let next = 1; next < size; next++) {
      const other = sent[(rank + next) % size];
      for (let index = start; index < end; index++) array[index] = (array[index] ?? 0) + (other?.[index] ?? 0);
    }
  }
}

/** A copy with numbers as they arrive in bfloat16. */
function rounded(values: Float32Array): Float32Array {
  const arrived = new Float32Array(values.length);
  widenBfloat16(narrowToBfloat16(values), arrived);
  return arrived;
}

function shareParts(arrays: readonly Float32Array[]): void {
  for (const [rank, source] of arrays.entries()) {
    const { start, end } = partOf(source.length, { rank, size: arrays.length });
    for (const array of arrays) if (array !== source) array.set(source.subarray(start, end), start);
  }
}
