/** The ranks that `mpirun` and its like have started, joined by MPI. */

import { hostname } from "node:os";
import { UserError } from "../errors.ts";
import { narrowToBfloat16, widenBfloat16 } from "../half.ts";
import { OneByOne } from "../one-by-one.ts";
import { type Communicator, type Order, type Part, partOf, type WireType } from "./communicator.ts";
import type { MpiArgument, MpiArgumentType, MpiLibrary } from "./mpi-library.ts";

/** MPI_THREAD_SERIALIZED: calls from any thread, one at a time. */
const ANY_THREAD = 2;

/** Numbers that a rank receives at a time to add them up, from all others together, and of one at most. */
const [RECEIVED_NUMBERS, RECEIVED_NUMBERS_OF_ONE] = [2 ** 24, 2 ** 18];

/** The counts and places in MPI's calls are C ints. */
const MOST_NUMBERS = 2 ** 31 - 1;

const TYPES = {
  MPI_Comm_rank: ["handle", "pointer"],
  MPI_Comm_size: ["handle", "pointer"],
  MPI_Comm_set_errhandler: ["handle", "handle"],
  MPI_Init_thread: ["pointer", "pointer", "int", "pointer"],
  MPI_Finalize: [],
  MPI_Allreduce: ["pointer", "pointer", "int", "handle", "handle", "handle"],
  MPI_Reduce_scatter: ["pointer", "pointer", "pointer", "handle", "handle", "handle"],
  MPI_Reduce_local: ["pointer", "pointer", "int", "handle", "handle"],
  MPI_Allgatherv: ["pointer", "int", "handle", "pointer", "pointer", "pointer", "handle", "handle"],
  MPI_Alltoallv: [
    ...(["pointer", "pointer", "pointer", "handle"] as const),
    ...(["pointer", "pointer", "pointer", "handle", "handle"] as const),
  ],
  MPI_Bcast: ["pointer", "int", "handle", "int", "handle"],
  MPI_Barrier: ["handle"],
} as const satisfies Record<string, readonly MpiArgumentType[]>;

type Name = keyof typeof TYPES;

export interface MpiOptions {
  /** Default "fixed": see `reduceScatter`. */
  readonly order?: Order;
}

