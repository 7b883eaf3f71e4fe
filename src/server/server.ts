/** The server: routes on a port, until it is drained. */

import { allOrNothing } from "../freeing.ts";
import { isLoopback, type ListenOptions, listen } from "../http/index.ts";
import { ApiError } from "./api-error.ts";
import type { ServedModel } from "./completion.ts";
import type { Limits } from "./limits.ts";
import { Metrics } from "./metrics.ts";
import { PromptReader } from "./prompts.ts";
import { RequestLives } from "./requests.ts";
import { type Access, routes } from "./routes.ts";
import { Scheduler, type Shared } from "./scheduler.ts";
import { failureOf } from "./service.ts";
import { TextThreads } from "./text-threads.ts";

export interface ServerOptions extends Pick<ListenOptions, "port" | "host" | "idleSeconds">, Access {
  readonly limits: Limits;
  /** A function that is called with the text of a fault of ours. */
  readonly note: (text: string) => void;
}

export interface RunningServer {
  readonly port: number;
  readonly scheduler: Scheduler;
  /**
   * Takes no more requests, and ends when those under way are answered; after some seconds they are told that the server ends.
   * Then nothing uses the model any more.
   */
  drain(seconds: number): Promise<void>;
}

/** Clients who are told that the server ends have so long to read it. */
const FAREWELL_SECONDS = 2;

/** @throws UserError if the port cannot be had */
export async function startServer(model: ServedModel & Shared, options: ServerOptions): Promise<RunningServer> {
  const scheduler = new Scheduler(model);
  const threads = new TextThreads(model.tokenizer);
  const lives = new RequestLives(options.limits, model.slots);
  let draining = false;
  const service = {
    model,
    scheduler,
    metrics: new Metrics(scheduler, model.slots),
    limits: options.limits,
    lives,
    threads,
    prompts: new PromptReader(model, threads),
    local: isLoopback(options.host),
    draining: () => draining,
    failure: (error: unknown) => failureOf(error, options.note),
  };
  const listening = await allOrNothing((onFailure) => {
    onFailure(() => threads.close());
    return listen(routes(service, options).fetch, options);
  });
  const drain = async (seconds: number) => {
    draining = true;
    const ending = new ApiError(503, "the server ended before the answer was whole; ask again, or another one");
    const late = setTimeout(() => lives.cut(ending), 1000 * seconds);
    await listening.close(seconds + FAREWELL_SECONDS);
    clearTimeout(late);
    await Promise.all([threads.close(), scheduler.idle()]);
  };
  return { port: listening.port, scheduler, drain };
}
