/** The kernels that Node has in place of those of `kernels.ts`, for a device of so many threads. */

const adamw = async (threads: number) => (await import("./optimizer/adamw-threads.ts")).adamwKernels(threads);

export const nodeKernels = {
  adamwStep: async (threads: number) => (await adamw(threads)).adamwStep,
  accumulate: async (threads: number) => (await adamw(threads)).accumulate,
};
