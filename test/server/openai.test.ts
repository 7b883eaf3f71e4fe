/** The server as OpenAI's own client for Node meets it. */

import { setTimeout } from "node:timers/promises";
import OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { letters, useServer } from "../support/server.ts";

const server = useServer();
let client = new OpenAI({ apiKey: "any" });

beforeAll(() => {
  client = new OpenAI({ baseURL: `${server().url}/v1`, apiKey: "any", maxRetries: 0 });
});

type Parameters = Omit<OpenAI.CompletionCreateParamsNonStreaming, "model" | "stream">;

const create = (parameters: Parameters) => client.completions.create({ model: "tiny", ...parameters });

async function text(parameters: Parameters): Promise<string> {
  return (await create(parameters)).choices[0]?.text ?? "";
}

const greedy = { prompt: "abc", temperature: 0, max_tokens: 12 };

describe("completions", () => {
  it("have the form of OpenAI's, with their usage", async () => {
    expect(await create(greedy)).toEqual({
      id: expect.stringMatching(/^cmpl-/),
      object: "text_completion",
      created: expect.any(Number),
      model: "tiny",
      choices: [{ index: 0, text: expect.stringMatching(/^.{12}$/su), logprobs: null, finish_reason: "length" }],
      usage: { prompt_tokens: 3, completion_tokens: 12, total_tokens: 15 },
    });
  });

  it("write 16 tokens by default, or as many as the context has room for", async () => {
    expect([...(await text({ prompt: "a" }))]).toHaveLength(16);
    expect([...(await text({ prompt: "a".repeat(40) }))]).toHaveLength(8);
    expect([...(await text({ prompt: "a".repeat(40), max_tokens: null }))]).toHaveLength(8);
  });

  it("go on from strings and from token ids, one or many, as from each alone", async () => {
    const ids = (text: string) => [...letters.encode(text)];
    const [one, other] = [await text(greedy), await text({ ...greedy, prompt: "j" })];
    expect(one).not.toBe(other);
    expect(await text({ ...greedy, prompt: ids("abc") })).toBe(one);
    for (const prompt of [
      ["abc", "j", "abc"],
      [ids("abc"), ids("j"), ids("abc")],
    ]) {
      const { choices, usage } = await create({ ...greedy, prompt });
      expect(choices.map(({ text, index }) => [index, text])).toEqual([
        [0, one],
        [1, other],
        [2, one],
      ]);
      expect(usage).toEqual({ prompt_tokens: 7, completion_tokens: 36, total_tokens: 43 });
    }
    expect(await text({ ...greedy, prompt: "" })).toBe(await text({ ...greedy, prompt: "\n" }));
  });

  it("are the same for the same seed, and n of them differ", async () => {
    const drawn = { prompt: "abc", temperature: 1, max_tokens: 20, seed: 5 };
    const several = await create({ ...drawn, n: 4 });
    expect(new Set(several.choices.map(({ text }) => text)).size).toBe(4);
    expect(several.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 80 });
    expect(await text(drawn)).toBe(several.choices[0]?.text);
    expect(await text({ ...drawn, seed: 6 })).not.toBe(several.choices[0]?.text);
    expect(await text({ ...drawn, seed: null })).not.toBe(await text({ ...drawn, seed: null }));
    const certain = await create({ ...drawn, n: 4, top_p: 1e-9 });
    expect(new Set(certain.choices.map(({ text }) => text)).size).toBe(1);
  });

  it("end before a stop string", async () => {
    const whole = await text(greedy);
    const stop = [...whole].slice(4, 6).join("");
    const { choices } = await create({ ...greedy, stop: ["zz", stop] });
    expect(choices[0]).toMatchObject({ text: whole.slice(0, whole.indexOf(stop)), finish_reason: "stop" });
  });
});

