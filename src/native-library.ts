/** Libraries of the system or of other packages, called through `koffi` without native code of our own. */

import { constants } from "node:os";

export type Koffi = typeof import("koffi")["default"];

/** Bytes of the stack of a call in another thread. MPICH ends with a fault on koffi's 128 KiB. */
const STACK = 2 ** 20;

/** Rejects where koffi, which is optional, is not installed. */
export async function loadKoffi(): Promise<Koffi> {
  const { default: koffi } = await import("koffi");
  koffi.config({ async_stack_size: STACK });
  return koffi;
}

/**
 * Keeps a library in the process to its end. koffi lets it go before, and a thread that has called it may run a part of it when the
 * thread ends: with Open MPI over TCP, each rank would end with a segmentation fault.
 */
export function keepLoaded(koffi: Koffi, name: string): void {
  const open = koffi.load(null).func("dlopen", "void *", ["str", "int"]);
  open(name, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
}
