/** Conversations as a text to train on: lines of JSON, as models are fine-tuned with, in the form that a run has for them. */

import { chatTemplateOf, type Tokenizer } from "tokenformer/browser";
import { z } from "zod";
import type { NamedText } from "./pieces.ts";

const lineSchema = z.looseObject({
  messages: z.array(z.looseObject({ role: z.enum(["system", "user", "assistant"]), content: z.string() })).min(1),
});

/** The text of conversations for a model of them; any other text, or one for any other model, is left as it is. */
export function inForm({ name, text }: NamedText, tokenizer: Tokenizer | undefined): NamedText {
  if (tokenizer?.settings?.chatTemplate === undefined) return { name, text };
  const conversations = conversationsOf(text);
  if (conversations === undefined) return { name, text };
  const template = chatTemplateOf(tokenizer);
  return { name, text: conversations.map((messages) => template.text(messages, { reply: false })).join("") };
}

function conversationsOf(text: string) {
  const conversations = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const messages = conversationIn(line);
    if (messages === undefined) return undefined;
    conversations.push(messages);
  }
  return conversations;
}

function conversationIn(line: string) {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data?.messages;
  } catch {
    return undefined;
  }
}
