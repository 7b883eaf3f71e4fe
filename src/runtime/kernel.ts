/** What kernels are, and what they are called: functions on arrays that run in the device's thread. */

import type { Kernels } from "../kernels.ts";
import type { HostData } from "./protocol.ts";

/** A kernel of this library, by its name in the table of `kernels.ts`. */
export type KernelName = keyof Kernels;

/** A kernel of one's own, in Node: the URL of a module, and the function that it exports. */
export interface KernelExport {
  readonly module: string;
  readonly export: string;
}

/** The name by which the device's thread finds and loads a kernel. */
export type KernelId = KernelName | KernelExport;

/** A kernel as the device's thread calls it. */
export type KernelFunction = (arrays: Readonly<Record<string, HostData>>, parameters: unknown) => unknown;

/** Which kernel, and what it is given beside its arrays. */
export type KernelCall =
  | {
      readonly [Name in KernelName]: { readonly kernel: Name; readonly parameters: ParametersOf<Kernels[Name]> };
    }[KernelName]
  | { readonly kernel: KernelExport; readonly parameters: unknown };

type ParametersOf<Loader> = Loader extends () => Promise<(arrays: never, parameters: infer Given) => unknown>
  ? Given
  : never;
