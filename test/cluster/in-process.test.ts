import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Communicator,
  gatherNumbers,
  gatherTexts,
  inProcessCommunicators,
  isAny,
  partOf,
  sumNumbers,
  together,
} from "../../src/cluster/index.ts";
import { UserError } from "../../src/errors.ts";

/** What each of so many ranks makes of `work`. */
function onRanks<Result>(size: number, work: (communicator: Communicator) => Promise<Result>) {
  return Promise.allSettled(inProcessCommunicators(size).map(work));
}

const sizes = fc.integer({ min: 1, max: 7 });
const lengths = fc.integer({ min: 0, max: 23 });
/** Whole numbers, whose sums are exact in any order. */
const numberOf = (rank: number, index: number) => ((rank + 3) * 31 + index * 7) % 101;

describe("ranks in one process", () => {
  it("divide arrays into parts that follow one another", () => {
    fc.assert(
      fc.property(sizes, lengths, (size, length) => {
        const parts = Array.from({ length: size }, (_, rank) => partOf(length, { rank, size }));
        expect(parts[0]?.start).toBe(0);
        expect(parts.at(-1)?.end).toBe(length);
        parts.slice(1).forEach(({ start }, index) => {
          expect(start).toBe(parts[index]?.end);
        });
        const counts = parts.map(({ start, end }) => end - start);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("reduce, scatter, gather and broadcast", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, lengths, fc.nat(6), async (size, length, chosen) => {
        const root = chosen % size;
        await onRanks(size, async (communicator) => {
          const { rank } = communicator;
          const own = () => Float32Array.from({ length }, (_, index) => numberOf(rank, index));
          const total = Float32Array.from({ length }, (_, index) =>
            Array.from({ length: size }, (_, of) => numberOf(of, index)).reduce((sum, value) => sum + value, 0),
          );
          const [reduced, scattered, broadcast] = [own(), own(), own()];
          await communicator.allReduce(reduced);
          expect(reduced).toEqual(total);
          await communicator.reduceScatter(scattered);
          const { start, end } = partOf(length, communicator);
          expect(scattered.subarray(start, end)).toEqual(total.subarray(start, end));
          await communicator.allGather(scattered);
          expect(scattered).toEqual(total);
          await communicator.broadcast(broadcast, root);
          expect(broadcast).toEqual(Float32Array.from({ length }, (_, index) => numberOf(root, index)));
        }).then((outcomes) => expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]));
      }),
    );
  });

  it("add up what arrives in bfloat16 in float32, the same in all", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, lengths, async (size, length) => {
        const own = (rank: number) => Float32Array.from({ length }, (_, index) => Math.sin(numberOf(rank, index)));
        const reduced = inProcessCommunicators(size).map(async (communicator) => {
          const [whole, scattered] = [own(communicator.rank), own(communicator.rank)];
          await communicator.allReduce(whole, "bfloat16");
          await communicator.reduceScatter(scattered, "bfloat16");
          const { start, end } = partOf(length, communicator);
          for (let index = 0; index < length; index++) {
            const all = Array.from({ length: size }, (_, rank) => own(rank)[index] ?? Number.NaN);
            const sum = all.reduce((total, value) => total + value, 0);
            // Eight bits of each number: half of the last is at most 2^-8 of it, once for what arrives and once for the sum.
            const error = all.reduce((total, value) => total + Math.abs(value), 0) / 2 ** 8;
            expect(Math.abs((whole[index] ?? Number.NaN) - sum)).toBeLessThanOrEqual(2.01 * error);
            if (index >= start && index < end) {
              expect(Math.abs((scattered[index] ?? Number.NaN) - sum)).toBeLessThanOrEqual(1.01 * error);
              if (size === 1) expect(scattered[index]).toBe(own(0)[index]);
            }
          }
          return [...whole];
        });
        const [first, ...others] = await Promise.all(reduced);
        for (const other of others) expect(other).toEqual(first);
        expect(first?.every((value) => (new Uint32Array(Float32Array.of(value).buffer)[0] ?? 1) % 2 ** 16 === 0)).toBe(
          true,
        );
      }),
    );
  });

  it("tell each other numbers and texts", async () => {
    const outcomes = await onRanks(3, async (communicator) => {
      const { rank } = communicator;
      return [
        await gatherNumbers(communicator, [rank + 0.1, Number.NaN]),
        await sumNumbers(communicator, [rank * 1e-17, 1]),
        await isAny(communicator, rank === 2),
        await isAny(communicator, false),
        await gatherTexts(communicator, "é".repeat(rank)),
        await gatherTexts(communicator, ""),
      ];
    });
    const told = [
      [
        [0.1, Number.NaN],
        [1.1, Number.NaN],
        [2.1, Number.NaN],
      ],
      [3e-17, 3],
      true,
      false,
      ["", "é", "éé"],
      ["", "", ""],
    ];
    expect(outcomes).toEqual([0, 1, 2].map(() => ({ status: "fulfilled", value: told })));
  });

  it("end where they do not ask for the same", async () => {
    const outcomes = await onRanks(2, (communicator) =>
      communicator.rank === 0 ? communicator.barrier() : communicator.allGather(new Float32Array(3)),
    );
    for (const outcome of outcomes) {
      const reason = outcome.status === "rejected" ? String(outcome.reason) : "";
      expect(reason).toContain("the ranks ask for different operations: barrier of 0, all-gather of 3");
    }
  });

  it("do not wait for one that has left", async () => {
    const outcomes = await onRanks(3, (communicator) =>
      communicator.rank === 1 ? communicator.close() : communicator.barrier(),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
  });
});

describe("what may fail on one rank", () => {
  const messages = async (work: (communicator: Communicator) => Promise<unknown>) =>
    (await onRanks(3, (communicator) => together(communicator, () => work(communicator)))).map((outcome) =>
      outcome.status === "fulfilled"
        ? outcome.value
        : [outcome.reason instanceof UserError, String(outcome.reason.message).replace(/ on [^:]+:/, " on HOST:")],
    );

  it("gives each its result where it fails on none", async () => {
    expect(await messages(async ({ rank }) => rank * 2)).toEqual([0, 2, 4]);
  });

  it("fails on all, with the name of the first on which it did", async () => {
    const failed = await messages(async ({ rank }) => {
      if (rank > 0) throw new UserError(`no file ${rank}`);
    });
    expect(failed).toEqual([
      [true, "rank 1 on HOST: no file 1"],
      [true, "no file 1"],
      [true, "rank 1 on HOST: no file 1"],
    ]);
  });

  it("needs no name where all say the same", async () => {
    const failed = await messages(async () => {
      throw new Error("broken");
    });
    expect(failed).toEqual([1, 2, 3].map(() => [false, "broken"]));
  });
});
