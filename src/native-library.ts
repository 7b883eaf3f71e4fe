/** Libraries of the system or of other packages, called through `koffi` without native code of our own. */

import { constants } from "node:os";
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { Memo } from "./memo.ts";

export type Koffi = typeof import("koffi")["default"];

/** Bytes of the stack of a call in another thread. MPICH ends with a fault on koffi's 128 KiB. */
const STACK = 2 ** 20;

const loaded = new Memo<Koffi>();

/** koffi, which can be told its stack only once in a thread. Rejects where koffi, which is optional, is not installed. */
export const loadKoffi = (): Promise<Koffi> =>
  loaded.get("koffi", async () => {
    loadingBegins();
    try {
      const { default: koffi } = await import("koffi");
      koffi.config({ async_stack_size: STACK });
      return koffi;
    } finally {
      loadingEnds();
    }
  });

const LOADING = "tokenformer: threads that load koffi";

/** Milliseconds after which a thread that loads is taken to hang. */
const PATIENCE = 5000;

let counter: Int32Array | undefined;

/**
 * How many threads of the process are loading koffi, or were started to do so: one number, which each thread gives to those that it starts.
 * A thread that is ended meanwhile aborts the process, so from now on this one waits at its end until there is none.
 */
export function loadingThreads(): Int32Array {
  if (counter !== undefined) return counter;
  const given: unknown = getEnvironmentData(LOADING);
  const threads = given instanceof Int32Array ? given : new Int32Array(new SharedArrayBuffer(4));
  setEnvironmentData(LOADING, threads);
  process.on("exit", () => {
    const until = performance.now() + PATIENCE;
    for (let left = PATIENCE; left > 0 && Atomics.load(threads, 0) > 0; left = until - performance.now())
      Atomics.wait(threads, 0, Atomics.load(threads, 0), left);
  });
  counter = threads;
  return threads;
}

/** Called before koffi is loaded, or a thread is started that does so. */
export function loadingBegins(): void {
  Atomics.add(loadingThreads(), 0, 1);
}

export function loadingEnds(): void {
  Atomics.sub(loadingThreads(), 0, 1);
  Atomics.notify(loadingThreads(), 0);
}

/**
 * Keeps a library in the process to its end. koffi lets it go before, and a thread that has called it may run a part of it when the
 * thread ends: with Open MPI over TCP, each rank would end with a segmentation fault.
 */
export function keepLoaded(koffi: Koffi, name: string): void {
  const open = koffi.load(null).func("dlopen", "void *", ["str", "int"]);
  open(name, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
}
