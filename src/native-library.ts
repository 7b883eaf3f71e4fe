/** Libraries of the system or of other packages, called through `koffi` without native code of our own. */

import { constants } from "node:os";
import { Memo } from "./memo.ts";

export type Koffi = typeof import("koffi")["default"];

/** Bytes of the stack of a call in another thread. MPICH ends with a fault on koffi's 128 KiB. */
const STACK = 2 ** 20;

const loaded = new Memo<Koffi>();

/** koffi, which can be told its stack only once in a thread. Rejects where koffi, which is optional, is not installed. */
export const loadKoffi = (): Promise<Koffi> =>
  loaded.get("koffi", async () => {
    const { default: koffi } = await import("koffi");
    koffi.config({ async_stack_size: STACK });
    return koffi;
  });

/**
 * Keeps a library in the process to its end. koffi lets it go before, and a thread that has called it may run a part of it when the
 * thread ends: with Open MPI over TCP, each rank would end with a segmentation fault.
 */
export function keepLoaded(koffi: Koffi, name: string): void {
  const open = koffi.load(null).func("dlopen", "void *", ["str", "int"]);
  open(name, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
}
