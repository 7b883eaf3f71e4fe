/** What a model says next in a conversation. */

import { UserError } from "../errors.ts";
import { chatTemplateOf, type Message, type Tokenizer } from "../text/portable.ts";
import { type GenerateOptions, write } from "./generate.ts";
import type { Sequences } from "./sequences.ts";

export type ReplyOptions = Omit<GenerateOptions, "prompt" | "stop" | "ends" | "atContext" | "scores">;

/**
 * Streams the reply to a conversation, in the form of the tokenizer's chat template, to where that ends the assistant's turn.
 * @param messages which leave half of the context for the reply: of those that do not fit, the oldest are left out, but for what
 * the system said
 * @throws UserError for a message that cannot be encoded, or has no room in the model's context; for a template that is none
 */
export async function* reply(
  sequences: Sequences,
  tokenizer: Tokenizer,
  messages: readonly Message[],
  options: ReplyOptions,
): AsyncGenerator<string> {
  const template = chatTemplateOf(tokenizer);
  const { ids: ends, stop } = template.end;
  const prompt = template.text(fittingMessages(messages, tokenizer, sequences.context));
  const stops = stop === undefined ? [] : [stop];
  for await (const { text } of write(sequences, tokenizer, {
    ...options,
    prompt,
    stop: stops,
    ends,
    atContext: "stop",
  }))
    if (text !== "") yield text;
}

/**
 * Messages that leave half of the context for the reply: the oldest are forgotten, but for what the system said.
 * @throws UserError where the last one has no room in it
 */
export function fittingMessages(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  context: number,
): readonly Message[] {
  const template = chatTemplateOf(tokenizer);
  const lengthOf = (some: readonly Message[]) => tokenizer.encode(template.text(some)).length;
  const system = messages.filter(({ role }) => role === "system");
  let others = messages.filter(({ role }) => role !== "system");
  // Two at a time, as of a conversation the message and the answer go together; the last one stays.
  while (others.length > 1 && lengthOf([...system, ...others]) > context / 2)
    others = others.slice(Math.min(2, others.length - 1));
  const length = lengthOf([...system, ...others]);
  if (length < context) return [...system, ...others];
  throw new UserError(
    `the message has ${length} tokens with its template, and the model's context ${context}, expected fewer; say it shorter`,
  );
}
