/** Addresses, listening on a port, and ending in order. */

export { addressedHost, isLoopback, urlOf } from "./address.ts";
export { type Fetch, type Listening, type ListenOptions, listen } from "./listen.ts";
