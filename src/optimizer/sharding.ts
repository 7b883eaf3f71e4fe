/**
 * How the optimiser's state is divided among ranks (ZeRO, arXiv 1910.02054, section 5.1): all parameters one after the other
 * are cut into buckets of equal length, and of each bucket every rank has a part. Gradients and weights go over the wire bucket
 * by bucket, so that no rank needs memory for all of them at once.
 */

import { type Communicator, type Part, partOf } from "../cluster/portable.ts";
import { required } from "../required.ts";
import type { AdamWParameters, RowUpdate, TensorUpdate } from "./adamw-parameters.ts";

/** Numbers of a bucket: 16 MiB. */
export const BUCKET_LENGTH = 2 ** 22;

/** A bucket, by the numbers of all parameters. */
export interface Bucket extends Part {
  /** The part of this rank in it. */
  readonly own: Part;
  /** Where that part begins among all that this rank has. */
  readonly at: number;
}

/** A piece of a parameter that this rank has. */
export interface Piece {
  readonly name: string;
  /** Its numbers in the parameter. */
  readonly start: number;
  readonly end: number;
  /** Where it begins among all that this rank has. */
  readonly at: number;
}

/** An update of a piece of a parameter; rows count from its beginning. */
export interface PieceUpdate extends Piece, TensorUpdate {}

/** A division of parameters of some lengths. */
export interface Division {
  readonly buckets: readonly Bucket[];
  /** How many numbers this rank has. */
  readonly length: number;
  /** What this rank has, in the order of the parameters. */
  readonly pieces: readonly Piece[];
}

/** @param lengths the numbers of each parameter, in the order in which they follow one another */
export function divisionOf(
  lengths: ReadonlyMap<string, number>,
  member: Pick<Communicator, "rank" | "size">,
  bucketLength = BUCKET_LENGTH,
): Division {
  const total = [...lengths.values()].reduce((sum, length) => sum + length, 0);
  let length = 0;
  const buckets = Array.from({ length: Math.ceil(total / bucketLength) }, (_, index): Bucket => {
    const [start, end] = [index * bucketLength, Math.min(total, (index + 1) * bucketLength)];
    const part = partOf(end - start, member);
    const own = { start: start + part.start, end: start + part.end };
    const at = length;
    length += own.end - own.start;
    return { start, end, own, at };
  });
  return { buckets, length, pieces: buckets.flatMap(({ own, at }) => piecesOf(lengths, own, at)) };
}

/**
 * The pieces of parameters that a part of all numbers is made of.
 * @param at where the first of them begins
 */
export function piecesOf(lengths: ReadonlyMap<string, number>, { start, end }: Part, at: number): Piece[] {
  const pieces: Piece[] = [];
  let offset = 0;
  for (const [name, length] of lengths) {
    const [from, to] = [Math.max(start, offset), Math.min(end, offset + length)];
    if (from < to) pieces.push({ name, start: from - offset, end: to - offset, at: at + from - start });
    offset += length;
  }
  return pieces;
}

/** How pieces of parameters are updated. */
export function updatesOfPieces(pieces: readonly Piece[], tensors: AdamWParameters["tensors"]): PieceUpdate[] {
  const updates = new Map(tensors.map(({ name, ...update }) => [name, update]));
  return pieces.map((piece) => {
    const { decay, rows } = required(updates, piece.name);
    return { ...piece, decay, rows: updatesOf(rows, piece) };
  });
}

/** The updates of a parameter's rows that concern a piece of it, counted from the beginning of the piece. */
export function updatesOf(rows: readonly RowUpdate[], piece: Part): RowUpdate[] {
  return rows.flatMap((row) => {
    const [start, end] = [Math.max(row.start, piece.start) - piece.start, Math.min(row.end, piece.end) - piece.start];
    return start < end ? [{ ...row, start, end }] : [];
  });
}
