import { once } from "node:events";
import type { Server } from "node:http";
import { setTimeout } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { messageOf, UserError } from "../errors.ts";
import { hasCode } from "../formats/index.ts";

export interface ListenOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly host: string;
  /** How many ports after this one may be tried where it is taken. Default: 0 */
  readonly more?: number;
}

export interface Listening {
  readonly port: number;
  /** Takes no more connections, and ends when what is under way is answered, or is cut off after some seconds. */
  close(seconds: number): Promise<void>;
}

/** A connection on which nothing moves for so long is closed. */
const IDLE_SECONDS = 120;
/** A request must have arrived after so long. */
const ARRIVAL_SECONDS = 60;

/**
 * Answers HTTP/1.1 on a port.
 * @throws UserError if the port cannot be had
 */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  options: ListenOptions,
): Promise<Listening> {
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false });
  if (!("closeIdleConnections" in server)) throw new Error("internal: the server is one of HTTP/1.1");
  server.requestTimeout = 1000 * ARRIVAL_SECONDS;
  server.timeout = 1000 * IDLE_SECONDS;
  const port = await bind(server, options);
  return { port, close: (seconds) => close(server, seconds) };
}

async function bind(server: Server, { port, host, more = 0 }: ListenOptions): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    if (more > 0 && port > 0 && port < 65_535 && hasCode(error, "EADDRINUSE")) {
      return bind(server, { port: port + 1, host, more: more - 1 });
    }
    throw new UserError(`cannot listen on ${host}, port ${port}: ${messageOf(error)}; choose another --port or --host`);
  }
  const address = server.address();
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
