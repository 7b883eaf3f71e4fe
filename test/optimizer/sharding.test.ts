import fc from "fast-check";
import { expect, it } from "vitest";
import { type Division, divisionOf, updatesOf } from "../../src/optimizer/sharding.ts";

const sizes = fc.integer({ min: 1, max: 5 });
const lengthsOf = fc.array(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 7 });
const bucketLengths = fc.integer({ min: 1, max: 31 });

const named = (lengths: readonly number[]) => new Map(lengths.map((length, index) => [`p${index}`, length]));

/** How often each number of each parameter is in a piece. */
function counted(lengths: readonly number[], divisions: readonly Division[]): number[][] {
  const counts = lengths.map((length) => Array.from({ length }, () => 0));
  for (const { name, start, end } of divisions.flatMap(({ pieces }) => pieces)) {
    const own = counts[Number(name.slice(1))] ?? [];
    for (let index = start; index < end; index++) own[index] = (own[index] ?? 0) + 1;
  }
  return counts;
}

it("gives each number to one rank, and every rank as many, but for one in each bucket", () => {
  fc.assert(
    fc.property(sizes, lengthsOf, bucketLengths, (size, lengths, bucketLength) => {
      const divisions = Array.from({ length: size }, (_, rank) =>
        divisionOf(named(lengths), { rank, size }, bucketLength),
      );
      expect(counted(lengths, divisions)).toEqual(lengths.map((length) => Array.from({ length }, () => 1)));
      const owned = divisions.map(({ length }) => length);
      const buckets = divisions[0]?.buckets.length ?? 0;
      expect(Math.max(...owned) - Math.min(...owned)).toBeLessThanOrEqual(buckets);
      for (const { pieces, length } of divisions) {
        // They follow one another without a gap.
        const ends = pieces.map(({ start, end, at }) => at + end - start);
        expect(pieces.map(({ at }) => at)).toEqual([0, ...ends].slice(0, pieces.length));
        expect(ends.at(-1) ?? 0).toBe(length);
      }
    }),
  );
});

it("counts the rows that are updated from the beginning of a piece", () => {
  const correction = { rate: 5, correction1: 2, correction2: 3 };
  const rows = [
    { start: 0, end: 6, ...correction },
    { start: 10, end: 17, ...correction },
  ];
  expect(updatesOf(rows, { start: 4, end: 13 })).toEqual([
    { start: 0, end: 2, ...correction },
    { start: 6, end: 9, ...correction },
  ]);
  expect(updatesOf(rows, { start: 6, end: 10 })).toEqual([]);
});
