/** The model, the queue and the counters that all routes share. */

import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { ApiError, ClientGone } from "./api-error.ts";
import type { ServedModel } from "./completion.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { PromptReader } from "./prompts.ts";
import type { RequestLives } from "./requests.ts";
import type { Scheduler } from "./scheduler.ts";
import type { TextThreads } from "./text-threads.ts";

/** What a request carries with it: Node's own request and response, and the status of an answer that failed after its head. */
export interface ServerTypes {
  Bindings: HttpBindings;
  Variables: { failed: number | undefined };
}

export type ServerContext = Context<ServerTypes>;

export interface Service {
  readonly model: ServedModel;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  readonly limits: Limits;
  readonly lives: RequestLives;
  readonly threads: TextThreads;
  readonly prompts: PromptReader;
  /** Whether only this computer reaches the server, so that requests that are addressed to another name are none of its own. */
  readonly local: boolean;
  /** Whether the server is about to end, and takes no more requests. */
  draining(): boolean;
  /** What the client is told of an error. What is a fault of ours is noted, and told without its text. */
  failure(error: unknown): ApiError;
}

/** The answer to a client where something failed. */
export function failureOf(error: unknown, note: (text: string) => void): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof ClientGone)) note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return new ApiError(500, "the server failed to answer");
}
