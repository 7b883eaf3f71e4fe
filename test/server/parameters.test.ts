/** How a request says what is drawn, against texts that are computed here: the model has the same logits for any next token. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { letters, stubServer } from "../support/server.ts";
import { at } from "../support/values.ts";

// By id: "\n", " ", "a" to "j", "🙂".
const logits = [-3, 0.25, 2, 1.75, 1.5, -0.5, 0.5, -1, -2, 0.75, -4, 1, -2.5];

let stub: Awaited<ReturnType<typeof stubServer>> | undefined;
beforeAll(async () => {
  stub = await stubServer(async () => undefined, { logits, slots: 4 });
});
afterAll(async () => stub?.server.drain(1));

async function answer(body: object): Promise<string> {
  const response = await stub?.ask({ prompt: "ab", max_tokens: 25, ...body });
  const text = await response?.text();
  expect(response?.status, text).toBe(200);
  return text ?? "";
}

async function textsOf(body: object): Promise<string[]> {
  const { choices } = JSON.parse(await answer(body));
  return choices.map(({ text }: { text: string }) => text);
}

/** The text of always the likeliest token, by a rule that changes a token's logit. */
function likeliest(change: (logit: number, token: { id: number; written: number; prompt: boolean }) => number): string {
  const prompt = [...letters.encode("ab")];
  const written: number[] = [];
  while (written.length < 25) {
    const changed = logits.map((logit, id) =>
      change(logit, { id, written: written.filter((other) => other === id).length, prompt: prompt.includes(id) }),
    );
    written.push(changed.indexOf(Math.max(...changed)));
  }
  return letters.decode(written);
}

const idOf = (character: string) => at([...letters.encode(character)], 0);

describe("what is written", () => {
  const greedy = { temperature: 0 };

  it.each([
    ["frequency_penalty", 0.3, -1.7],
    ["presence_penalty", 0.6, -2],
  ])("is penalised by %s, what is in the prompt is not", async (name, positive, negative) => {
    for (const penalty of [positive, negative]) {
      const expected = likeliest((logit, { written }) => {
        const count = name === "presence_penalty" ? Math.min(written, 1) : written;
        return logit - count * penalty;
      });
      expect(await textsOf({ ...greedy, [name]: penalty })).toEqual([expected]);
      if (penalty > 0) expect(new Set(expected).size).toBeGreaterThan(2);
    }
  });

  it("is penalised by repetition_penalty with the prompt", async () => {
    const expected = likeliest((logit, { written, prompt }) => {
      if (written === 0 && !prompt) return logit;
      return logit > 0 ? logit / 1.5 : logit * 1.5;
    });
    expect(expected[0]).toBe("c"); // neither "a" nor "b", as these are in the prompt
    expect(await textsOf({ ...greedy, repetition_penalty: 1.5 })).toEqual([expected]);
  });

  it("has a repetition_penalty that leaves logits finite, or is told which", async () => {
    for (const repetition_penalty of [0.01, 100]) await answer({ repetition_penalty });
    for (const [repetition_penalty, bound] of [
      [1e-39, "at least 0.01"],
      [1e300, "at most 100"],
    ] as const) {
      const response = await stub?.ask({ prompt: "ab", repetition_penalty });
      const message = `repetition_penalty: is ${repetition_penalty}, expected a number of ${bound}`;
      const error = { message, param: "repetition_penalty" };
      expect([response?.status, await response?.json()]).toMatchObject([400, { error }]);
    }
  });

  it("is biased by logit_bias, after penalties", async () => {
    const biases = { [idOf("a")]: -100, [idOf("🙂")]: 6, [idOf("j")]: 3 };
    const expected = likeliest((logit, { id, written }) => logit - 0.4 * written + (biases[id] ?? 0));
    expect(new Set(expected)).not.toContain("a");
    expect(await textsOf({ ...greedy, frequency_penalty: 0.4, logit_bias: biases })).toEqual([expected]);
    expect(await textsOf({ logit_bias: { [idOf("e")]: 100 } })).toEqual(["e".repeat(25)]);
  });

  it("is drawn among those that min_p leaves", async () => {
    const highest = Math.max(...logits);
    const left = logits.flatMap((logit, id) => (Math.exp(logit - highest) >= 0.3 ? letters.decode([id]) : []));
    const drawn = new Set((await textsOf({ min_p: 0.3, n: 16, seed: 2 })).join(""));
    expect(drawn).toEqual(new Set(left));
    expect(new Set((await textsOf({ min_p: 1, n: 4 })).join(""))).toEqual(new Set("a"));
  });

  it("is drawn among all with top_k 0 or -1", async () => {
    const drawn = { n: 5, seed: 11 };
    const all = await textsOf(drawn);
    expect(new Set(all.join("")).size).toBeGreaterThan(6);
    for (const top_k of [0, -1, null, 13, 900]) expect(await textsOf({ ...drawn, top_k })).toEqual(all);
    expect(await textsOf({ ...drawn, top_k: 1 })).toEqual(new Array(5).fill("a".repeat(25)));
  });

  it("has the model's own log-probabilities, whatever is drawn", async () => {
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const penalties = { frequency_penalty: 1, presence_penalty: 0.5, repetition_penalty: 1.2, logit_bias: { 5: 4 } };
    const { choices } = JSON.parse(await answer({ ...penalties, logprobs: 0 }));
    const { tokens, token_logprobs } = choices[0].logprobs;
    for (const [place, token] of tokens.entries()) {
      expect(token_logprobs[place]).toBeCloseTo(at(logits, idOf(token)) - total, 5);
    }
  });
});

describe("a stream", () => {
  const chunksOf = async (body: object) => {
    const lines = (await answer({ stream: true, max_tokens: 3, ...body })).trim().split("\n\n");
    expect(lines.pop()).toBe("data: [DONE]");
    return lines.map((line) => JSON.parse(line.replace("data: ", "")));
  };

  it("has no usage but in its last chunk, where asked for, and else none", async () => {
    const chunks = await chunksOf({ stream_options: { include_usage: true } });
    const last = chunks.pop();
    expect(last).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 } });
    expect(chunks.map(({ usage }) => usage)).toEqual([null, null, null]);
    for (const chunk of await chunksOf({})) expect(chunk).not.toHaveProperty("usage");
  });
});

describe("a parameter that is not known", () => {
  it("is taken where it asks nothing, or says who asks", async () => {
    const nothing = {
      user: "me",
      suffix: "",
      best_of: 3,
      n: 3,
      ignore_eos: false,
      stop_token_ids: [],
      unheard_of: null,
    };
    expect(await textsOf({ ...nothing, metadata: { a: "b" }, seed: 3 })).toEqual(await textsOf({ n: 3, seed: 3 }));
  });

  it.each(["/v1/completions", "/tokenize", "/detokenize"])("is refused by name: %s", async (path) => {
    const body = { prompt: "a", tokens: [1], add_special_tokens: true };
    const { prompt, tokens, ...others } = body;
    const asked = { ...(path === "/detokenize" ? { tokens } : { prompt }), ...others };
    const response = await fetch(`${stub?.url}${path}`, { method: "POST", body: JSON.stringify(asked) });
    const message = "add_special_tokens: is not supported by this server; leave it out";
    expect([response.status, await response.json()]).toMatchObject([400, { error: { message } }]);
  });
});
