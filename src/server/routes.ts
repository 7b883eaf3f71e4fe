/** The routes: OpenAI's completions, chat and models, vLLM's tokenizer, health and metrics. */

import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import { addressedHost, isLoopback } from "../http/index.ts";
import { unixTime } from "./answers.ts";
import { ApiError } from "./api-error.ts";
import { chatRoute } from "./chat-route.ts";
import { completionsRoute } from "./completions-route.ts";
import { crossOrigin, LOOPBACK_ORIGINS } from "./cross-origin.ts";
import { CLIENT_GONE, type Metrics } from "./metrics.ts";
import { modelsOf } from "./models.ts";
import type { ServerContext, ServerTypes, Service } from "./service.ts";
import { tokenizerRoutes } from "./tokenizer-routes.ts";

/** One thing that clients can ask for. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly answer: (context: ServerContext) => Response | Promise<Response>;
}

type Next = () => Promise<void>;

/** Who may use the routes. */
export interface Access {
  /** What clients must send as bearer token. Default: nothing. */
  readonly apiKey?: string | undefined;
  /** The origins of pages that may use them, see `crossOrigin`. Default: those of this computer. */
  readonly origins?: readonly string[] | undefined;
}

export function routes(service: Service, { apiKey, origins = [LOOPBACK_ORIGINS] }: Access): Hono<ServerTypes> {
  const health = healthRoute(service);
  const others = [
    metricsRoute(service),
    { method: "POST", path: "/v1/completions", answer: (context) => completionsRoute(context, service) },
    { method: "POST", path: "/v1/chat/completions", answer: (context) => chatRoute(context, service) },
    ...modelRoutes(service),
    ...tokenizerRoutes(service),
  ] satisfies Route[];
  const app = new Hono<ServerTypes>();
  app.use(measured(service.metrics, new Set([health, ...others].map(({ path }) => path))));
  if (service.local) app.use(addressedHere);
  app.use(crossOrigin(origins));
  add(app, [health]);
  app.use((_, next) => {
    if (service.draining()) throw new ApiError(503, "the server is about to end; try another one");
    return next();
  });
  if (apiKey !== undefined) app.use(authorised(apiKey));
  add(app, others);
  app.notFound((context) => context.json(new ApiError(404, "there is no such route").body(), 404));
  app.onError((error, context) => answerError(service.failure(error), context));
  return app;
}

/** Adds routes, and refuses the other methods of their paths. */
function add(app: Hono<ServerTypes>, table: readonly Route[]): void {
  for (const { method, path, answer } of table) app.on(method, path, answer);
  for (const path of new Set(table.map((route) => route.path))) {
    const methods = table.filter((route) => route.path === path).map(({ method }) => method);
    const allowed = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
    app.all(path, (context) => {
      context.header("Allow", allowed);
      throw new ApiError(405, `${context.req.method}: expected ${allowed}`);
    });
  }
}

const healthRoute = (service: Service): Route => ({
  method: "GET",
  path: "/health",
  answer: (context) =>
    service.draining() ? context.json({ status: "draining" }, 503) : context.json({ status: "ok" }),
});

const metricsRoute = ({ metrics: { registry } }: Service): Route => ({
  method: "GET",
  path: "/metrics",
  answer: async (context) => {
    context.header("Content-Type", registry.contentType);
    return context.body(await registry.metrics());
  },
});

function modelRoutes({ model }: Service): Route[] {
  const created = unixTime();
  const listed = modelsOf(model).map(({ name, gates }) => ({
    id: name,
    object: "model",
    created,
    owned_by: "tokenformer",
    max_model_len: model.context,
    ...(gates.length > 0 && { parent: model.name }),
  }));
  const one = (context: ServerContext) => {
    const found = listed.find(({ id }) => id === context.req.param("id"));
    if (found === undefined) throw new ApiError(404, "there is no such model", { code: "model_not_found" });
    return context.json(found);
  };
  return [
    { method: "GET", path: "/v1/models", answer: (context) => context.json({ object: "list", data: listed }) },
    { method: "GET", path: "/v1/models/:id", answer: one },
  ];
}

/** Counts and times answers, to the end of what is streamed. */
function measured(metrics: Metrics, paths: ReadonlySet<string>) {
  return (context: ServerContext, next: Next) => {
    const start = performance.now();
    const { outgoing } = context.env;
    const route = paths.has(context.req.path) ? context.req.path : "other";
    outgoing.once("close", () => {
      // A stream that fails has told its client that all is well before.
      const status = outgoing.writableFinished ? (context.get("failed") ?? outgoing.statusCode) : CLIENT_GONE;
      metrics.answered(route, status, (performance.now() - start) / 1000);
    });
    return next();
  };
}

/** A page elsewhere can have its own name lead to this computer, but then the browser says that name here. */
function addressedHere({ req }: ServerContext, next: Next): Promise<void> {
  const host = addressedHost(req.header("host"));
  if (!isLoopback(host)) {
    throw new ApiError(403, `${host}: this server is only for the computer it runs on; --host lets others in`);
  }
  return next();
}

/** Hashes are compared, as they are equally long whatever is sent. */
function authorised(apiKey: string) {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  const expected = hash(`Bearer ${apiKey}`);
  return (context: ServerContext, next: Next) => {
    if (!timingSafeEqual(hash(context.req.header("authorization") ?? ""), expected)) {
      throw new ApiError(401, "a valid key is needed, as Authorization: Bearer KEY", { code: "invalid_api_key" });
    }
    return next();
  };
}

function answerError(error: ApiError, context: ServerContext): Response {
  if (error.status === 401) context.header("WWW-Authenticate", "Bearer");
  if (error.status === 429) context.header("Retry-After", "1");
  if (error.status === 503) context.header("Connection", "close");
  return context.json(error.body(), error.status);
}
