/** What needs no library of the system and no thread: for code that also runs in a browser. */

export * from "./communicator.ts";
export * from "./exchange.ts";