describe("log-probabilities", () => {
  it("with echo are those of every token of the prompt but the first, and of what was written", async () => {
    const { choices } = await create({ ...greedy, prompt: "abc🙂d", echo: true, logprobs: 2, max_tokens: 1 });
    const [choice] = choices;
    const { tokens = [], token_logprobs = [], top_logprobs = [], text_offset = [] } = choice?.logprobs ?? {};
    expect(choice?.text.startsWith("abc🙂d")).toBe(true);
    expect(tokens.join("")).toBe(choice?.text);
    expect([tokens, token_logprobs, top_logprobs].map(({ length }) => length)).toEqual([6, 6, 6]);
    expect(text_offset).toEqual([0, 1, 2, 3, 4, 5]);
    expect([token_logprobs[0], top_logprobs[0]]).toEqual([null, null]);
    for (const [place, alternatives] of top_logprobs.entries()) {
      if (place === 0) continue;
      const own = alternatives?.[tokens[place] ?? ""];
      expect(own).toBe(token_logprobs[place]);
      expect(Object.keys(alternatives ?? {}).length).toBeLessThanOrEqual(3);
      expect(Math.max(...Object.values(alternatives ?? {}))).toBeLessThan(0);
    }
  });

  it("of a greedy text, scored anew, are to the bit those of the likeliest tokens", async () => {
    const written = await create({ ...greedy, echo: true, logprobs: 1 });
    const prompt = written.choices[0]?.text ?? "";
    const scored = await create({ prompt, echo: true, logprobs: 1, max_tokens: 0 });
    expect(scored.choices[0]).toMatchObject({ text: prompt, finish_reason: "length" });
    expect(scored.usage).toMatchObject({ prompt_tokens: 15, completion_tokens: 0 });
    const [before, after] = [written, scored].map(({ choices }) => choices[0]?.logprobs);
    expect(after?.tokens).toEqual(before?.tokens);
    for (const [place, value] of after?.token_logprobs?.entries() ?? []) {
      if (place > 0) expect(value).toBeCloseTo(before?.token_logprobs?.[place] ?? Number.NaN, 4);
      if (place >= 3) expect(value).toBe(Math.max(...Object.values(after?.top_logprobs?.[place] ?? {})));
    }
  });

  it("without echo are those of what was written", async () => {
    const { choices } = await create({ ...greedy, logprobs: 0 });
    const { tokens, text_offset, top_logprobs } = choices[0]?.logprobs ?? {};
    expect(tokens?.join("")).toBe(choices[0]?.text);
    expect(text_offset).toEqual([...new Array(12).keys()]);
    expect(top_logprobs?.map((alternatives) => Object.keys(alternatives))).toEqual(tokens?.map((token) => [token]));
  });
});

