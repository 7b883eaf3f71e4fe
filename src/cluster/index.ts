export * from "./communicator.ts";
export * from "./environment.ts";
export * from "./exchange.ts";
export * from "./in-process.ts";
export { MpiCommunicator, type MpiOptions } from "./mpi-communicator.ts";
export { loadMpi, type MpiKind, type MpiLibrary } from "./mpi-library.ts";
