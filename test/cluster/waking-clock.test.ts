import { expect, it } from "vitest";
import { WakingClock } from "../../src/cluster/waking-clock.ts";

it("time stands still while a process is stopped, and what it lasted is told for a while", () => {
  let time = 500;
  const stops: number[] = [];
  const clock = new WakingClock(
    (lasted) => stops.push(lasted),
    () => time,
  );
  /** Looks at it every second. */
  const wake = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      time += 1000;
      clock.now();
    }
  };
  wake(2);
  expect([clock.now(), clock.lastStop()]).toEqual([2000, undefined]);
  time += 3_600_000;
  expect([clock.now(), clock.lastStop()]).toEqual([2000, 3_600_000]);
  wake(13);
  expect([clock.now(), clock.lastStop()]).toEqual([15_000, 3_600_000]);
  wake(60);
  expect([clock.now(), clock.lastStop()]).toEqual([75_000, undefined]);
  expect(stops).toEqual([3_600_000]);
});
