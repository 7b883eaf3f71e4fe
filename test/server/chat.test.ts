/** Conversations, as OpenAI's own client for Node meets them. */

import { setTimeout } from "node:timers/promises";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer, readSettings, trainBytePairEncoding, withSettings } from "../../src/text/index.ts";
import { stubServer } from "../support/server.ts";

const specialTokens = ["<|endoftext|>", "<|turn|>"];
const bytes = loadTokenizer(trainBytePairEncoding("", { vocabularySize: 258, specialTokens }), "test");
const template =
  "{% for message in messages %}{{ message.role + ('/' + message.name if message.name else '') + '=' + message.content + '<|turn|>' }}{% endfor %}" +
  "{% if messages[0].role == 'assistant' %}{{ raise_exception('begin as the user') }}{% endif %}" +
  "{% if add_generation_prompt %}{{ 'assistant=' }}{% endif %}";
const tokenizer = withSettings(bytes, readSettings({ chat_template: template }, "test"));

/** Logits that allow some texts of one token alone, each as likely as the others. */
function only(...texts: readonly string[]): number[] {
  const logits = new Array<number>(tokenizer.vocabularySize).fill(-1e9);
  for (const text of texts) logits[tokenizer.encode(text)[0] ?? 0] = 0;
  return logits;
}

type Stub = Awaited<ReturnType<typeof stubServer>>;
let [letters, turns]: readonly (Stub | undefined)[] = [];
beforeAll(async () => {
  letters = await stubServer(() => setTimeout(1), { tokenizer, logits: only("a", "b", "c") });
  turns = await stubServer(() => setTimeout(0), { tokenizer, logits: only("a", "b", "c", "<|turn|>") });
});
afterAll(async () => {
  await letters?.server.drain(5);
  await turns?.server.drain(5);
});

function clientOf(stub: Stub | undefined): OpenAI {
  return new OpenAI({ baseURL: `${stub?.url}/v1`, apiKey: "any", maxRetries: 0 });
}

type Parameters = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "model" | "stream" | "messages"> &
  Partial<Pick<OpenAI.ChatCompletionCreateParamsNonStreaming, "messages">>;

const user = { role: "user", content: "Hi" } as const;
const asking = (parameters: Parameters) => ({ model: "any", messages: [user], seed: 3, ...parameters });
const create = (parameters: Parameters, stub = letters) => clientOf(stub).chat.completions.create(asking(parameters));

describe("a reply", () => {
  it("has the form of OpenAI's, with its usage", async () => {
    expect(await create({ max_tokens: 7 })).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: "chat.completion",
      created: expect.any(Number),
      model: "stub",
      system_fingerprint: null,
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: expect.stringMatching(/^[abc]{7}$/), refusal: null },
          logprobs: null,
          finish_reason: "length",
        },
      ],
      usage: {
        prompt_tokens: [...tokenizer.encode("user=Hi<|turn|>assistant=")].length,
        completion_tokens: 7,
        total_tokens: 25,
      },
    });
  });

  it("ends with the turn, whose token is counted but not shown", async () => {
    const { choices, usage } = await create({}, turns);
    const text = choices[0]?.message.content ?? "";
    expect(text).toMatch(/^[abc]*$/);
    expect(choices[0]?.finish_reason).toBe("stop");
    expect(usage?.completion_tokens).toBe(text.length + 1);
  });

  it("may take all the room of the context, or as many tokens as either limit says", async () => {
    const messages = [{ role: "user", content: "x".repeat(900) }] as const;
    expect((await create({ messages: [...messages] })).usage?.total_tokens).toBe(1000);
    expect((await create({ max_completion_tokens: 5, max_tokens: 9 })).usage?.completion_tokens).toBe(5);
  });

  it("is to all that was said, by whom, in one part or several", async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: "developer", content: "Be short." },
      {
        role: "user",
        content: [
          { type: "text", text: "H" },
          { type: "text", text: "i" },
        ],
      },
      { role: "assistant", content: "Hello", refusal: null, function_call: null, tool_calls: [] },
      { role: "user", content: "Hi", name: "Ann" },
    ];
    const text = "system=Be short.<|turn|>user=Hi<|turn|>assistant=Hello<|turn|>user/Ann=Hi<|turn|>assistant=";
    const { usage } = await create({ messages, max_tokens: 2 });
    expect(usage?.prompt_tokens).toBe(tokenizer.encode(text).length);
  });

  it("ends before a stop string, and n of them differ", async () => {
    const whole = await create({ max_tokens: 60, n: 3 });
    const texts = whole.choices.map(({ message }) => message.content ?? "");
    expect(new Set(texts).size).toBe(3);
    const stop = texts[0]?.slice(4, 9) ?? "";
    const { choices } = await create({ max_tokens: 60, stop });
    expect(choices[0]).toMatchObject({
      message: { content: texts[0]?.slice(0, texts[0].indexOf(stop)) },
      finish_reason: "stop",
    });
  });

  it("tells the log-probability of each token, and of the likeliest in its place", async () => {
    const { choices } = await create({ max_tokens: 4, logprobs: true, top_logprobs: 2 });
    const content = choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join("")).toBe(choices[0]?.message.content);
    for (const { token, logprob, bytes: own, top_logprobs } of content) {
      expect(logprob).toBeCloseTo(-Math.log(3), 5);
      expect(own).toEqual([token.charCodeAt(0)]);
      expect(top_logprobs.map((other) => [other.token, other.bytes])).toEqual([
        ["a", [97]],
        ["b", [98]],
      ]);
    }
    expect((await create({ max_tokens: 4, logprobs: true })).choices[0]?.logprobs?.content?.[0]?.top_logprobs).toEqual(
      [],
    );
  });
});

