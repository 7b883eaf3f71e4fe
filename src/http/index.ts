/** Addresses, listening on a port, and ending in order. */

export { isLoopback, urlOf } from "./address.ts";
export { type Listening, type ListenOptions, listen } from "./listen.ts";
