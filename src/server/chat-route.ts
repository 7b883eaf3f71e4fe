/** `POST /v1/chat/completions`. */

import { UserError } from "../errors.ts";
import type { Tokenizer } from "../text/index.ts";
import { answerTexts } from "./answer-route.ts";
import { ApiError } from "./api-error.ts";
import { type Asked, askedOfChat } from "./asked.ts";
import { jsonBody } from "./body.ts";
import { ChatAnswer } from "./chat-answers.ts";
import { type ChatRequest, chatSchema } from "./chat-schemas.ts";
import { chosenModel } from "./models.ts";
import { checked } from "./schemas.ts";
import type { ServerContext, Service } from "./service.ts";

export async function chatRoute(context: ServerContext, service: Service): Promise<Response> {
  const { model, limits } = service;
  const request = checked(chatSchema, await jsonBody(context, limits.bytes));
  const { name, gates } = chosenModel(model, request.model);
  return answerTexts(context, service, askedOf(request, model.tokenizer, gates), new ChatAnswer(name));
}

/** What a template refuses is the client's mistake. */
function askedOf(request: ChatRequest, tokenizer: Tokenizer, gates: readonly number[]): Asked {
  try {
    return askedOfChat(request, tokenizer, gates);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new ApiError(400, `messages: ${error.message}`, { parameter: "messages" });
  }
}
