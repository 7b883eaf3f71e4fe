/** The server: routes on a port, until it is drained. */

import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { messageOf, UserError } from "../errors.ts";
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

/** A connection on which nothing moves for so long is closed. */
const IDLE_SECONDS = 120;
/** A request must have arrived after so long. */
const ARRIVAL_SECONDS = 60;

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
  const server = createAdaptorServer({ fetch: routes(service, options.apiKey).fetch, overrideGlobalObjects: false });
  if (!("closeIdleConnections" in server)) throw new Error("internal: the server is one of HTTP/1.1");
  server.requestTimeout = 1000 * ARRIVAL_SECONDS;
  server.timeout = 1000 * IDLE_SECONDS;
  const port = await listen(server, options);
  const drain = async (seconds: number) => {
    draining = true;
    await close(server, seconds);
  };
  return { port, scheduler, drain };
}

async function listen(server: Server, { port, host }: ServerOptions): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw new UserError(`cannot listen on ${host}, port ${port}: ${messageOf(error)}; choose another --port or --host`);
  }
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

async function close(server: Server, seconds: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const deadline = performance.now() + 1000 * seconds;
  let open = true;
  void closed.then(() => {
    open = false;
  });
  while (open) {
    // A connection that was kept alive is idle once its answer is written.
    if (performance.now() < deadline) server.closeIdleConnections();
    else server.closeAllConnections();
    await Promise.race([closed, setTimeout(50)]);
  }
}
