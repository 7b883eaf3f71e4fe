/** Keys, limits, faults and the other routes, as any client meets them. */

import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { letters, metricsOf, stubServer, useServer } from "../support/server.ts";

const open = useServer();
const locked = useServer({ apiKey: "secret", limits: { bytes: 10_000, queue: 4, seconds: 60 } }, 1);

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", body, headers });

async function failure(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/json");
  return { status: response.status, body: await response.json() };
}

describe("a key", () => {
  const models = (headers: Record<string, string>) => fetch(`${locked().url}/v1/models`, { headers });

  it("is asked for on every route but that of health", async () => {
    const expected = {
      status: 401,
      body: { error: { message: expect.stringContaining("a valid key is needed"), code: "invalid_api_key" } },
    };
    for (const authorization of ["", "secret", "Bearer secre", "Bearer secret2", "Basic secret"]) {
      expect(await failure(await models(authorization === "" ? {} : { authorization }))).toMatchObject(expected);
    }
    for (const path of ["/metrics", "/tokenizer_info", "/nothing"]) {
      expect(await failure(await fetch(locked().url + path))).toMatchObject(expected);
    }
    expect((await models({ authorization: "Bearer secret" })).status).toBe(200);
    expect((await fetch(`${locked().url}/health`)).status).toBe(200);
  });
});

describe("limits", () => {
  it("on the size of a body, whether it is announced or not", async () => {
    const large = JSON.stringify({ prompt: "a".repeat(20_000) });
    const expected = { status: 413, body: { error: { message: "the body is larger than 10000 bytes" } } };
    expect(await failure(await post(`${open().url}/v1/completions`, large))).toMatchObject(expected);
    const pieces = new Blob([large]).stream();
    const chunked = await fetch(`${open().url}/v1/completions`, {
      method: "POST",
      body: pieces,
      duplex: "half",
    } as RequestInit);
    expect(await failure(chunked)).toMatchObject(expected);
  });

  it("on the texts that wait", async () => {
    const ask = async () => {
      const body = JSON.stringify({ prompt: "a", max_tokens: 40, n: 4 });
      const response = await post(`${locked().url}/v1/completions`, body, { authorization: "Bearer secret" });
      return { response, result: await response.json() };
    };
    const answers = await Promise.all([ask(), ask(), ask()]);
    const good = answers.filter(({ response }) => response.status === 200);
    const busy = answers.filter(({ response }) => response.status === 429);
    expect([good.length > 0, busy.length > 0, good.length + busy.length]).toEqual([true, true, 3]);
    for (const { response, result } of busy) {
      expect(result).toMatchObject({ error: { message: "too many requests are waiting; try again later" } });
      expect(response.headers.get("retry-after")).toBe("1");
    }
    for (const { result } of good) expect(result).toMatchObject({ usage: { completion_tokens: 160 } });
  });

  it("on the texts that wait, also while their prompts become tokens", async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { server, ask, url } = await stubServer(() => gate, { queue: 11, slots: 2 });
    const statuses: number[] = [];
    const asked = Array.from({ length: 6 }, async () => {
      const { status } = await ask({ prompt: "ab", n: 5, max_tokens: 3 });
      statuses.push(status);
    });
    await expect.poll(() => statuses, { timeout: 20_000 }).toEqual([429, 429, 429, 429]);
    const last = [3, 4].map((n) => ask({ n, max_tokens: 1 }).then(({ status }) => status));
    const tokenized = () => post(`${url}/tokenize`, '{"prompt": "a"}').then(({ status }) => status);
    expect(await last[1]).toBe(429);
    await expect.poll(tokenized, { timeout: 20_000 }).toBe(429);
    await expect.poll(() => server.scheduler.waiting, { timeout: 20_000 }).toBe(11);
    go();
    expect(await last[0]).toBe(200);
    await Promise.all(asked);
    expect(statuses.slice(4)).toEqual([200, 200]);
    expect(await tokenized()).toBe(200);
    await server.drain(1);
  });

  it("on JSON", async () => {
    for (const body of ["", "{", "\u0000\u0001", '{"prompt": "a"', "<xml/>"]) {
      const expected = { status: 400, body: { error: { message: "the body is not JSON" } } };
      expect(await failure(await post(`${open().url}/v1/completions`, body))).toMatchObject(expected);
    }
    for (const body of ["null", "5", "[]", '"a"']) {
      expect((await failure(await post(`${open().url}/v1/completions`, body))).status).toBe(400);
    }
  });
});

