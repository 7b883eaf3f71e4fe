/**
 * The kernels of this library: functions `(arrays, parameters) => answer` that run in a device's thread. One table for Node and
 * browsers; a kernel's module is loaded when it is first asked for.
 */

const adamw = () => import("./optimizer/adamw-kernel.ts");
const exchange = () => import("./optimizer/exchange-kernel.ts");
const together = () => import("./optimizer/together-kernel.ts");
const sharded = () => import("./optimizer/sharded-kernel.ts");
const cache = () => import("./generation/cache-kernels.ts");

export const kernels = {
  adamwStep: async () => (await adamw()).adamwStep,
  accumulate: async () => (await adamw()).accumulate,
  give: async () => (await exchange()).give,
  take: async () => (await exchange()).take,
  updateTogether: async () => (await together()).updateTogether,
  giveRange: async () => (await sharded()).giveRange,
  takeRange: async () => (await sharded()).takeRange,
  keepGradients: async () => (await sharded()).keepGradients,
  giveOwn: async () => (await sharded()).giveOwn,
  updateOwn: async () => (await sharded()).updateOwn,
  storeRows: async () => (await cache()).storeRows,
  moveLanes: async () => (await cache()).moveLanes,
};

export type Kernels = typeof kernels;
