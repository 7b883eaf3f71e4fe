/** `POST /v1/completions`. */

import { answerTexts } from "./answer-route.ts";
import { CompletionAnswer } from "./answers.ts";
import { askedOfCompletion } from "./asked.ts";
import { jsonBody } from "./body.ts";
import { chosenModel } from "./models.ts";
import { checked, completionSchema } from "./schemas.ts";
import type { ServerContext, Service } from "./service.ts";

export async function completionsRoute(context: ServerContext, service: Service): Promise<Response> {
  const { model, limits } = service;
  const request = checked(completionSchema, await jsonBody(context, limits.bytes));
  const { name, gates } = chosenModel(model, request.model);
  const asked = askedOfCompletion(request, model.tokenizer, gates);
  return answerTexts(context, service, asked, new CompletionAnswer(name));
}
