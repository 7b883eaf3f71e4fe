import { once } from "node:events";
import { createServer, IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { getRequestListener, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { messageOf, UserError } from "../errors.ts";
import { hasCode } from "../formats/index.ts";

export interface ListenOptions {
  /** The port; 0 for any that is free. */
  readonly port: number;
  readonly host: string;
  /** How many ports after this one may be tried where it is taken. Default: 0 */
  readonly more?: number;
  /** A connection on which nothing moves for so many seconds is closed, unless an answer is being made. Default: 120 */
  readonly idleSeconds?: number;
}

export interface Listening {
  readonly port: number;
  /** Takes no more connections, and ends when what is under way is answered, or is cut off after some seconds. */
  close(seconds: number): Promise<void>;
}

/** Answers a request; with Node's own request and response. */
export type Fetch = (request: Request, node: HttpBindings) => Response | Promise<Response>;

/** Connections that may wait until they are accepted: where there is no room, a client's system tries again after seconds. */
const BACKLOG = 4096;
const IDLE_SECONDS = 120;
/** A request must have arrived after so long. */
const ARRIVAL_SECONDS = 60;

/**
 * Answers HTTP/1.1 on a port.
 * @throws UserError if the port cannot be had
 */
export async function listen(fetch: Fetch, options: ListenOptions): Promise<Listening> {
  const answer = (request: Request, node: HttpBindings | Http2Bindings) => fetch(request, http1(node));
  const server = createServer(getRequestListener(answer, { overrideGlobalObjects: false }));
  server.requestTimeout = 1000 * ARRIVAL_SECONDS;
  server.timeout = 1000 * (options.idleSeconds ?? IDLE_SECONDS);
  server.on("request", spareWhileSilent);
  const port = await bind(server, options);
  return { port, close: (seconds) => close(server, seconds) };
}

function http1({ incoming, outgoing }: HttpBindings | Http2Bindings): HttpBindings {
  if (incoming instanceof IncomingMessage && outgoing instanceof ServerResponse) return { incoming, outgoing };
  throw new Error("internal: the server is one of HTTP/1.1");
}

/** An answer may be silent for long, as while its request waits; only one that its client does not take is cut off. */
function spareWhileSilent(_: unknown, response: ServerResponse): void {
  // With a listener here, Node does not close the connection by itself.
  response.on("timeout", (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy();
  });
}

async function bind(server: Server, { port, host, more = 0 }: ListenOptions): Promise<number> {
  try {
    server.listen({ port, host, backlog: BACKLOG });
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
