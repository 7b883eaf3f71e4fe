/** `POST /v1/completions`. */

import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { answerChunk, answerHead, WholeAnswer } from "./answers.ts";
import { ApiError } from "./api-error.ts";
import { type Completion, complete, planCompletion } from "./completion.ts";
import { RequestLife } from "./requests.ts";
import { checked, completionSchema, refuseUnsupported } from "./schemas.ts";
import type { Service } from "./service.ts";

export async function completionsRoute(context: Context, service: Service): Promise<Response> {
  const request = checked(completionSchema, await jsonBody(context));
  refuseUnsupported(request);
  const completion = planCompletion(service.model, request);
  admit(service, completion);
  return request.stream === true ? streamed(context, service, completion) : whole(context, service, completion);
}

/** @throws ApiError for a body that is not JSON */
export async function jsonBody(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "the body is not JSON");
  }
}

/** @throws ApiError where the texts asked for are more than can wait */
function admit({ scheduler, limits }: Service, { prompts, count }: Completion): void {
  const texts = prompts.length * count;
  if (texts > limits.queue) {
    throw new ApiError(
      400,
      `prompt: ${prompts.length} prompts with n = ${count} are ${texts} texts, expected at most ${limits.queue}`,
      {
        parameter: "prompt",
      },
    );
  }
  if (scheduler.waiting + texts > limits.queue)
    throw new ApiError(429, "too many requests are waiting; try again later");
}

async function whole(context: Context, service: Service, completion: Completion): Promise<Response> {
  const { model, scheduler, limits, metrics } = service;
  const life = new RequestLife(context.req.raw.signal, limits.seconds);
  const answer = new WholeAnswer(completion.prompts.length * completion.count);
  try {
    const usage = await complete(scheduler, model, completion, life.signal, (index, piece) => answer.add(index, piece));
    metrics.wrote(usage.prompt_tokens, usage.completion_tokens);
    return context.json(answer.body(answerHead(model.name), usage));
  } finally {
    life.end();
  }
}

function streamed(context: Context, service: Service, completion: Completion): Response {
  const { model, scheduler, limits, metrics } = service;
  const withUsage = completion.request.stream_options?.include_usage === true;
  const head = answerHead(model.name);
  return streamSSE(context, async (stream) => {
    const life = new RequestLife(context.req.raw.signal, limits.seconds);
    stream.onAbort(() => life.gone());
    let sent: Promise<unknown> = Promise.resolve();
    const send = (data: unknown) => {
      const text = typeof data === "string" ? data : JSON.stringify(data);
      sent = sent.then(() => stream.writeSSE({ data: text }));
    };
    try {
      const usage = await complete(scheduler, model, completion, life.signal, (index, piece) =>
        send(answerChunk(head, index, piece)),
      );
      metrics.wrote(usage.prompt_tokens, usage.completion_tokens);
      if (withUsage) send({ ...head, choices: [], usage });
      send("[DONE]");
    } catch (error) {
      send(service.failure(error).body());
    } finally {
      life.end();
      await sent;
    }
  });
}
