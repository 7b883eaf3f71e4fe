/** What the kernels of `exchange-kernel.ts` are given, apart from them: a kernel is loaded in the device's thread alone. */

/** Arrays in shared memory, one after the other. */
export interface TakeParameters {
  /** The names of the parameters, in the order of their arrays. */
  readonly names: readonly string[];
  /** Memory that threads share, as long as all parameters together. */
  readonly shared: Float32Array;
}

export interface GiveParameters extends TakeParameters {
  /** Whether they are added to what is there. */
  readonly adding: boolean;
}
