import { describe, expect, it } from "vitest";
import { LONGEST_WAIT, Stragglers } from "../../src/cluster/watch-limits.ts";

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
    expect(watched(stragglers, 3, 1000, 100)).toEqual({ lost: 1, second: LONGEST_WAIT / 1000 + 1 });
  });

  it("is not lost while others work too, or wait among themselves", () => {
    const stragglers = new Stragglers();
    stragglers.note(0, waiting(7), 0);
    for (const rank of [1, 2]) stragglers.note(rank, working(7), 0);
    expect(watched(stragglers, 3, 1000, 200)).toBeUndefined();
    for (const rank of [0, 1, 2]) stragglers.note(rank, waiting(7), 300_000);
    expect(watched(stragglers, 3, 301_000, 200)).toBeUndefined();
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
    expect(watched(stragglers, 2, 61_000 + 291_000, 60)?.lost).toBe(1);
  });

  it("is not looked for before all have said where they are", () => {
    const stragglers = new Stragglers();
    stragglers.note(0, waiting(0), 0);
    stragglers.note(1, working(0), 0);
    expect(watched(stragglers, 3, 1000, 100)).toBeUndefined();
  });
});
