// LangChain and the Vercel AI SDK with a server of ours: node check.js http://127.0.0.1:8000/v1

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, streamText, tool } from "ai";
import { z } from "zod";

const [, , baseURL = "http://127.0.0.1:8000/v1"] = process.argv;
const question = "Who are you?";
const asked = { temperature: 0, maxTokens: 12 };
let failures = 0;

async function check(name, work) {
  try {
    console.log(`${name}: ${JSON.stringify(await work())}`);
  } catch (error) {
    failures++;
    console.log(`${name}: FAILED: ${error.message}`);
  }
}

/** What is thrown, which must be there. */
async function refusal(work) {
  try {
    await work();
  } catch (error) {
    return error.message;
  }
  throw new Error("nothing was refused");
}

async function joined(pieces, pick = (piece) => piece) {
  const found = [];
  for await (const piece of pieces) found.push(pick(piece));
  if (found.length < 2) throw new Error("it came in one piece");
  return found.join("");
}

function same(one, other) {
  if (one !== other) throw new Error(`${JSON.stringify(one)} is not ${JSON.stringify(other)}`);
  return one;
}

const chat = (more = {}) =>
  new ChatOpenAI({ model: "any", apiKey: "any", maxRetries: 0, configuration: { baseURL }, ...asked, ...more });
const whole = (await chat().invoke(question)).content;
await check("LangChain, whole", async () => whole);
await check("LangChain, streamed", async () =>
  same(await joined(await chat().stream(question), ({ content }) => content), whole),
);
await check("LangChain, with stop", async () =>
  same(
    (await chat({ stop: [whole.slice(4, 6)] }).invoke(question)).content,
    whole.slice(0, whole.indexOf(whole.slice(4, 6))),
  ),
);
await check("LangChain, left", async () => {
  for await (const _ of await chat({ maxTokens: 30 }).stream(question)) break;
  return (await chat().invoke(question)).content;
});
await check("LangChain, tools", () =>
  refusal(() =>
    chat()
      .bindTools([{ type: "function", function: { name: "f", parameters: { type: "object" } } }])
      .invoke(question),
  ),
);

const model = createOpenAICompatible({ name: "tokenformer", baseURL, includeUsage: true })("any");
const options = { model, prompt: question, temperature: 0, maxOutputTokens: 12, maxRetries: 0 };
await check("AI SDK, whole", async () => same((await generateText(options)).text, whole));
await check("AI SDK, streamed, with usage", async () => {
  const stream = streamText(options);
  return [same(await joined(stream.textStream), whole), (await stream.usage).totalTokens];
});
await check("AI SDK, with stop", async () =>
  same(
    (await generateText({ ...options, stopSequences: [whole.slice(4, 6)] })).text,
    whole.slice(0, whole.indexOf(whole.slice(4, 6))),
  ),
);
await check("AI SDK, aborted", async () => {
  const abort = new AbortController();
  const stream = streamText({ ...options, abortSignal: abort.signal, onError: () => undefined });
  for await (const _ of stream.textStream) {
    abort.abort();
    break;
  }
  return (await generateText(options)).text;
});
await check("AI SDK, tools", () =>
  refusal(() => generateText({ ...options, tools: { f: tool({ description: "f", inputSchema: z.object({}) }) } })),
);
process.exitCode = failures > 0 ? 1 : 0;
