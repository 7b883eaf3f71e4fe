/**
 * Devices whose requests fail on demand, to see what a failure leaves behind. It needs no test runner: import it in the process
 * whose devices are to fail, before or after they were opened.
 *
 * - `faults.fail(n)` makes the n-th request from now on fail, counted over all devices of the process, replicas and those that
 *   a command opens for itself among them; opening one is a request too. It is not sent, as if the device had refused it.
 * - `faults.mend()` lets all requests through again, and tells whether one has failed since.
 * - `faults.requests` counts those since the last `fail` or `mend`: one more than an action makes never fails.
 * - `faults.held()` tells what open devices hold. Freeing that fails counts as done: a device fails to free where it is gone.
 * - `failUntilDone` makes each request of an action fail in turn, until the action succeeds; with `sparse` not each of many alike.
 *
 * For example, each request of a training in turn: `for (let n = 1, failed = true; failed; n++) { faults.fail(n);
 * await trained().catch(expectInjected); failed = faults.mend(); }`.
 */

import type { RequestName, Requests } from "../../src/runtime/protocol.ts";
import { ThreadConnection } from "../../src/runtime/thread-connection.ts";

/** What the failing request is rejected with. */
export class InjectedFault extends Error {
  readonly nth: number;

  constructor(name: RequestName, nth: number) {
    super(`injected: request ${nth}, ${name}`);
    this.nth = nth;
  }
}

/** What devices hold. */
export interface Held {
  readonly devices: number;
  readonly tensors: number;
  readonly programs: number;
}

export interface FaultOptions {
  /** Whether all that come after it fail, too, as those of a device that is gone. Default: false. */
  readonly lasting?: boolean;
  /** Of many of the same name in a row, lets all through but the first three and every seventh: the next other one fails. */
  readonly sparse?: boolean;
}

class Faults {
  readonly #held = new Map<ThreadConnection, { readonly tensors: Set<number>; readonly programs: Set<number> }>();
  #requests = 0;
  #unlike: number[] = [];
  #nth = Number.POSITIVE_INFINITY;
  #options: FaultOptions = {};
  #failed = false;
  #row: { readonly name: RequestName | undefined; readonly length: number } = { name: undefined, length: 0 };

  /** Since the last `fail` or `mend`. */
  get requests(): number {
    return this.#requests;
  }

  /** The numbers of those since then of which there are few alike in a row: see `sparse`. */
  get unlike(): readonly number[] {
    return this.#unlike;
  }

  /**
   * Makes a request fail.
   * @param nth its number from now on, from 1
   */
  fail(nth: number, options: FaultOptions = {}): void {
    this.#requests = 0;
    this.#unlike = [];
    this.#nth = nth;
    this.#options = options;
    this.#failed = false;
    this.#row = { name: undefined, length: 0 };
  }

  /** Lets all requests through. Whether one has failed since `fail`. */
  mend(): boolean {
    const failed = this.#failed;
    this.fail(Number.POSITIVE_INFINITY);
    return failed;
  }

  held(): Held {
    const all = [...this.#held.values()];
    const count = (of: (one: (typeof all)[number]) => number) => all.reduce((sum, one) => sum + of(one), 0);
    return {
      devices: all.length,
      tensors: count(({ tensors }) => tensors.size),
      programs: count(({ programs }) => programs.size),
    };
  }

  /** Counts a request. Throws if it is to fail. */
  meet(name: RequestName): void {
    this.#requests++;
    this.#row = { name, length: this.#row.name === name ? this.#row.length + 1 : 1 };
    const { lasting = false, sparse = false } = this.#options;
    const isLikeOthers = this.#row.length > 3 && this.#row.length % 7 !== 0;
    if (!isLikeOthers) this.#unlike.push(this.#requests);
    if (this.#requests < this.#nth || (this.#failed && !lasting)) return;
    if (sparse && isLikeOthers) return;
    this.#failed = true;
    throw new InjectedFault(name, this.#requests);
  }

  /** Takes note of what a request frees, and once it has been answered, of what that has made or used up. */
  note(connection: ThreadConnection, name: RequestName, given: unknown, answered = false, answer?: unknown): void {
    const { tensors, programs } = this.#of(connection);
    const request: { [Name in RequestName]?: () => void } = {
      upload: () => typeof answer === "number" && tensors.add(answer),
      allocate: () => typeof answer === "number" && tensors.add(answer),
      compile: () => typeof answer === "number" && programs.add(answer),
      run: () => {
        for (const { id } of Object.values(isRunResult(answer) ? answer.buffers : {})) tensors.add(id);
      },
      dispose: () => {
        for (const id of isDisposal(given) ? given.ids : []) tensors.delete(id);
      },
      kernel: () => {
        for (const id of answered && isKernel(given) ? given.spent : []) tensors.delete(id);
      },
      release: () => isRelease(given) && programs.delete(given.program),
    };
    request[name]?.();
  }

  forget(connection: ThreadConnection): void {
    this.#held.delete(connection);
  }

  #of(connection: ThreadConnection) {
    const held = this.#held.get(connection) ?? { tensors: new Set<number>(), programs: new Set<number>() };
    this.#held.set(connection, held);
    return held;
  }
}

const isRunResult = (answer: unknown): answer is Requests["run"]["answer"] =>
  typeof answer === "object" && answer !== null && "buffers" in answer;
const isDisposal = (given: unknown): given is Requests["dispose"]["arguments"] =>
  typeof given === "object" && given !== null && "ids" in given;
const isKernel = (given: unknown): given is Requests["kernel"]["arguments"] =>
  typeof given === "object" && given !== null && "spent" in given;
const isRelease = (given: unknown): given is Requests["release"]["arguments"] =>
  typeof given === "object" && given !== null && "program" in given;

export const faults = new Faults();

const { request, close } = ThreadConnection.prototype;

Object.assign(ThreadConnection.prototype, {
  async request(this: ThreadConnection, name: RequestName, given: unknown): Promise<unknown> {
    faults.note(this, name, given);
    faults.meet(name);
    // Sent at once: requests are answered in the order of these calls.
    const answer: unknown = await Reflect.apply(request, this, [name, given]);
    faults.note(this, name, given, true, answer);
    return answer;
  },
  async close(this: ThreadConnection): Promise<void> {
    faults.forget(this);
    await Reflect.apply(close, this, []);
    faults.forget(this);
  },
});

/**
 * Makes each request of an action fail in turn, until it succeeds.
 * @param act may be done again after it has failed
 * @param check looks at what a failure has left; the requests that it makes do not fail
 * @param from the first that fails
 * @returns the number of the last that was to fail, and whether it did: then it is one that frees, and the action does not tell
 */
export async function failUntilDone(
  act: () => Promise<unknown>,
  check: () => Promise<unknown>,
  { from = 1, sparse = false }: { readonly from?: number; readonly sparse?: boolean } = {},
): Promise<{ readonly nth: number; readonly failed: boolean }> {
  for (let nth = from; ; nth++) {
    faults.fail(nth, { sparse });
    const outcome = await act().then(
      () => "done",
      (error: unknown) => error,
    );
    const failed = faults.mend();
    if (outcome === "done") return { nth, failed };
    if (!(outcome instanceof InjectedFault)) throw outcome;
    nth = outcome.nth;
    await check();
  }
}
