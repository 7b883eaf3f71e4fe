/** How a run is divided among ranks: the rows of a batch, and what is evaluated. */

import { BYTES_ON_THE_WIRE, type Communicator, partOf, sumNumbers } from "../cluster/portable.ts";
import { type Config, microBatchOf } from "../configuration/index.ts";
import { UserError } from "../errors.ts";
import type { BatchForm, TokenBatch } from "../inference/index.ts";
import type { TokenSource } from "../text/portable.ts";

type Member = Pick<Communicator, "rank" | "size">;

/** A run without others. */
export const ALONE: Member = { rank: 0, size: 1 };

/** The most sequences that a rank has in one pass. */
export function sequencesOfPass(config: Config, { size }: Member): number {
  return Math.min(microBatchOf(config), Math.ceil(config.training.batch / size));
}

/** The most sequences of one pass, on the rank that has fewest: the passes of one machine cut the rows of a rank. */
export function leastOfPass(config: Config, ranks: number): number {
  const size = microBatchOf(config);
  const most = Array.from({ length: ranks }, (_, rank) => {
    const { start, end } = partOf(config.training.batch, { rank, size: ranks });
    const cut = Math.min(end, size * (Math.floor(start / size) + 1));
    return Math.max(cut - start, Math.min(size, end - cut));
  });
  return Math.min(...most);
}

/** Throws a `UserError` for a batch in which a rank would have nothing to do. */
export function checkBatch({ training: { batch } }: Config, { size }: Member): void {
  if (batch >= size) return;
  throw new UserError(
    `training.batch is ${batch}, and there are ${size} ranks: each needs a sequence of every batch; start fewer ranks, or raise training.batch`,
  );
}

/**
 * Throws a `UserError` between two exchanges of ranks that make updates by themselves.
 * @param what takes the model that all ranks have
 */
export function requireExchanged({ training: { localSteps } }: Config, step: number, what: string): void {
  if (step % localSteps === 0) return;
  throw new UserError(
    `step ${step}: ${what} takes a model that all ranks have, which there is after each step that is a multiple of training.localSteps, ${localSteps}`,
  );
}

/** The rows of a step's batch that a rank has in one pass, and how many of that pass other ranks have before them. */
export interface PassRows {
  readonly pass: number;
  readonly first: number;
  readonly rows: { readonly from: number; readonly to: number };
}

/**
 * A rank's part of a step's batch, the same at each step: consecutive rows, cut where the passes of one machine are, so that each row
 * is drawn, and meets the dropout, that it does there.
 */
export function passRowsOf(config: Config, member: Member): PassRows[] {
  const { batch } = config.training;
  const size = microBatchOf(config);
  const own = partOf(batch, member);
  return Array.from({ length: Math.ceil(batch / size) }, (_, pass) => {
    const from = Math.max(own.start, pass * size);
    return { pass, first: from - pass * size, rows: { from, to: Math.min(own.end, (pass + 1) * size, batch) } };
  }).filter(({ rows: { from, to } }) => from < to);
}

/** The form of the batches that are drawn from tokens. */
export function formOfBatches({ documents }: TokenSource): BatchForm {
  return { weighted: documents !== undefined, separate: documents?.separate };
}

/** Every so many-th batch: those that a rank evaluates. */
export function* batchesOf<Kind extends TokenBatch>(batches: Iterable<Kind>, { rank, size }: Member): Generator<Kind> {
  let index = 0;
  for (const batch of batches) if (index++ % size === rank) yield batch;
}

/**
 * Bytes that a rank on a cpu sends for an update, on average where it sends them once in `localSteps`: gradients and weights, or, with
 * local updates, weights and both moments to be added up and then shared. Frozen tokens, which are not exchanged, count as others do.
 */
export function bytesAnUpdate({ training }: Config, parameters: number, size: number): number {
  const { localSteps, communicationDtype } = training;
  const each = BYTES_ON_THE_WIRE[communicationDtype];
  const perParameter = localSteps === 1 ? each + BYTES_ON_THE_WIRE.float32 : (3 * 2 * each) / localSteps;
  return (perParameter * parameters * (size - 1)) / size;
}

/** The mean loss of what all ranks have evaluated. */
export async function meanLoss(
  { sum, tokens }: { readonly sum: number; readonly tokens: number },
  communicator: Communicator | undefined,
): Promise<number> {
  if (communicator === undefined) return sum / tokens;
  const [total = Number.NaN, all = Number.NaN] = await sumNumbers(communicator, [sum, tokens]);
  return total / all;
}
