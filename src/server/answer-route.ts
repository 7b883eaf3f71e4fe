/** Answers to requests for texts, whole or in pieces, in the form of their route. */

import { streamSSE } from "hono/streaming";
import { ApiError } from "./api-error.ts";
import type { Asked } from "./asked.ts";
import type { Piece } from "./choice.ts";
import { type Completion, complete, planCompletion, type Usage } from "./completion.ts";
import type { Limits } from "./limits.ts";
import type { RequestLife } from "./requests.ts";
import type { ServerContext, Service } from "./service.ts";

/** How the texts of a route are told. */
export interface AnswerForm {
  /** What comes before the first piece of a stream. */
  first(index: number): object | undefined;
  /** A piece of a stream. */
  chunk(index: number, piece: Piece): object;
  /** The last of a stream, where the usage is asked for. */
  usage(usage: Usage): object;
  /** The whole answer. @param texts the pieces of each text */
  whole(texts: readonly (readonly Piece[])[], usage: Usage): object;
}

/**
 * Answers a request.
 * @throws ApiError where more is asked for than can wait, or than the model has room for
 */
export async function answerTexts(
  context: ServerContext,
  service: Service,
  asked: Asked,
  form: AnswerForm,
): Promise<Response> {
  const { model, prompts, lives } = service;
  const life = lives.begin(context.env.outgoing, textsOf(asked, service.limits));
  try {
    const completion = await planCompletion(model, prompts, asked, life.signal);
    return asked.stream
      ? streamed(context, service, completion, life, form)
      : await whole(context, service, completion, life, form);
  } catch (error) {
    life.end();
    throw error;
  }
}

/** How many texts a request asks for. @throws ApiError where they are more than can ever wait */
function textsOf(asked: Asked, limits: Limits): number {
  const prompts = asked.prompts.length;
  const texts = prompts * asked.count;
  if (texts <= limits.queue) return texts;
  throw new ApiError(
    400,
    `${asked.field}: ${prompts} prompts with n = ${asked.count} are ${texts} texts, expected at most ${limits.queue}`,
    { parameter: asked.field },
  );
}

async function whole(
  context: ServerContext,
  { model, scheduler, metrics }: Service,
  completion: Completion,
  life: RequestLife,
  form: AnswerForm,
): Promise<Response> {
  const texts = Array.from({ length: completion.texts }, (): Piece[] => []);
  const usage = await complete(scheduler, model, completion, life, (index, piece) => texts[index]?.push(piece));
  life.end();
  metrics.wrote(usage.prompt_tokens, usage.completion_tokens);
  return context.json(form.whole(texts, usage));
}

function streamed(
  context: ServerContext,
  service: Service,
  completion: Completion,
  life: RequestLife,
  form: AnswerForm,
): Response {
  const { model, scheduler, metrics } = service;
  const withUsage = completion.asked.streamsUsage;
  return streamSSE(context, async (stream) => {
    let sent: Promise<unknown> = Promise.resolve();
    const send = (data: object | string) => {
      const text = typeof data === "string" ? data : JSON.stringify(data);
      sent = sent.then(() => stream.writeSSE({ data: text }));
    };
    const sendPiece = (data: object) => send({ ...data, ...(withUsage && { usage: null }) });
    try {
      for (let index = 0; index < completion.texts; index++) {
        const first = form.first(index);
        if (first !== undefined) sendPiece(first);
      }
      const usage = await complete(scheduler, model, completion, life, (index, piece) =>
        sendPiece(form.chunk(index, piece)),
      );
      metrics.wrote(usage.prompt_tokens, usage.completion_tokens);
      if (withUsage) send(form.usage(usage));
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
