/**
 * What joins the processes of a cluster: collective operations on arrays of float32. Whatever carries them is an
 * implementation of this interface, and the rest of the code knows nothing else of it.
 *
 * A collective operation is asked for by every rank, all of them in the same order; it ends when all have taken part. In an
 * operation on parts, an array is divided among the ranks as `partOf` says.
 */
export interface Communicator {
  /** The number of this process among all, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
  /** The name of this process's machine. */
  readonly host: string;
  /** What carries the messages, for people. */
  readonly description: string;
  /**
   * The sum of the arrays of all ranks, in all of them.
   * @param wire how they travel. Default "float32"; with "bfloat16" the sum is rounded too
   */
  allReduce(values: Float32Array, wire?: WireType): Promise<void>;
  /**
   * The sum of the arrays of all ranks, each rank with its own part of it. What the other parts hold then is undefined.
   * @param wire how they travel. Default "float32"
   */
  reduceScatter(values: Float32Array, wire?: WireType): Promise<void>;
  /** All parts, each as its rank has it, in all ranks. */
  allGather(values: Float32Array): Promise<void>;
  /** The array of one rank, in all of them. */
  broadcast(values: Float32Array, root: number): Promise<void>;
  /** Ends when all ranks have asked for it. */
  barrier(): Promise<void>;
  /** Does what takes ranks differently long, such as writing a checkpoint: nobody who waits for it wonders. */
  apart<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Leaves the others; all ranks do. */
  close(): Promise<void>;
}

/**
 * How numbers that are added up travel: as they are, or rounded to bfloat16, in half the bytes. They are added up in float32, and a
 * rank does not round its own.
 */
export const wireTypes = ["float32", "bfloat16"] as const;

export type WireType = (typeof wireTypes)[number];

export const BYTES_ON_THE_WIRE: Readonly<Record<WireType, number>> = { float32: 4, bfloat16: 2 };

/** In which order numbers of several ranks are added up. */
export type Order =
  /** One that depends on nothing but the number of ranks, so that the same sums have the same bits. */
  | "fixed"
  /** The one that the library finds best. */
  | "library";

export const orders = ["fixed", "library"] as const satisfies readonly Order[];

/** Elements of an array. */
export interface Part {
  readonly start: number;
  /** The one after the last. */
  readonly end: number;
}

/** The part of a rank in an array of so many elements: consecutive ones, as many as the others have, or one more or less. */
export function partOf(length: number, { rank, size }: Pick<Communicator, "rank" | "size">): Part {
  return { start: Math.floor((length * rank) / size), end: Math.floor((length * (rank + 1)) / size) };
}

/** An array that threads share and that never moves, so that it goes to a library without a copy. */
export function sharedArray(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
