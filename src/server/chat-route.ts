/** `POST /v1/chat/completions`. */

import { UserError } from "../errors.ts";
import type { Tokenizer } from "../text/index.ts";
import { answerTexts } from "./answer-route.ts";
import { ApiError } from "./api-error.ts";
import { type Asked, askedOfChat } from "./asked.ts";
import { jsonBody } from "./body.ts";
import { ChatAnswer } from "./chat-answers.ts";
import { type ChatRequest, chatSchema } from "./chat-schemas.ts";
import type { ServedModel } from "./completion.ts";
import { chosenModel } from "./models.ts";
import { checked } from "./schemas.ts";
import type { ServerContext, Service } from "./service.ts";

export async function chatRoute(context: ServerContext, service: Service): Promise<Response> {
  const { model, limits } = service;
  const body = await jsonBody(context, limits.bytes);
  checkNumber(body, model);
  const request = checked(chatSchema, body);
  const { name, gates } = chosenModel(model, request.model);
  return answerTexts(context, service, askedOf(request, model.tokenizer, gates), new ChatAnswer(name));
}

/** Refuses what cannot fit, as each message is a token at least: to check and to write tens of thousands of them takes long. */
function checkNumber(body: unknown, { context }: ServedModel): void {
  const messages = listIn(body, "messages");
  const number = messages.reduce<number>((sum, message) => sum + Math.max(1, listIn(message, "content").length), 0);
  if (number <= context) return;
  throw new ApiError(
    400,
    `messages: are ${number} with their parts, but this model's context is ${context} tokens; shorten the conversation`,
    { code: "context_length_exceeded", parameter: "messages" },
  );
}

/** A list within what is not checked yet; empty where there is none. */
function listIn(value: unknown, name: string): readonly unknown[] {
  const list: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return Array.isArray(list) ? list : [];
}

/** A model that can hold no conversation is the client's mistake. */
function askedOf(request: ChatRequest, tokenizer: Tokenizer, gates: readonly number[]): Asked {
  try {
    return askedOfChat(request, tokenizer, gates);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new ApiError(400, `messages: ${error.message}`, { parameter: "messages" });
  }
}
