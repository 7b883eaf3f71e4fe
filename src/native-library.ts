/** Libraries of the system or of other packages, called through `koffi` without native code of our own. */

import { constants } from "node:os";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";
import { Memo } from "./memo.ts";

export type Koffi = typeof import("koffi")["default"];

/** Bytes of the stack of a call in another thread. MPICH ends with a fault on koffi's 128 KiB. */
const STACK = 2 ** 20;

const loaded = new Memo<Koffi>();

/**
 * koffi, which can be told its stack only once in a thread. Rejects where koffi, which is optional, is not installed.
 */
export const loadKoffi = (startedBy?: Ending): Promise<Koffi> =>
  loaded.get("koffi", async () => {
    const leave = enterKoffi(startedBy);
    try {
      const { default: koffi } = await import("koffi");
      koffi.config({ async_stack_size: STACK });
      return koffi;
    } finally {
      leave();
    }
  });

/** Whether a thread has come to its end: then those that it has started are about to be ended. */
export type Ending = Int32Array;

/**
 * The key of what all threads share, and of which each gives it to those that it starts: [threads in koffi, whether the
 * process ends].
 */
const SHARED = "tokenformer: threads in koffi";
const [INSIDE, PROCESS_ENDS] = [0, 1];

/** Milliseconds after which a thread in koffi is taken to hang. */
const PATIENCE = 5000;

let shared: Int32Array | undefined;

/** This thread's own, for those that it starts. */
const ending: Ending = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** How often this thread itself is in koffi. */
let own = 0;

/**
 * To be called before a thread is started that may use koffi. A thread that is ended while it loads koffi, calls by it or makes a
 * view, aborts the process: so from now on this one waits at its end until none of those that it has started is there,
 * and no more enter. Not waited for is what ends without an `exit`, as a thread that is terminated does.
 */
export function watchKoffi(): Ending {
  sharedWords();
  return ending;
}

/** What all threads share. When it is first asked for, this thread's end is prepared. */
function sharedWords(): Int32Array {
  if (shared !== undefined) return shared;
  const given: unknown = getEnvironmentData(SHARED);
  const words = given instanceof Int32Array ? given : new Int32Array(new SharedArrayBuffer(8));
  setEnvironmentData(SHARED, words);
  process.on("exit", () => {
    Atomics.store(ending, 0, 1);
    if (isMainThread) Atomics.store(words, PROCESS_ENDS, 1);
    const until = performance.now() + PATIENCE;
    for (;;) {
      const [inside, left] = [Atomics.load(words, INSIDE), until - performance.now()];
      if (inside <= own || left <= 0) break;
      Atomics.wait(words, INSIDE, inside, left);
    }
    // What this thread was about to do in koffi it does no more.
    Atomics.sub(words, INSIDE, own);
    Atomics.notify(words, INSIDE);
    own = 0;
  });
  shared = words;
  return words;
}

/**
 * Called before koffi is loaded, calls or makes a view, in a thread that may be ended meanwhile; what it returns is called
 * afterwards.
 * @param startedBy of the thread that started this one, where it may end before the process does
 * @throws Error where this thread is about to be ended, and is not in koffi yet
 */
export function enterKoffi(startedBy?: Ending): () => void {
  const words = sharedWords();
  const move = (by: 1 | -1) => {
    own += by;
    Atomics.add(words, INSIDE, by);
    Atomics.notify(words, INSIDE);
  };
  move(1);
  // Looked at after it was counted, so that whoever ends this thread either waits for it or is seen here.
  const isEnding =
    Atomics.load(words, PROCESS_ENDS) === 1 || (startedBy !== undefined && Atomics.load(startedBy, 0) === 1);
  // One that is in koffi already is waited for, and goes further in: if it failed there, koffi would be taken not to be installed.
  if (isEnding && own === 1) {
    move(-1);
    throw new Error("internal: this thread is about to be ended");
  }
  return () => move(-1);
}

/**
 * Keeps a library in the process to its end. koffi lets it go before, and a thread that has called it may run a part of
 * it when the thread ends: with Open MPI over TCP, each rank would end with a segmentation fault.
 */
export function keepLoaded(koffi: Koffi, name: string): void {
  const open = koffi.load(null).func("dlopen", "void *", ["str", "int"]);
  open(name, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
}
