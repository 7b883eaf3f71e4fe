/** What clients may ask of a conversation, checked. */

import { z } from "zod";
import type { Message } from "../text/index.ts";
import { fields, samplingFields } from "./schemas.ts";

/** The largest `top_logprobs` of OpenAI's API. */
const MOST_TOP = 20;

const noTools = "this server has no tools, and its models call none";

const contentSchema = z.union(
  [
    z.string(),
    z.array(
      fields({
        type: z.literal("text", { error: "is not supported by this server, expected parts of type text" }),
        text: z.string(),
      }),
    ),
  ],
  {
    error: ({ input }) =>
      Array.isArray(input)
        ? "expected parts of type text alone"
        : "expected a string, or an array of parts of type text",
  },
);

const messageSchema = fields({
  /** What newer clients call "developer" is what templates know as "system". */
  role: z.enum(["system", "developer", "user", "assistant"], {
    error: ({ input }) =>
      input === "tool" || input === "function"
        ? `is ${JSON.stringify(input)}, but ${noTools}`
        : `is ${JSON.stringify(input)}, expected system, user or assistant`,
  }),
  /** Who of several has the role, for templates that tell. */
  name: z.string().nullish(),
  content: contentSchema,
  tool_calls: z.tuple([], { error: noTools }).nullish(),
});

/** A schema for what must not be there: a value that asks for nothing may. */
const tools = z.tuple([], { error: `${noTools}; leave it out` }).nullish();

export const chatSchema = fields({
  ...samplingFields,
  messages: z.array(messageSchema, { error: "expected an array of messages" }).min(1, "expected at least one message"),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MOST_TOP).nullish(),
  tools,
  functions: tools,
  tool_choice: z.literal(["none", "auto"], { error: `${noTools}; leave it out` }).nullish(),
  function_call: z.literal(["none", "auto"], { error: `${noTools}; leave it out` }).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: fields({
    type: z.literal("text", { error: "is not supported by this server, whose answers are text; leave it out" }),
  }).nullish(),
  modalities: z.array(z.literal("text", { error: "expected text alone" })).nullish(),
}).refine(({ logprobs, top_logprobs }) => top_logprobs == null || logprobs === true, {
  path: ["top_logprobs"],
  error: "needs logprobs: true",
});

export type ChatRequest = z.infer<typeof chatSchema>;

/** What was said, as templates read it. */
export function messagesOf({ messages }: ChatRequest): Message[] {
  return messages.map(({ role, name, content }) => ({
    ...(name != null && { name }),
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  }));
}
