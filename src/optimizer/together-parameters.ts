/** What the kernel of `together-kernel.ts` is given, apart from it: a kernel is loaded in the device's thread alone. */

import type { AdamWParameters } from "./adamw-parameters.ts";
import type { WasmMemory } from "./web-assembly.ts";

/** Memory that all threads share: the numbers of all parameters that learn, one parameter after the other. */
export interface SharedState {
  readonly weights: Float32Array;
  /** The gradients of each thread; the sums of all of them come to be in the first. */
  readonly gradients: readonly [Float32Array, ...Float32Array[]];
  /** Adam's moments. */
  readonly first: Float32Array;
  readonly second: Float32Array;
  /** The memory that has all of these; undefined where they are in several. */
  readonly memory: WasmMemory | undefined;
}

/** Where the threads of one update wait for each other. */
export interface Meeting {
  /** How often a thread has come to where all wait, or `ABANDONED`. */
  readonly arrivals: Int32Array;
  /** The sum of the squares of each thread's part of the gradients. */
  readonly squares: Float64Array;
}

/** One update by several threads. */
export interface TogetherParameters extends Omit<AdamWParameters, "shared"> {
  readonly state: SharedState;
  readonly meeting: Meeting;
  /** Which of the threads this is. */
  readonly member: number;
  /** How many of the threads have gradients: the first ones. */
  readonly working: number;
  /** Whether this thread's gradients are added to what it has in shared memory. */
  readonly adding: boolean;
}

/** Less than any number of arrivals. */
const ABANDONED = -(2 ** 30);

/** How often the threads of an update wait for each other before they change anything. */
const BEFORE_CHANGES = 2;

/** How often a thread looks whether the others have come, before it sleeps: some 0.1 ms, which waking up from sleep takes too. */
const LOOKS = 20_000;

/** Milliseconds for which a thread waits for others that have begun to change something: they need a few. */
const LONGEST_CHANGE = 300_000;

export function openMeeting(members: number): Meeting {
  return {
    arrivals: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    squares: new Float64Array(new SharedArrayBuffer(members * Float64Array.BYTES_PER_ELEMENT)),
  };
}

/**
 * Comes to the place where all threads of an update wait for each other, and goes on when all are there.
 * @param nth how often they have met, with this time
 * @throws Error if the update was abandoned
 */
export function meet({ arrivals, squares: { length: members } }: Meeting, nth: number): void {
  const wanted = nth * members;
  if (Atomics.add(arrivals, 0, 1) + 1 === wanted) Atomics.notify(arrivals, 0);
  // Passes take unequally long; what follows them does not.
  for (let look = 0; nth > 1 && look < LOOKS && Atomics.load(arrivals, 0) < wanted; look++);
  const longest = nth > BEFORE_CHANGES ? LONGEST_CHANGE : Number.POSITIVE_INFINITY;
  for (;;) {
    const arrived = Atomics.load(arrivals, 0);
    if (arrived < 0) throw new Error("the update was abandoned: another thread of it has failed");
    if (arrived >= wanted) return;
    if (Atomics.wait(arrivals, 0, arrived, longest) === "timed-out") {
      throw new Error("a thread ended in the middle of an update; go on from the last checkpoint");
    }
  }
}

/** Ends an update of which a thread has failed: those that wait, or come later, throw. Once all have begun to change the state, they finish. */
export function abandon({ arrivals, squares: { length: members } }: Meeting): void {
  for (;;) {
    const arrived = Atomics.load(arrivals, 0);
    if (arrived < 0 || arrived >= BEFORE_CHANGES * members) return;
    if (Atomics.compareExchange(arrivals, 0, arrived, ABANDONED) === arrived) break;
  }
  Atomics.notify(arrivals, 0);
}
