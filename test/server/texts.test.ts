/** Long texts: they hold up nobody, and what cannot fit is not read. */

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Random } from "../../src/random.ts";
import { labelsOf } from "../../src/server/labels.ts";
import { TextThreads } from "../../src/server/text-threads.ts";
import { loadTokenizer, trainBytePairEncoding } from "../../src/text/index.ts";
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