describe("streams", () => {
  it("give the same text in pieces, the reason at the end, and the usage where asked for", async () => {
    const whole = await create({ ...greedy, n: 2, logprobs: 1, echo: true });
    const stream = await client.completions.create({
      model: "tiny",
      ...greedy,
      n: 2,
      logprobs: 1,
      echo: true,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ["", ""];
    const tokens: string[][] = [[], []];
    const reasons: (string | null)[][] = [[], []];
    let usage: unknown;
    for await (const chunk of stream) {
      usage = chunk.usage;
      for (const { index, text, logprobs, finish_reason } of chunk.choices) {
        texts[index] += text;
        tokens[index]?.push(...(logprobs?.tokens ?? []));
        reasons[index]?.push(finish_reason);
      }
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(tokens).toEqual(whole.choices.map(({ logprobs }) => logprobs?.tokens));
    expect(usage).toEqual(whole.usage);
    for (const own of reasons) {
      expect(own.pop()).toBe("length");
      expect(own.length).toBeGreaterThan(5);
      expect(new Set(own)).toEqual(new Set([null]));
    }
  });

  it("that are left free their slots", async () => {
    const stream = await client.completions.create({ model: "tiny", prompt: "a", n: 9, max_tokens: 47, stream: true });
    for await (const _ of stream) break;
    await idle();
    const abort = new AbortController();
    const waiting = client.completions.create(
      { model: "tiny", prompt: "a", n: 50, max_tokens: 47 },
      { signal: abort.signal },
    );
    await setTimeout(20);
    abort.abort();
    await expect(waiting).rejects.toThrow(OpenAI.APIUserAbortError);
    await idle();
  });
});

async function idle(): Promise<void> {
  const { scheduler } = server().running;
  while (scheduler.active + scheduler.waiting > 0) await setTimeout(2);
}

describe("errors", () => {
  const refused: readonly (readonly [name: string, parameters: object, message: string, parameter: string | null])[] = [
    ["no prompt", { prompt: undefined }, "prompt: expected a string, an array of strings", "prompt"],
    ["an empty list", { prompt: [] }, "prompt: expected a string, an array of strings", "prompt"],
    ["a character without a token", { prompt: "aZ" }, 'prompt: Character "Z" (U+005A) at 1:2 is not in the', "prompt"],
    ["a token that is none", { prompt: [1, 99] }, "prompt: token 99 is not one of 0 to 12", "prompt"],
    ["a prompt beyond the context", { prompt: "a".repeat(49) }, "this model's context is 48 tokens, but 49", "prompt"],
    ["too much to write", { prompt: "aaa", max_tokens: 46 }, "this model's context is 48 tokens, but 3 of", "prompt"],
    [
      "too many texts",
      { prompt: new Array(10).fill("a"), n: 41 },
      "prompt: 10 prompts with n = 41 are 410 texts",
      "prompt",
    ],
    [
      "a temperature out of range",
      { temperature: -1 },
      "temperature: is -1, expected a number of at least 0",
      "temperature",
    ],
    ["logprobs out of range", { logprobs: 6 }, "logprobs: is 6, expected a number of at most 5", "logprobs"],
    ["an empty stop string", { stop: [""] }, 'stop.0: is "", expected a text of at least 1 character', "stop.0"],
    [
      "a penalty out of range",
      { frequency_penalty: 3 },
      "frequency_penalty: is 3, expected a number of at most 2",
      "frequency_penalty",
    ],
    ["a bias of no token", { logit_bias: { 13: 1 } }, "logit_bias: token 13 is not one of 0 to 12", "logit_bias"],
    ["a bias of a word", { logit_bias: { a: 1 } }, "logit_bias: token a is not one of 0 to 12", "logit_bias"],
    ["a top-k below that of all", { top_k: -2 }, "top_k: is -2, expected a number of at least -1", "top_k"],
    ["a min-p above 1", { min_p: 1.5 }, "min_p: is 1.5, expected a number of at most 1", "min_p"],
    ["an unknown parameter", { ignore_eos: true }, "ignore_eos: is not supported by this server", "ignore_eos"],
    ["a mistyped one", { max_token: 3 }, "max_token: is not supported by this server; leave it out", "max_token"],
    [
      "what every object has",
      { constructor: 2 },
      "constructor: is not supported by this server; leave it out",
      "constructor",
    ],
    ["what every object does", { toString: 1 }, "toString: is not supported by this server", "toString"],
    ["a suffix", { suffix: "b" }, "suffix: is not supported by this server", "suffix"],
    ["the best of several", { best_of: 3 }, "best_of: is not supported by this server", "best_of"],
  ];

  it.each(refused)("refuse %s", async (_, parameters, message, parameter) => {
    const attempt = create({ prompt: "a", ...parameters });
    await expect(attempt).rejects.toThrow(OpenAI.BadRequestError);
    await expect(attempt).rejects.toThrow(`400 ${message}`);
    await expect(attempt).rejects.toMatchObject({ type: "invalid_request_error", param: parameter });
  });

  it("are given for a model that is not there; that of a request may have any name", async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["tiny"]);
    expect(await client.models.retrieve("tiny")).toMatchObject({ object: "model", owned_by: "tokenformer" });
    await expect(client.models.retrieve("huge")).rejects.toThrow(OpenAI.NotFoundError);
    expect((await client.completions.create({ ...greedy, model: "gpt" })).model).toBe("tiny");
  });
});
