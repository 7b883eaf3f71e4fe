import { describe, expect, it } from "vitest";
import { LONGEST_STANDSTILL, LONGEST_WAIT, lateness, Stragglers } from "../../src/cluster/watch-limits.ts";

const waiting = (operation: number) => ({ begun: operation + 1, ended: operation, apart: false });
const working = (operation: number) => ({ begun: operation, ended: operation, apart: false });

/** Lets time go by, a second after the other. Returns when a rank was found lost, and which. */
function watched(stragglers: Stragglers, size: number, from: number, seconds: number) {
  for (let second = 0; second <= seconds; second++) {
    const lost = stragglers.lost(size, from + 1000 * second);
    if (lost !== undefined) return { lost, second };
  }
  return undefined;
}

describe("a rank that lives but does not go on", () => {
  it("is lost once all others have waited for it too long", () => {
    const stragglers = new Stragglers();
    for (const rank of [0, 1, 2]) stragglers.note(rank, waiting(7), 0);
    stragglers.note(1, working(8), 100);
    expect(watched(stragglers, 3, 1000, 100)).toEqual({ lost: [1], second: LONGEST_WAIT / 1000 });
  });

  it("is not lost while others work too, or wait among themselves", () => {
    const stragglers = new Stragglers();
    stragglers.note(0, waiting(7), 0);
    for (const rank of [1, 2]) stragglers.note(rank, working(7), 0);
    expect(watched(stragglers, 3, 1000, 200)).toBeUndefined();
    for (const rank of [0, 1, 2]) stragglers.note(rank, waiting(7), 300_000);
    expect(watched(stragglers, 3, 301_000, 200)).toBeUndefined();
  });

  it("is not lost while it goes on, however long all others wait for it each time", () => {
    const stragglers = new Stragglers();
    for (let operation = 0; operation < 60; operation++) {
      stragglers.note(0, waiting(operation), 1000 * operation);
      stragglers.note(1, working(operation), 1000 * operation);
      expect(stragglers.lost(2, 1000 * operation)).toBeUndefined();
    }
  });

  it("is not lost while it does what others need not do, such as writing a checkpoint", () => {
    const stragglers = new Stragglers();
    for (const rank of [1, 2]) stragglers.note(rank, waiting(7), 0);
    stragglers.note(0, { ...working(7), apart: true }, 0);
    expect(watched(stragglers, 3, 1000, 600)).toBeUndefined();
  });

  it.each([0, 1])("is given several times what the work of a rank has taken, here of %d", (slow) => {
    const stragglers = new Stragglers();
    for (const rank of [0, 1]) stragglers.note(rank, working(0), 0);
    stragglers.note(slow, waiting(0), 60_000);
    stragglers.note(1 - slow, waiting(0), 1000);
    stragglers.note(0, waiting(1), 61_000);
    stragglers.note(1, working(1), 61_000);
    expect(watched(stragglers, 2, 61_000, 290)).toBeUndefined();
    expect(watched(stragglers, 2, 61_000 + 291_000, 60)?.lost).toEqual([1]);
  });

  it("is lost with others that do not come either, if much later, as long as none of them is apart", () => {
    const stragglers = new Stragglers();
    for (const rank of [0, 1]) stragglers.note(rank, waiting(7), 0);
    for (const rank of [3, 2]) stragglers.note(rank, working(7), 0);
    const second = LONGEST_STANDSTILL / 1000;
    expect(watched(stragglers, 4, 1000, 2 * second)).toEqual({ lost: [2, 3], second });
    stragglers.note(3, { ...working(7), apart: true }, 2_000_000);
    expect(watched(stragglers, 4, 2_000_000, 2 * second)).toBeUndefined();
  });

  it.each([
    ["the same", [7, 7, 7]],
    ["unlike", [7, 9, 8]],
  ])("are all lost in operations of %s number that do not end", (_, operations) => {
    const stragglers = new Stragglers();
    operations.forEach((operation, rank) => {
      stragglers.note(rank, waiting(operation), 0);
    });
    const second = LONGEST_STANDSTILL / 1000;
    expect(watched(stragglers, 3, 1000, 2 * second)).toEqual({ lost: [], second });
  });

  it("is named, with others if there are", () => {
    expect([["rank 2 on a"], ["rank 2 on a", "rank 3 on b"], []].map(lateness)).toEqual([
      "rank 2 on a does not go on, and all others wait for it",
      "rank 2 on a, rank 3 on b do not go on, and all others wait for them",
      "the ranks wait for one another: none has gone on for 10 minutes",
    ]);
  });

  it("is not looked for before all have said where they are", () => {
    const stragglers = new Stragglers();
    stragglers.note(0, waiting(0), 0);
    stragglers.note(1, working(0), 0);
    expect(watched(stragglers, 3, 1000, 100)).toBeUndefined();
  });
});
