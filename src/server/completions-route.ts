/** `POST /v1/completions`. */

import { streamSSE } from "hono/streaming";
import { answerChunk, answerHead, WholeAnswer } from "./answers.ts";
import { ApiError } from "./api-error.ts";
import { jsonBody } from "./body.ts";
import { type Completion, complete, planCompletion } from "./completion.ts";
import type { RequestLife } from "./requests.ts";
import { type CompletionRequest, checked, completionSchema, promptsOf } from "./schemas.ts";
import type { ServerContext, Service } from "./service.ts";

export async function completionsRoute(context: ServerContext, service: Service): Promise<Response> {
  const { model, prompts, lives, limits } = service;
  const request = checked(completionSchema, await jsonBody(context, limits.bytes));
  admit(service, request);
  const life = lives.begin(context.env.outgoing);
  try {
    const completion = await planCompletion(model, prompts, request, life.signal);
    return request.stream === true
      ? streamed(context, service, completion, life)
      : await whole(context, service, completion, life);
  } catch (error) {
    life.end();
    throw error;
  }
}

/** @throws ApiError where the texts asked for are more than can wait */
function admit({ scheduler, threads, limits }: Service, request: CompletionRequest): void {
  const prompts = promptsOf(request).length;
  const { n } = request;
  const texts = prompts * (n ?? 1);
  if (texts > limits.queue) {
    throw new ApiError(
      400,
      `prompt: ${prompts} prompts with n = ${n ?? 1} are ${texts} texts, expected at most ${limits.queue}`,
      { parameter: "prompt" },
    );
  }
  if (scheduler.waiting + threads.waiting + texts > limits.queue)
    throw new ApiError(429, "too many requests are waiting; try again later");
}

async function whole(
  context: ServerContext,
  { model, scheduler, metrics }: Service,
  completion: Completion,
  life: RequestLife,
): Promise<Response> {
  const answer = new WholeAnswer(completion.prompts.length * completion.count);
  const usage = await complete(scheduler, model, completion, life.signal, (index, piece) => answer.add(index, piece));
  life.end();
  metrics.wrote(usage.prompt_tokens, usage.completion_tokens);
  return context.json(answer.body(answerHead(model.name), usage));
}

function streamed(context: ServerContext, service: Service, completion: Completion, life: RequestLife): Response {
  const { model, scheduler, metrics } = service;
  const withUsage = completion.request.stream_options?.include_usage === true;
  const head = answerHead(model.name);
  return streamSSE(context, async (stream) => {
    let sent: Promise<unknown> = Promise.resolve();
    const send = (data: unknown) => {
      const text = typeof data === "string" ? data : JSON.stringify(data);
      sent = sent.then(() => stream.writeSSE({ data: text }));
    };
    try {
      const usage = await complete(scheduler, model, completion, life.signal, (index, piece) =>
        send({ ...answerChunk(head, index, piece), ...(withUsage && { usage: null }) }),
      );
      metrics.wrote(usage.prompt_tokens, usage.completion_tokens);
      if (withUsage) send({ ...head, choices: [], usage });
      send("[DONE]");
    } catch (error) {
      const failure = service.failure(error);
      context.set("failed", failure.status);
      send(failure.body());
    } finally {
      life.end();
      await sent;
    }
  });
}
