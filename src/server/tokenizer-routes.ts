/** The tokenizer's routes, as vLLM has them; lm-evaluation-harness asks them how to divide its texts. */

import { beginningOfText, endOfText } from "../text/index.ts";
import { jsonBody } from "./body.ts";
import { encoded } from "./prompts.ts";
import type { Route } from "./routes.ts";
import { checked, detokenizeSchema, tokenizeSchema } from "./schemas.ts";
import type { ServerContext, Service } from "./service.ts";

export function tokenizerRoutes(service: Service): Route[] {
  const { tokenizer, context: longest, vocabulary } = service.model;
  // Without a token that ends a text, the line break before a text stands for both, as the harness needs one.
  const begin = beginningOfText(tokenizer)?.content ?? null;
  const info = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: begin,
    eos_token: endOfText(tokenizer)?.content ?? begin,
    pad_token: null,
    vocab_size: vocabulary,
    model_max_length: longest,
    chat_template: service.model.tokenizer.settings?.chatTemplate ?? null,
  };
  return [
    { method: "GET", path: "/tokenizer_info", answer: (context) => context.json(info) },
    { method: "POST", path: "/tokenize", answer: (context) => tokenize(context, service) },
    { method: "POST", path: "/detokenize", answer: (context) => detokenize(context, service) },
  ];
}

async function tokenize(context: ServerContext, service: Service): Promise<Response> {
  const { prompt, return_token_strs } = checked(tokenizeSchema, await jsonBody(context, service.limits.bytes));
  return alive(context, service, async (signal) => {
    const labels = return_token_strs === true;
    const result = await encoded(service.threads.encode(prompt, signal, { labels }));
    const tokens = [...result.ids];
    const token_strs = labels ? result.labels : null;
    return context.json({ count: tokens.length, max_model_len: service.model.context, tokens, token_strs });
  });
}

async function detokenize(context: ServerContext, service: Service): Promise<Response> {
  const { tokens } = checked(detokenizeSchema, await jsonBody(context, service.limits.bytes));
  return alive(context, service, async (signal) =>
    context.json({ prompt: await service.threads.decode(tokens, signal) }),
  );
}

/** Answers while the client waits and there is time. */
async function alive(
  context: ServerContext,
  { lives }: Service,
  answer: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const life = lives.begin(context.env.outgoing);
  try {
    return await answer(life.signal);
  } finally {
    life.end();
  }
}