describe("an answer that takes too long", () => {
  it("is given up, with its slot, and says so", async () => {
    const { server, ask, notes } = await stubServer(() => setTimeout(5), { seconds: 0.2 });
    const long = { prompt: [letters.encode("a")[0]], max_tokens: 900 };
    const message = "the answer took longer than 0.2 s; ask for less, or try again later";
    expect(await failure(await ask(long))).toMatchObject({ status: 504, body: { error: { message } } });
    const streamed = await (await ask({ ...long, stream: true })).text();
    expect(streamed).toMatch(/^data: \{"id"/);
    expect(streamed).toContain(`data: {"error":{"message":"${message}"`);
    expect(streamed).not.toContain("[DONE]");
    while (server.scheduler.active > 0) await setTimeout(5);
    expect(notes).toEqual([]);
    await server.drain(1);
  });
});

describe("a fault of ours", () => {
  it("is told without its text, and noted with it", async () => {
    const { server, ask, notes } = await stubServer(async () => {
      throw new Error("no such file: /home/someone/secret");
    });
    const answer = await (await ask({})).text();
    expect(JSON.parse(answer)).toEqual({
      error: { message: "the server failed to answer", type: "server_error", param: null, code: null },
    });
    const streamed = await (await ask({ stream: true })).text();
    expect(streamed).toContain("the server failed to answer");
    expect(answer + streamed).not.toMatch(/\/home|secret|\.ts|\.js| at /);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toContain("/home/someone/secret");
    await server.drain(1);
  });
});

describe("the tokenizer's routes", () => {
  it("tell of it, encode and decode", async () => {
    const { url } = open();
    expect(await (await fetch(`${url}/tokenizer_info`)).json()).toMatchObject({
      bos_token: "\n",
      eos_token: "\n",
      vocab_size: 13,
      model_max_length: 48,
    });
    const ids = [...letters.encode("ab🙂")];
    const encoded = await post(
      `${url}/tokenize`,
      JSON.stringify({ prompt: "ab🙂", add_special_tokens: false, return_token_strs: true }),
    );
    expect(await encoded.json()).toEqual({ count: 3, max_model_len: 48, tokens: ids, token_strs: ["a", "b", "🙂"] });
    const decoded = await post(`${url}/detokenize`, JSON.stringify({ tokens: ids }));
    expect(await decoded.json()).toEqual({ prompt: "ab🙂" });
    expect((await failure(await post(`${url}/tokenize`, '{"prompt": "Z"}'))).status).toBe(400);
    expect((await failure(await post(`${url}/detokenize`, '{"tokens": ["a"]}'))).status).toBe(400);
  });
});

describe("metrics", () => {
  const counted = (status: number, count: number) =>
    new RegExp(String.raw`^tokenformer_requests_total\{route="/v1/completions",status="${status}"\} ${count}$`, "m");
  const stream = { prompt: [letters.encode("a")[0]], max_tokens: 900, stream: true };

  it("count streams that are cut with what cut them, and time them to their end", async () => {
    const { server, ask, url } = await stubServer(() => setTimeout(2), { seconds: 0.1 });
    await (await ask(stream)).text();
    await expect.poll(() => metricsOf(url)).toMatch(counted(504, 1));
    const text = await metricsOf(url);
    expect(text).toMatch(/^tokenformer_clients_gone_total 0$/m);
    const seconds = /^tokenformer_request_seconds_sum\{route="\/v1\/completions"\} (\S+)$/m.exec(text)?.[1];
    expect(Number(seconds)).toBeGreaterThan(0.09); // its time was over then
    await server.drain(1);
  });

  it("count streams whose clients go away, and those that are whole", async () => {
    const { server, ask, url } = await stubServer(() => setTimeout(2));
    await (await ask({ ...stream, max_tokens: 3 })).text();
    const abort = new AbortController();
    await fetch(`${url}/v1/completions`, {
      method: "POST",
      body: JSON.stringify(stream),
      signal: abort.signal,
    });
    abort.abort();
    await expect.poll(() => metricsOf(url)).toMatch(counted(499, 1));
    const text = await metricsOf(url);
    expect(text).toMatch(counted(200, 1));
    expect(text).toMatch(/^tokenformer_clients_gone_total 1$/m);
    await server.drain(1);
  });

  it("count requests, tokens and slots in Prometheus' format", async () => {
    await post(`${open().url}/v1/completions`, '{"prompt": "abc", "max_tokens": 4}');
    const response = await fetch(`${open().url}/metrics`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toMatch(/^tokenformer_requests_total\{route="\/v1\/completions",status="200"\} 1$/m);
    expect(text).toMatch(/^tokenformer_tokens_total\{kind="prompt"\} 3$/m);
    expect(text).toMatch(/^tokenformer_tokens_total\{kind="completion"\} 4$/m);
    expect(text).toMatch(/^tokenformer_slots_active 0$/m);
    expect(text).toMatch(/^tokenformer_slots 3$/m);
    expect(await failure(await fetch(`${open().url}/a/b`))).toMatchObject({
      status: 404,
      body: { error: { message: "there is no such route" } },
    });
  });
});
