/** Many clients at once, good and bad ones. */

import { request } from "node:http";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { Random } from "../../src/random.ts";
import { useServer } from "../support/server.ts";
import { garbage } from "../torture/hostile-clients.ts";

const server = useServer({}, 5);

interface Asked {
  readonly prompt: string;
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly echo: boolean;
  readonly logprobs: number | null;
}

interface Answer {
  readonly text: string;
  readonly logprobs: readonly (number | null)[];
}

const random = Random.from("load");
const draw = (text: string, length: number) => Array.from({ length }, () => text[random.integer(text.length)]).join("");

function drawn(seed: number): Asked {
  return {
    prompt: draw("abcdefghij ", 1 + random.integer(20)),
    max_tokens: random.integer(12),
    temperature: random.integer(2),
    seed,
    echo: random.integer(2) === 0,
    logprobs: random.integer(2) === 0 ? 1 : null,
  };
}

const post = (body: string, signal?: AbortSignal) =>
  fetch(`${server().url}/v1/completions`, { method: "POST", body, ...(signal !== undefined && { signal }) });

async function whole(asked: Asked): Promise<Answer> {
  const response = await post(JSON.stringify(asked));
  expect(response.status).toBe(200);
  const { choices } = JSON.parse(await response.text());
  return { text: choices[0].text, logprobs: choices[0].logprobs?.token_logprobs ?? [] };
}

/** Reads a stream a little at a time, with pauses in which nothing is taken from the socket. */
function slow(asked: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`${server().url}/v1/completions`, { method: "POST" }, (response) => {
      let received = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        received += piece;
        response.pause();
        void setTimeout(15).then(() => response.resume());
      });
      response.on("end", () => resolve(joined(received)));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(JSON.stringify({ ...asked, stream: true }));
  });
}

function joined(received: string): Answer {
  const lines = received.split("\n").filter((line) => line.startsWith("data: "));
  expect(lines.pop()).toBe("data: [DONE]");
  const choices = lines.map((line) => JSON.parse(line.slice("data: ".length)).choices[0]);
  return {
    text: choices.map(({ text }) => text).join(""),
    logprobs: choices.flatMap(({ logprobs }) => logprobs?.token_logprobs ?? []),
  };
}

/** Leaves before the answer, or in the midst of it. */
async function leaving(asked: Asked, after: number): Promise<void> {
  const abort = new AbortController();
  const body = JSON.stringify({ ...asked, max_tokens: 25, n: 3, stream: after % 2 === 0 });
  const ask = async () => (await post(body, abort.signal)).text();
  const answered = ask().catch((error: unknown) => expect(error).toMatchObject({ name: "AbortError" }));
  await setTimeout(after);
  abort.abort();
  await answered;
}

async function bad(index: number): Promise<void> {
  const response = await post(garbage[index % garbage.length] ?? "");
  expect([400, 413]).toContain(response.status);
  expect(await response.json()).toMatchObject({ error: { message: expect.any(String) } });
}

it("a hundred clients get what each would get alone, whatever others do, and nothing is left behind", async () => {
  const asked = Array.from({ length: 100 }, (_, seed) => drawn(seed));
  const alone: Answer[] = [];
  for (const one of asked) alone.push(await whole(one));

  const others = Array.from({ length: 40 }, (_, index) => [bad(index), leaving(drawn(index), 3 * (index % 20))]).flat();
  const answers = await Promise.all(asked.map((one, index) => (index % 3 === 0 ? slow(one) : whole(one))));
  await Promise.all(others);

  expect(answers.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
  for (const [index, { logprobs }] of answers.entries()) {
    const expected = alone[index]?.logprobs ?? [];
    expect(logprobs).toHaveLength(expected.length);
    for (const [place, value] of logprobs.entries()) {
      expect(value === null).toBe(expected[place] === null);
      expect(value ?? 0).toBeCloseTo(expected[place] ?? 0, 4);
    }
  }
  const { scheduler } = server().running;
  while (scheduler.active + scheduler.waiting > 0) await setTimeout(5);
  expect(server().notes).toEqual([]);
  await whole(drawn(0));
});
