/** The routes: OpenAI's completions and models, vLLM's tokenizer, health and metrics. */

import { createHash, timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { beginningOfText, endOfText } from "../text/index.ts";
import { unixTime } from "./answers.ts";
import { ApiError, ClientGone } from "./api-error.ts";
import { encoded, type ServedModel } from "./completion.ts";
import { completionsRoute, jsonBody } from "./completions-route.ts";
import { labelOf } from "./log-probabilities.ts";
import type { Metrics } from "./metrics.ts";
import { checked, detokenizeSchema, tokenizeSchema } from "./schemas.ts";
import type { Service } from "./service.ts";

export function routes(service: Service, apiKey: string | undefined): Hono {
  const { model, metrics, limits } = service;
  const created = unixTime();
  const app = new Hono();
  app.use(measured(metrics));
  app.get("/health", (context) =>
    service.draining() ? context.json({ status: "draining" }, 503) : context.json({ status: "ok" }),
  );
  app.use((_, next) => {
    if (service.draining()) throw new ApiError(503, "the server is about to end; try another one");
    return next();
  });
  if (apiKey !== undefined) app.use(authorised(apiKey));
  app.use(bodyLimit({ maxSize: limits.bytes, onError: tooLarge(limits.bytes) }));
  app.get("/metrics", async (context) => {
    context.header("Content-Type", metrics.registry.contentType);
    return context.body(await metrics.registry.metrics());
  });
  app.post("/v1/completions", (context) => completionsRoute(context, service));
  const listed = { id: model.name, object: "model", created, owned_by: "tokenformer", max_model_len: model.context };
  app.get("/v1/models", (context) => context.json({ object: "list", data: [listed] }));
  app.get("/v1/models/:id", (context) => {
    if (context.req.param("id") !== model.name)
      throw new ApiError(404, "there is no such model", { code: "model_not_found" });
    return context.json(listed);
  });
  tokenizerRoutes(app, model);
  app.notFound((context) => context.json(new ApiError(404, "there is no such route").body(), 404));
  app.onError((error, context) => answerError(service.failure(error), context));
  return app;
}

/** As vLLM has them; lm-evaluation-harness asks them how to divide its texts. */
function tokenizerRoutes(app: Hono, { tokenizer, context: longest, vocabulary }: ServedModel): void {
  // Without a token that ends a text, the line break before a text stands for both, as the harness needs one.
  const begin = beginningOfText(tokenizer)?.content ?? null;
  const info = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: begin,
    eos_token: endOfText(tokenizer)?.content ?? begin,
    pad_token: null,
    vocab_size: vocabulary,
    model_max_length: longest,
    chat_template: null,
  };
  app.get("/tokenizer_info", (context) => context.json(info));
  app.post("/tokenize", async (context) => {
    const { prompt, return_token_strs } = checked(tokenizeSchema, await jsonBody(context));
    const tokens = [...encoded(tokenizer, prompt)];
    const token_strs = return_token_strs === true ? tokens.map((id) => labelOf(tokenizer, id)) : null;
    return context.json({ count: tokens.length, max_model_len: longest, tokens, token_strs });
  });
  app.post("/detokenize", async (context) => {
    const { tokens } = checked(detokenizeSchema, await jsonBody(context));
    return context.json({ prompt: tokenizer.decode(tokens) });
  });
}

const paths = new Set([
  "/v1/completions",
  "/v1/models",
  "/health",
  "/metrics",
  "/tokenizer_info",
  "/tokenize",
  "/detokenize",
]);

/** Counts answers. The time of one that is streamed ends with its head. */
function measured(metrics: Metrics) {
  return async (context: Context, next: () => Promise<void>) => {
    const start = performance.now();
    await next();
    const route = paths.has(context.req.path) ? context.req.path : "other";
    // 499 is what servers count that is not answered because its client went away.
    const status = context.error instanceof ClientGone ? 499 : context.res.status;
    metrics.answered(route, status, (performance.now() - start) / 1000);
  };
}

/** Hashes are compared, as they are equally long whatever is sent. */
function authorised(apiKey: string) {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  const expected = hash(`Bearer ${apiKey}`);
  return async (context: Context, next: () => Promise<void>) => {
    if (!timingSafeEqual(hash(context.req.header("authorization") ?? ""), expected)) {
      throw new ApiError(401, "a valid key is needed, as Authorization: Bearer KEY", { code: "invalid_api_key" });
    }
    await next();
  };
}

const tooLarge = (bytes: number) => (): never => {
  throw new ApiError(413, `the body is larger than ${bytes} bytes`);
};

function answerError(error: ApiError, context: Context): Response {
  if (error.status === 401) context.header("WWW-Authenticate", "Bearer");
  if (error.status === 429) context.header("Retry-After", "1");
  if (error.status === 503) context.header("Connection", "close");
  return context.json(error.body(), error.status);
}
