/** Long texts: they hold up nobody, and what cannot fit is not read. */

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Random } from "../../src/random.ts";
import { labelsOf } from "../../src/server/labels.ts";
import { TextThreads } from "../../src/server/text-threads.ts";
import {
  chatTemplateOf,
  loadTokenizer,
  readSettings,
  trainBytePairEncoding,
  withSettings,
} from "../../src/text/index.ts";
import { stubServer } from "../support/server.ts";

const random = Random.from("texts");
const words = Array.from({ length: 200 }, () =>
  Array.from({ length: 2 + random.integer(7) }, () => "etaoinshrdlucmé"[random.integer(15)]).join(""),
);
const drawn = (count: number) => Array.from({ length: count }, () => words[random.integer(words.length)]).join(" ");
const tokenizer = loadTokenizer(trainBytePairEncoding(drawn(3000), { vocabularySize: 400 }), "test");
const never = new AbortController().signal;

describe("texts in threads", () => {
  const threads = new TextThreads(tokenizer);
  afterAll(() => threads.close());

  it("are encoded, decoded and labelled as by the tokenizer itself, short and long", async () => {
    for (const text of ["", "größer 🙂", drawn(50), drawn(3000)]) {
      const expected = tokenizer.encode(text);
      const { ids, labels } = await threads.encode(text, never, { labels: true });
      expect(ids).toEqual(expected);
      expect(labels).toEqual(labelsOf(tokenizer, expected));
      expect(await threads.decode([...ids], never)).toBe(text);
    }
  });

  it("become one of a conversation as by its template, short and long", async () => {
    const chat_template =
      "{% for m in messages %}{{ bos_token + m.role + m.name|default('') + m.content }}{% endfor %}";
    const own = withSettings(tokenizer, readSettings({ chat_template, bos_token: "^" }, "test"));
    for (const one of [tokenizer, own]) {
      const writing = new TextThreads(one);
      for (const count of [1, 300]) {
        const messages = Array.from(
          { length: count },
          () => ({ role: "user", name: "Ann", content: drawn(2) }) as const,
        );
        expect(await writing.write(messages, never)).toBe(chatTemplateOf(one).text(messages));
      }
      await writing.close();
    }
  });

  it("go on after one that is left, whose promise is rejected at once", async () => {
    const long = drawn(40_000);
    for (let round = 0; round < 3; round++) {
      const abort = new AbortController();
      const left = threads.encode(long, abort.signal);
      const queued = threads.encode(`${long}.`, abort.signal);
      const short = threads.encode("round", never);
      const next = threads.encode(drawn(1000), never);
      abort.abort(new Error(`left ${round}`));
      await expect(left).rejects.toThrow(`left ${round}`);
      await expect(queued).rejects.toThrow(`left ${round}`);
      expect((await short).ids).toEqual(tokenizer.encode("round"));
      expect((await next).ids.length).toBeGreaterThan(1000);
      expect(threads.waiting).toBe(0);
    }
    await expect(threads.encode("a", AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  });

  it("are taken by their length, and short ones do not wait for long ones", async () => {
    const order: string[] = [];
    const run = async (name: string, text: string) => {
      await threads.encode(text, never);
      order.push(name);
    };
    const long = drawn(20_000);
    await Promise.all([
      run("first", long),
      run("longest", long + long),
      run("shorter", drawn(2000)),
      run("short", "a text"),
      run("shortest", "a"),
    ]);
    expect(order).toEqual(["short", "shortest", "first", "shorter", "longest"]);
  });

  it("are refused in the tokenizer's own words", async () => {
    const letters = new TextThreads(loadTokenizer(trainBytePairEncoding("ab", { vocabularySize: 256 }), "test"));
    expect((await letters.encode("ab", never)).ids).toHaveLength(2);
    await letters.close();
    const { url, server } = await stubServer(async () => undefined);
    const asked = await fetch(`${url}/tokenize`, { method: "POST", body: JSON.stringify({ prompt: "Z" }) });
    expect([asked.status, await asked.text()]).toEqual([400, expect.stringContaining('prompt: Character \\"Z\\"')]);
    await server.drain(1);
  });
});

it("leave no thread where the server's port is taken", async () => {
  const { server } = await stubServer(async () => undefined);
  const close = vi.spyOn(TextThreads.prototype, "close");
  await expect(stubServer(async () => undefined, { port: server.port })).rejects.toThrow(/cannot listen on/);
  expect(close).toHaveBeenCalledTimes(1);
  close.mockRestore();
  await server.drain(1);
});

describe("a server", () => {
  let stub: Awaited<ReturnType<typeof stubServer>> | undefined;
  beforeAll(async () => {
    stub = await stubServer(async () => undefined, { tokenizer, bytes: 2 ** 20 });
  });
  afterAll(async () => stub?.server.drain(1));
  const post = (path: string, body: object, signal?: AbortSignal) =>
    fetch(`${stub?.url}${path}`, { method: "POST", body: JSON.stringify(body), ...(signal && { signal }) });

  it("answers others while a long text is encoded", async () => {
    // One word of a megabyte: nothing of it is known from other words.
    const long = drawn(200_000).replaceAll(" ", "").slice(0, 900_000);
    let done = false;
    const encoded = post("/tokenize", { prompt: long }).then(async (response) => {
      done = true;
      return response.json();
    });
    for (let count = 0; count < 3; count++) {
      expect((await fetch(`${stub?.url}/health`)).status).toBe(200);
      expect((await post("/v1/completions", { prompt: "a word", max_tokens: 3 })).status).toBe(200);
    }
    expect(done).toBe(false);
    expect(await encoded).toMatchObject({ count: tokenizer.encode(long).length });
  });

  it("refuses unread what cannot fit, as a text or as ids", async () => {
    const longest = Math.max(...Array.from({ length: 400 }, (_, id) => Buffer.byteLength(tokenizer.decode([id]))));
    const ids = new Array<number>(995).fill(1);
    const refused = [
      [{ prompt: "a".repeat(1_000_000) }, "999 are left for the prompt, but it has at least"],
      [
        { prompt: ["a", "é".repeat(500 * longest + 1)], max_tokens: 0 },
        "1000 are left for the prompt, but it has at least",
      ],
      [{ prompt: ids, max_tokens: 6 }, "994 are left for the prompt, but it has 995 tokens"],
      [{ prompt: drawn(1000), max_tokens: 1 }, "this model's context is 1000 tokens, but"],
    ] as const;
    for (const [body, message] of refused) {
      const response = await post("/v1/completions", body);
      const error = { code: "context_length_exceeded", param: "prompt", message: expect.stringContaining(message) };
      expect([response.status, await response.json()]).toMatchObject([400, { error }]);
    }
    expect((await post("/v1/completions", { prompt: ids, max_tokens: 5 })).status).toBe(200);
    // No prompt is short enough for these.
    for (const max_tokens of [1000, 1e9]) {
      const response = await post("/v1/completions", { prompt: "a", max_tokens });
      const message =
        "max_tokens: this model's context is 1000 tokens, of which the prompt needs at least one; ask for 999 at most";
      const error = { code: "context_length_exceeded", param: "max_tokens", message };
      expect([response.status, await response.json()]).toMatchObject([400, { error }]);
    }
  });

  it("answers others while a conversation is written out, which counts among those that wait", async () => {
    const slow = "{% if messages[0].content == 'slowly' %}{% for i in range(30000) %}{% endfor %}{% endif %}a";
    const settings = readSettings({ chat_template: slow }, "test");
    const own = { tokenizer: withSettings(tokenizer, settings), slots: 1, queue: 1 };
    const { url, server } = await stubServer(async () => undefined, own);
    const body = JSON.stringify({ messages: [{ role: "user", content: "slowly" }], max_tokens: 1 });
    const written: number[] = [];
    const chat = async () => {
      const { status } = await fetch(`${url}/v1/chat/completions`, { method: "POST", body });
      written.push(status);
    };
    const all = Promise.all([chat(), chat(), chat()]);
    await expect.poll(() => written).toEqual([429]);
    for (let count = 0; count < 3; count++) expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(written).toEqual([429]);
    await all;
    expect(written).toEqual([429, 200, 200]);
    await server.drain(1);
  });

  it("refuses unread more messages, or parts of them, than there is room for", async () => {
    const part = { type: "text", text: "a" };
    const user = (content: unknown) => ({ role: "user", content });
    // What is within them is not looked at.
    for (const messages of [
      new Array(1001).fill(user("a")),
      new Array(30_000).fill({ role: "no role" }),
      [user(new Array(1000).fill(part)), user("a")],
    ]) {
      const response = await post("/v1/chat/completions", { messages });
      const message = expect.stringMatching(
        /^messages: are \d+ with their parts, but this model's context is 1000 tokens/,
      );
      const error = { code: "context_length_exceeded", param: "messages", message };
      expect([response.status, await response.json()]).toMatchObject([400, { error }]);
    }
    const response = await post("/v1/chat/completions", { messages: [user("a".repeat(900_000))] });
    const message = expect.stringContaining("999 are left for the prompt, but it has at least");
    const error = { code: "context_length_exceeded", param: "messages", message };
    expect([response.status, await response.json()]).toMatchObject([400, { error }]);
  });

  it("takes half a million ids, or lists of them, for what they are", async () => {
    for (const prompt of [
      new Array(400_000).fill(1),
      new Array(200_000).fill([1]),
      [...new Array(200_000).fill([1]), "a"],
    ]) {
      expect((await post("/v1/completions", { prompt })).status).toBe(400);
    }
  });
});
