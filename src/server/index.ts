/** A server with OpenAI's completions and chat. */

export type { ServedModel } from "./completion.ts";
export { isOrigin, LOOPBACK_ORIGINS } from "./cross-origin.ts";
export type { Limits } from "./limits.ts";
export type { Shared } from "./scheduler.ts";
export { MOST_ALTERNATIVES } from "./schemas.ts";
export { type RunningServer, type ServerOptions, startServer } from "./server.ts";