export class MpiCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly host = hostname();
  readonly description: string;
  readonly #library: MpiLibrary;
  readonly #order: Order;
  #received = new Float32Array();
  #receivedHalves = new Uint16Array();
  /** Calls of the library, in the order in which they are asked for. */
  readonly #calls = new OneByOne();

  private constructor(library: MpiLibrary, order: Order) {
    this.#library = library;
    this.#order = order;
    this.description = library.description;
    const { world } = library.handles;
    this.rank = this.#number("MPI_Comm_rank", world);
    this.size = this.#number("MPI_Comm_size", world);
    this.#now("MPI_Comm_set_errhandler", world, library.handles.errorsReturn);
  }

  /**
   * Joins the other ranks: returns once all have called it, at most once in a process.
   * @throws UserError for a library that lets one thread alone call it
   */
  static join(library: MpiLibrary, { order = "fixed" }: MpiOptions = {}): MpiCommunicator {
    const provided = new Int32Array(1);
    library.function("MPI_Init_thread", TYPES.MPI_Init_thread).now(null, null, ANY_THREAD, provided);
    if ((provided[0] ?? 0) < ANY_THREAD) {
      throw new UserError(
        `${library.description} was built without threads (MPI_THREAD_SERIALIZED), which this takes; use another MPI library`,
      );
    }
    return new MpiCommunicator(library, order);
  }

  async allReduce(values: Float32Array, wire: WireType = "float32"): Promise<void> {
    const { inPlace, float, sum, world } = this.#library.handles;
    await this.#calls.do(async () => {
      if (wire === "bfloat16") {
        await this.#sumParts(values, wire);
        await this.#shareHalves(values);
        return;
      }
      if (this.#order === "library") {
        await this.#later("MPI_Allreduce", inPlace, values, values.length, float, sum, world);
        return;
      }
      await this.#sumParts(values, wire);
      await this.#shareParts(values);
    });
  }

  /**
   * In the fixed order, each rank receives its part of all others and adds them up itself, beginning with its own. That sends as
   * many bytes as the best algorithm of a library, (N - 1) / N of the array a rank, in N - 1 messages. Libraries do not know
   * bfloat16, which is always added up in this order.
   */
  async reduceScatter(values: Float32Array, wire: WireType = "float32"): Promise<void> {
    const byLibrary = this.#order === "library" && wire === "float32";
    await this.#calls.do(() => (byLibrary ? this.#reducedByLibrary(values) : this.#sumParts(values, wire)));
  }

  async allGather(values: Float32Array): Promise<void> {
    await this.#calls.do(() => this.#shareParts(values));
  }

  async broadcast(values: Float32Array, root: number): Promise<void> {
    const { float, world } = this.#library.handles;
    await this.#calls.do(() => this.#later("MPI_Bcast", values, values.length, float, root, world));
  }

  async barrier(): Promise<void> {
    await this.#calls.do(() => this.#later("MPI_Barrier", this.#library.handles.world));
  }

  apart<Result>(work: () => Promise<Result>): Promise<Result> {
    return work();
  }

  async close(): Promise<void> {
    await this.barrier();
    // In the thread that called MPI_Init_thread, as the standard says.
    this.#now("MPI_Finalize");
  }

  async #sumParts(values: Float32Array, wire: WireType): Promise<void> {
    const parts = this.#parts(values);
    const longest = Math.max(...parts.map(({ start, end }) => end - start));
    const step = Math.max(1, Math.min(longest, RECEIVED_NUMBERS_OF_ONE, Math.floor(RECEIVED_NUMBERS / this.size)));
    for (let from = 0; from < longest; from += step) {
      const pieces = parts.map(({ start, end }) => ({
        start: Math.min(end, start + from),
        end: Math.min(end, start + from + step),
      }));
      await (wire === "bfloat16" ? this.#sumHalves(values, pieces) : this.#sumPieces(values, pieces));
    }
  }

  /** Makes the own piece the sum of that of all. */
  async #sumPieces(values: Float32Array, pieces: readonly Part[]): Promise<void> {
    const { float, sum, world } = this.#library.handles;
    const { own, sent, received, arriving } = this.#traffic(pieces);
    const length = own.end - own.start;
    if (this.#received.length < length * this.size) this.#received = new Float32Array(length * this.size);
    const arrived = this.#received;
    await this.#later(
      "MPI_Alltoallv",
      ...[values, sent, Int32Array.from(pieces, ({ start }) => start), float],
      ...[arrived, received, arriving, float, world],
    );
    const target = values.subarray(own.start, own.end);
    for (const rank of this.#others()) {
      const source = arrived.subarray(rank * length, (rank + 1) * length);
      await this.#later("MPI_Reduce_local", source, target, length, float, sum);
    }
  }

  /** The sum of what travels in bfloat16. */
  async #sumHalves(values: Float32Array, pieces: readonly Part[]): Promise<void> {
    const { unsignedShort, world } = this.#library.handles;
    const { own, sent, received, arriving } = this.#traffic(pieces);
    const length = own.end - own.start;
    if (this.#receivedHalves.length < length * this.size) this.#receivedHalves = new Uint16Array(length * this.size);
    const arrived = this.#receivedHalves;
    const leaving = new Int32Array(this.size);
    for (let rank = 1; rank < this.size; rank++) leaving[rank] = (leaving[rank - 1] ?? 0) + (sent[rank - 1] ?? 0);
    const packed = new Uint16Array(sent.reduce((sum, count) => sum + count, 0));
    for (const rank of this.#others()) {
      const { start, end } = pieces[rank] ?? own;
      packed.set(narrowToBfloat16(values.subarray(start, end)), leaving[rank]);
    }
    await this.#later(
      "MPI_Alltoallv",
      ...[packed, sent, leaving, unsignedShort],
      ...[arrived, received, arriving, unsignedShort, world],
    );
    const [target, source] = [values.subarray(own.start, own.end), new Float32Array(length)];
    for (const rank of this.#others()) {
      widenBfloat16(arrived.subarray(rank * length, (rank + 1) * length), source);
      for (let index = 0; index < length; index++) target[index] = (target[index] ?? 0) + (source[index] ?? 0);
    }
  }

  /** How many numbers go to each rank and come from it, where each has a piece, and where those that come are put. */
  #traffic(pieces: readonly Part[]) {
    const own = pieces[this.rank] ?? { start: 0, end: 0 };
    const length = own.end - own.start;
    const sent = pieces.map((piece, rank) => (rank === this.rank ? 0 : piece.end - piece.start));
    const received = pieces.map((_, rank) => (rank === this.rank ? 0 : length));
    const arriving = pieces.map((_, rank) => rank * length);
    return {
      own,
      sent: Int32Array.from(sent),
      received: Int32Array.from(received),
      arriving: Int32Array.from(arriving),
    };
  }

  /** The other ranks in the order in which their numbers are added to the own. */
  #others(): number[] {
    return Array.from({ length: this.size - 1 }, (_, next) => (this.rank + next + 1) % this.size);
  }

  #shareParts(values: Float32Array): Promise<void> {
    return this.#shareOf(values, this.#library.handles.float);
  }

  /** All parts, each as its rank has it but for rounding, in all ranks: the own is rounded too. */
  async #shareHalves(values: Float32Array): Promise<void> {
    const halves = new Uint16Array(values.length);
    const { start, end } = partOf(values.length, this);
    halves.set(narrowToBfloat16(values.subarray(start, end)), start);
    await this.#shareOf(halves, this.#library.handles.unsignedShort);
    widenBfloat16(halves, values);
  }

  async #shareOf(values: Float32Array | Uint16Array, type: number | bigint): Promise<void> {
    const { inPlace, world } = this.#library.handles;
    const parts = this.#parts(values);
    const counts = Int32Array.from(parts, ({ start, end }) => end - start);
    const places = Int32Array.from(parts, ({ start }) => start);
    await this.#later("MPI_Allgatherv", inPlace, 0, type, values, counts, places, type, world);
  }

  async #reducedByLibrary(values: Float32Array): Promise<void> {
    const { inPlace, float, sum, world } = this.#library.handles;
    const parts = this.#parts(values);
    const counts = Int32Array.from(parts, ({ start, end }) => end - start);
    await this.#later("MPI_Reduce_scatter", inPlace, values, counts, float, sum, world);
    // In place, the result is at the beginning.
    const { start, end } = partOf(values.length, this);
    values.copyWithin(start, 0, end - start);
  }

  #parts({ length }: Float32Array | Uint16Array): Part[] {
    if (length > MOST_NUMBERS) throw new Error(`MPI takes at most ${MOST_NUMBERS} numbers at a time, not ${length}`);
    return Array.from({ length: this.size }, (_, rank) => partOf(length, { rank, size: this.size }));
  }

  #number(name: "MPI_Comm_rank" | "MPI_Comm_size", world: number | bigint): number {
    const answer = new Int32Array(1);
    this.#now(name, world, answer);
    return answer[0] ?? 0;
  }

  #now(name: Name, ...given: MpiArgument[]): void {
    this.#library.function(name, TYPES[name]).now(...given);
  }

  async #later(name: Name, ...given: MpiArgument[]): Promise<void> {
    await this.#library.function(name, TYPES[name]).later(...given);
  }
}
