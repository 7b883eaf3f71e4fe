/**
 * How tests start Node. What runs for moments is not worth optimising: V8 spent a tenth of the tests' time on compiling code again
 * that had hardly run. Its default is 66 kB of bytecode.
 */
export const NODE_FLAGS: readonly string[] = ["--interrupt-budget=1000000"];
