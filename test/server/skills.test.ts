/** Skills as models of a server: requests of different ones share passes, and each gets what its model alone would give. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scorer } from "../../src/evaluation/index.ts";
import { Decoder, generate } from "../../src/generation/index.ts";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { type CompleteModelConfig, givenOf, modelOf, type TokenFormerConfig } from "../../src/model/index.ts";
import { type RunningServer, startServer } from "../../src/server/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnParameters } from "../support/models.ts";
import { config as base, letters } from "../support/server.ts";

const device = useDevice();

/** A generation that belongs to the model, and two skills. */
const generations = [2, 3, 1].map((tokens) => ({
  tokens: { query: tokens, key: tokens + 1, value: tokens, projection: tokens, feedForward: tokens + 2 },
}));
const config: CompleteModelConfig<TokenFormerConfig> = { ...base, generations };
const all = drawnParameters(config, 0.8);
const gated = { first: 2, count: 2 };
const context = config.context;

/** The model with some of the skills alone. */
async function alone(skills: readonly number[]) {
  const kept = [generations[0], ...skills.map((skill) => generations[1 + skill])].flatMap((own) => own ?? []);
  const own = { ...base, generations: kept };
  const renamed = new Map(
    [...all].flatMap(([name, array]) => {
      const generation = Number(/generations\.(\d+)/.exec(name)?.[1] ?? 0);
      const place = generation < gated.first ? generation : gated.first + skills.indexOf(generation - gated.first);
      if (generation >= gated.first && !skills.includes(generation - gated.first)) return [];
      return [[name.replace(/generations\.\d+/, `generations.${place}`), array] as const];
    }),
  );
  const parameters = await uploadArrays(device(), renamed);
  return new Inference(device(), modelOf(own), parameters, givenOf(own));
}

let inference: Inference;
let server: RunningServer;
let url = "";
beforeAll(async () => {
  inference = new Inference(device(), modelOf(config), await uploadArrays(device(), all), givenOf(config));
  const sequences = await Decoder.open(inference, { context, slots: 5, gated });
  const scorer = await Scorer.create(inference, { top: 5, gated });
  server = await startServer(
    {
      name: "tiny",
      skills: ["law", "sea"],
      tokenizer: letters,
      context,
      vocabulary: config.vocabulary,
      sequences,
      scorer,
      slots: 5,
    },
    { port: 0, host: "127.0.0.1", limits: { bytes: 10_000, queue: 400, seconds: 60 }, note: () => {} },
  );
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(() => server.drain(5));

async function ask(body: object) {
  const response = await fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const models = [
  ["tiny", []],
  ["law", [0]],
  ["sea", [1]],
] as const;

describe("a server with skills", () => {
  it("lists them beside the model", async () => {
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: "tiny" }, { id: "law", parent: "tiny" }, { id: "sea", parent: "tiny" }],
    });
    expect(await (await fetch(`${url}/v1/models/sea`)).json()).toMatchObject({ id: "sea" });
    expect((await fetch(`${url}/v1/models/other`)).status).toBe(404);
  });

  it("answers requests that come at once each by its model", async () => {
    const prompts = ["abc", "jihg", "fade", "bead", "chief"];
    const expected = new Map<string, string>();
    for (const [model, skills] of models) {
      const own = await alone(skills);
      const decoder = await Decoder.open(own, { context });
      for (const prompt of prompts) {
        let text = "";
        for await (const piece of generate(decoder, letters, { prompt, tokens: 14, temperature: 0 })) text += piece;
        expected.set(`${model} ${prompt}`, text);
      }
      await decoder.release();
      await own.release();
    }
    expect(
      new Set(prompts.map((prompt) => models.map(([model]) => expected.get(`${model} ${prompt}`)).join())).size,
    ).toBe(5);
    expect(expected.get("tiny abc")).not.toBe(expected.get("law abc"));
    const answers = await Promise.all(
      prompts.flatMap((prompt) =>
        models.map(async ([model]) => {
          const { body } = await ask({ model, prompt, max_tokens: 14, temperature: 0 });
          expect(body.model).toBe(model);
          return [`${model} ${prompt}`, body.choices[0].text] as const;
        }),
      ),
    );
    expect(new Map(answers)).toEqual(expected);
  });

  it("scores prompts by their models, several in one pass", async () => {
    const prompt = "fade chief";
    const ids = Int32Array.from(letters.encode(prompt));
    const asked = models.map(async ([model, skills]) => {
      const { body } = await ask({ model, prompt, echo: true, max_tokens: 0, logprobs: 1 });
      const own = await alone(skills);
      const [scores] = await (await Scorer.create(own, { top: 5 })).score([ids]);
      const found: number[] = body.choices[0].logprobs.token_logprobs.slice(1);
      expect(found).toHaveLength(ids.length - 1);
      found.forEach((score, place) => {
        expect(score, model).toBeCloseTo(scores?.logProbabilities[place] ?? Number.NaN, 4);
      });
      return found[0];
    });
    expect(new Set(await Promise.all(asked)).size).toBe(3);
  });

  it("is the model itself where a request names none, and refuses what is not there", async () => {
    expect((await ask({ prompt: "abc", max_tokens: 1 })).body.model).toBe("tiny");
    expect(await ask({ model: "war", prompt: "abc" })).toMatchObject({
      status: 404,
      body: { error: { code: "model_not_found", message: 'model: there is no "war", expected one of tiny, law, sea' } },
    });
  });
});
