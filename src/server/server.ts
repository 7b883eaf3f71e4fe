/** The server: routes on a port, until it is drained. */

import { listen } from "../http/index.ts";
import { ClientGone } from "./api-error.ts";
import type { ServedModel } from "./completion.ts";
import { Metrics } from "./metrics.ts";
import { routes } from "./routes.ts";
import { Scheduler, type Shared } from "./scheduler.ts";
import { failureOf, type Limits } from "./service.ts";

export interface ServerOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly host: string;
  /** What clients must send as bearer token. Default: nothing. */
  readonly apiKey?: string;
  readonly limits: Limits;
  /** Called with the text of a fault of ours. */
  readonly note: (text: string) => void;
}

export interface RunningServer {
  readonly port: number;
  readonly scheduler: Scheduler;
  /** Takes no more requests, and ends when those under way are answered, or cut off after some seconds. */
  drain(seconds: number): Promise<void>;
}

/** @throws UserError if the port cannot be had */
export async function startServer(model: ServedModel & Shared, options: ServerOptions): Promise<RunningServer> {
  const scheduler = new Scheduler(model);
  const metrics = new Metrics(scheduler, model.slots);
  let draining = false;
  const service = {
    model,
    scheduler,
    metrics,
    limits: options.limits,
    draining: () => draining,
    failure: (error: unknown) => {
      if (error instanceof ClientGone) metrics.clientGone();
      return failureOf(error, options.note);
    },
  };
  const listening = await listen(routes(service, options.apiKey).fetch, options);
  const drain = async (seconds: number) => {
    draining = true;
    await listening.close(seconds);
  };
  return { port: listening.port, scheduler, drain };
}
