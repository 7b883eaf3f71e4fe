/** What ranks tell each other beside arrays: numbers, texts, and whether something went wrong. */

import { messageOf, UserError } from "../errors.ts";
import type { Communicator } from "./communicator.ts";

/** As many numbers of each rank, with all their bits, in the order of the ranks. */
export async function gatherNumbers(
  communicator: Communicator,
  numbers: readonly number[],
): Promise<readonly (readonly number[])[]> {
  const { rank, size } = communicator;
  const all = new Float64Array(size * numbers.length);
  all.set(numbers, rank * numbers.length);
  await gatherBytes(communicator, all);
  return Array.from({ length: size }, (_, from) => [
    ...all.subarray(from * numbers.length, (from + 1) * numbers.length),
  ]);
}

/** The sums over all ranks of as many numbers of each, added in float64 in the order of the ranks. */
export async function sumNumbers(communicator: Communicator, numbers: readonly number[]): Promise<readonly number[]> {
  const all = await gatherNumbers(communicator, numbers);
  return numbers.map((_, index) => all.reduce((sum, own) => sum + (own[index] ?? 0), 0));
}

/** Whether it is so on any rank. */
export async function isAny(communicator: Communicator, own: boolean): Promise<boolean> {
  const [count = 0] = await sumNumbers(communicator, [own ? 1 : 0]);
  return count > 0;
}

/** A text of each rank, in the order of the ranks. */
export async function gatherTexts(communicator: Communicator, text: string): Promise<readonly string[]> {
  const { rank, size } = communicator;
  const bytes = new TextEncoder().encode(text);
  const lengths = (await gatherNumbers(communicator, [bytes.length])).map(([length = 0]) => length);
  // Whole numbers of four bytes, for the array is one of float32.
  const longest = 4 * Math.ceil(Math.max(...lengths) / 4);
  const all = new Uint8Array(size * longest);
  all.set(bytes, rank * longest);
  await gatherBytes(communicator, all);
  return lengths.map((length, from) => new TextDecoder().decode(all.slice(from * longest, from * longest + length)));
}

/** Whatever the bytes mean, they arrive as they are: nothing is computed with them. */
async function gatherBytes(communicator: Communicator, { buffer, byteLength }: ArrayBufferView): Promise<void> {
  await communicator.allGather(new Float32Array(buffer, 0, byteLength / Float32Array.BYTES_PER_ELEMENT));
}

/**
 * Does what may fail on one rank and not on another.
 * @param communicator of all ranks; `undefined`: this one is alone
 * @throws on all ranks, if it failed on any, what the first of those threw; elsewhere with that rank's name before it
 */
export async function together<Result>(
  communicator: Communicator | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (communicator === undefined) return work();
  const outcome = await communicator.apart(work).then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
  const own = "error" in outcome ? reportOf(communicator, outcome.error) : "";
  const reports = await gatherTexts(communicator, own);
  const first = reports.findIndex((report) => report !== "");
  if ("result" in outcome && first < 0) return outcome.result;
  // What all of them say needs no name before it.
  if ("error" in outcome && (first === communicator.rank || reports.every((report) => sameFault(report, own)))) {
    throw outcome.error;
  }
  const { message, user, host } = parsedReport(reports[first] ?? "");
  const named = `${rankName({ rank: first, host })}: ${message}`;
  throw user ? new UserError(named) : new Error(named);
}

/** How messages name a rank. */
export function rankName({ rank, host }: Pick<Communicator, "rank" | "host">): string {
  return `rank ${rank} on ${host}`;
}

interface Report {
  readonly message: string;
  readonly user: boolean;
  readonly host: string;
}

function reportOf({ host }: Communicator, error: unknown): string {
  return JSON.stringify({ message: messageOf(error), user: error instanceof UserError, host } satisfies Report);
}

function parsedReport(report: string): Report {
  const { message, user, host }: Record<string, unknown> = JSON.parse(report);
  return { message: String(message), user: user === true, host: String(host) };
}

function sameFault(one: string, other: string): boolean {
  return one !== "" && other !== "" && parsedReport(one).message === parsedReport(other).message;
}