describe("a stream", () => {
  it("gives the same reply in pieces: the role, the text, the reason, the usage", async () => {
    const whole = await create({ max_tokens: 6, n: 2, logprobs: true });
    const stream = await clientOf(letters).chat.completions.create({
      ...asking({ max_tokens: 6, n: 2, logprobs: true }),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1);
    expect(chunks[0]?.object).toBe("chat.completion.chunk");
    for (const [index, { message, finish_reason, logprobs }] of whole.choices.entries()) {
      const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
      expect(own[0]?.delta).toEqual({ role: "assistant", content: "" });
      expect(own.slice(1).every(({ delta }) => delta.role === undefined)).toBe(true);
      expect(own.map(({ delta }) => delta.content ?? "").join("")).toBe(message.content);
      expect(own.flatMap((choice) => choice.logprobs?.content ?? [])).toEqual(logprobs?.content);
      expect(own.map((choice) => choice.finish_reason)).toEqual([
        ...new Array(own.length - 1).fill(null),
        finish_reason,
      ]);
    }
    expect(chunks.pop()).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.every(({ usage }) => usage === null)).toBe(true);
  });

  it("ends with an empty piece where the turn ends without text", async () => {
    const stub = await stubServer(() => setTimeout(0), { tokenizer, logits: only("<|turn|>") });
    const stream = await clientOf(stub).chat.completions.create({ ...asking({}), stream: true });
    const choices = [];
    for await (const chunk of stream) choices.push(...chunk.choices);
    expect(choices.map(({ delta, finish_reason }) => [delta, finish_reason])).toEqual([
      [{ role: "assistant", content: "" }, null],
      [{}, "stop"],
    ]);
    await stub.server.drain(1);
  });

  it("that is left frees its slot", async () => {
    const stream = await clientOf(letters).chat.completions.create({ ...asking({ n: 9 }), stream: true });
    for await (const _ of stream) break;
    await expect.poll(() => letters?.server.scheduler.active).toBe(0);
    expect(letters?.notes).toEqual([]);
  });
});

describe("what is refused", () => {
  const tool = { type: "function", function: { name: "f", parameters: {} } } as const;
  const noTools = "this server has no tools, and its models call none";
  const refused: readonly (readonly [name: string, parameters: object, message: string, parameter: string])[] = [
    ["tools", { tools: [tool] }, `tools: ${noTools}; leave it out`, "tools"],
    ["functions", { functions: [tool.function] }, `functions: ${noTools}; leave it out`, "functions"],
    ["a choice of tools", { tool_choice: "required" }, `tool_choice: ${noTools}; leave it out`, "tool_choice"],
    [
      "an answer of a tool",
      { messages: [user, { role: "tool", content: "5", tool_call_id: "a" }] },
      `messages.1.role: is "tool", but ${noTools}`,
      "messages.1.role",
    ],
    [
      "a role that is none",
      { messages: [{ role: "bot", content: "5" }] },
      'messages.0.role: is "bot", expected system, user or assistant',
      "messages.0.role",
    ],
    [
      "a picture",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "a" } }] }] },
      "messages.0.content: expected parts of type text alone",
      "messages.0.content",
    ],
    [
      "a call in what was said",
      { messages: [{ role: "assistant", content: "a", function_call: { name: "f", arguments: "" } }, user] },
      "messages.0.function_call: is not supported by this server; leave it out",
      "messages.0.function_call",
    ],
    [
      "more of a part than its text",
      { messages: [{ role: "user", content: [{ type: "text", text: "a", cache_control: {} }] }] },
      "messages.0.content.0.cache_control: is not supported by this server; leave it out",
      "messages.0.content.0.cache_control",
    ],
    [
      "more of a stream than its usage",
      { stream_options: { continuous_usage_stats: true } },
      "stream_options.continuous_usage_stats: is not supported by this server; leave it out",
      "stream_options.continuous_usage_stats",
    ],
    ["no message", { messages: [] }, "messages: expected at least one message", "messages"],
    ["what is no list", { messages: "Hi" }, "messages: expected an array of messages", "messages"],
    [
      "JSON",
      { response_format: { type: "json_object" } },
      "response_format.type: is not supported by this server, whose",
      "response_format.type",
    ],
    ["alternatives alone", { top_logprobs: 2 }, "top_logprobs: needs logprobs: true", "top_logprobs"],
    ["a prompt", { prompt: "a" }, "prompt: is not supported by this server; leave it out", "prompt"],
    [
      "what the template refuses",
      { messages: [{ role: "assistant", content: "a" }] },
      "messages: the model's chat template refuses the conversation: begin as the user",
      "messages",
    ],
    [
      "too long a conversation",
      { messages: [{ role: "user", content: "x".repeat(999) }] },
      "this model's context is 1000",
      "messages",
    ],
  ];

  it.each(refused)("%s", async (_, parameters, message, parameter) => {
    const attempt = create(parameters);
    await expect(attempt).rejects.toThrow(`400 ${message}`);
    await expect(attempt).rejects.toMatchObject({ type: "invalid_request_error", param: parameter });
  });

  it("is nothing that asks for nothing", async () => {
    const nothing = { tools: [], tool_choice: "none", response_format: { type: "text" }, parallel_tool_calls: true };
    expect((await create({ ...nothing, max_tokens: 1 } as Parameters)).usage?.completion_tokens).toBe(1);
  });
});
