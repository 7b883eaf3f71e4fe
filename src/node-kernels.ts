/** The kernels that Node has in place of those of `kernels.ts`. */

import type { Kernels } from "./kernels.ts";

export const nodeKernels = {
  adamwStep: async () => (await import("./optimizer/adamw-threads.ts")).loadAdamwStep(),
} satisfies Partial<Kernels>;
