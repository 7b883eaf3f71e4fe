import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { CachedModel } from "../../src/generation/cached-model.ts";
import { Decoder, type DecoderOptions, generate, mostLikely, scoreToken } from "../../src/generation/index.ts";
import { Inference, uploadArrays } from "../../src/inference/inference.ts";
import { type CompleteModelConfig, givenOf, modelOf, type QuantizationName } from "../../src/model/index.ts";
import { CharacterTokenizer } from "../../src/text/index.ts";
import { useDevice } from "../support/device.ts";
import { drawnParameters, tinyTokenFormer, tinyTransformer } from "../support/models.ts";
import { integers } from "../support/values.ts";

const device = useDevice();

const context = 17;
const configs: readonly (readonly [string, CompleteModelConfig])[] = [
  ["tokenformer", { ...tinyTokenFormer, context }],
  [
    "tokenformer, gelu_l2_norm, all channels rotated",
    { ...tinyTokenFormer, context, activation: "gelu_l2_norm", rotaryFraction: 1 },
  ],
  [
    "tokenformer, softmax, learned positions, untied",
    { ...tinyTokenFormer, context, activation: "softmax", positions: "learned", tied: false },
  ],
  [
    "tokenformer with norms of its generations",
    {
      ...tinyTokenFormer,
      context,
      generations: [{ tokens: { query: 2, key: 0, value: 3, projection: [0, 4], feedForward: 5 } }],
    },
  ],
  ["transformer", tinyTransformer],
  ["transformer, rotary positions", { ...tinyTransformer, positions: "rotary" }],
  ["bigram", { type: "bigram", vocabulary: 7, context }],
];

/** A decoder of a model with drawn weights, and its logits [V] without a cache, after a window. */
async function opened(config: CompleteModelConfig, options: Partial<DecoderOptions> = {}, quantize?: QuantizationName) {
  const parameters = await uploadArrays(device(), drawnParameters(config));
  const inference = new Inference(device(), modelOf(config), parameters, givenOf(config));
  const decoder = await Decoder.open({ ...loadedOf(inference), quantize }, { context: config.context, ...options });
  const close = async () => {
    await decoder.release();
    await inference.release();
    await device().dispose(parameters.values());
  };
  return { decoder, inference, plain: (ids: readonly number[]) => inference.nextLogits(Int32Array.from(ids)), close };
}

const loadedOf = ({ device, model, parameters, given }: Inference) => ({ device, model, parameters, given });

/** Differences to 1e-4 of the largest logit. */
function expectAgreement(found: Float32Array | undefined, expected: Float32Array): void {
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (found?.[index] ?? Number.NaN))),
    0,
  );
  expect(found).toHaveLength(expected.length);
  expect(worst / scale).toBeLessThan(1e-4);
}

const drawn = (name: string, count: number, vocabulary: number) => [...integers(name, [count], vocabulary).data];

it("goes on as before where there was no memory for more room", async () => {
  const config = { ...tinyTokenFormer, context: 400 };
  const { decoder, plain, close } = await opened(config);
  const ids = drawn("ids", 70, config.vocabulary);
  const { slot } = await decoder.start(ids.slice(0, 63));
  const step = (at: number) => decoder.step(new Map([[slot, ids[at] ?? 0]]));
  await step(63);
  const allocate = vi.spyOn(device(), "allocate");
  allocate.mockRejectedValueOnce(new Error("no memory"));
  await expect(step(64)).rejects.toThrow("no memory");
  const kernel = vi.spyOn(device(), "kernel").mockRejectedValueOnce(new Error("no memory for the copies"));
  await expect(step(64)).rejects.toThrow("no memory for the copies");
  allocate.mockRestore();
  kernel.mockRestore();
  for (let at = 64; at < 70; at++) expectAgreement((await step(at)).get(slot), await plain(ids.slice(0, at + 1)));
  decoder.free(slot);
  const long = drawn("long", 400, config.vocabulary);
  const whole = await decoder.start(long);
  expectAgreement(whole.logits, await plain(long));
  decoder.free(whole.slot);
  const short = await decoder.start(ids.slice(0, 9));
  expectAgreement(short.logits, await plain(ids.slice(0, 9)));
  await close();
});

describe.each(configs)("%s", (_, config) => {
  it.each([true, false])(
    "gives the logits of the whole window, prompt and steps (weights in the program: %s)",
    async (freeze) => {
      const { decoder, plain, close } = await opened(config, { freeze });
      const ids = drawn("ids", context, config.vocabulary);
      for (const prompt of [1, 6, context]) {
        const { slot, logits } = await decoder.start(ids.slice(0, prompt));
        expectAgreement(logits, await plain(ids.slice(0, prompt)));
        for (let length = prompt; length < context; length++) {
          const after = await decoder.step(new Map([[slot, ids[length] ?? 0]]));
          expectAgreement(after.get(slot), await plain(ids.slice(0, length + 1)));
          expect(decoder.length(slot)).toBe(length + 1);
        }
        decoder.free(slot);
      }
      await close();
    },
  );

  it("makes room for long sequences, and keeps the others as they are", async () => {
    const long = { ...config, context: 307 };
    const { decoder, plain, close } = await opened(long, { slots: 2 });
    const [first, second] = [drawn("first", 307, long.vocabulary), drawn("second", 307, long.vocabulary)];
    const a = await decoder.start(first.slice(0, 61));
    const b = await decoder.start(second.slice(0, 5));
    for (let step = 0; step < 150; step++) {
      const both = await decoder.step(
        new Map([
          [a.slot, first[61 + step] ?? 0],
          [b.slot, second[5 + step] ?? 0],
        ]),
      );
      // Room for 64, 128, 192 and 256 tokens.
      if (![1, 2, 3, 66, 67, 68, 130, 131, 149].includes(step)) continue;
      expectAgreement(both.get(a.slot), await plain(first.slice(0, 62 + step)));
      expectAgreement(both.get(b.slot), await plain(second.slice(0, 6 + step)));
    }
    decoder.free(a.slot);
    const whole = await decoder.start(first);
    expectAgreement(whole.logits, await plain(first));
    const after = await decoder.step(new Map([[b.slot, second[155] ?? 0]]));
    expectAgreement(after.get(b.slot), await plain(second.slice(0, 156)));
    await close();
  });

  it("keeps sequences of unequal lengths apart, whatever is started, stepped and freed", async () => {
    const { decoder, plain, close } = await opened(config, { slots: 5 });
    const action = fc.record({
      kind: fc.constantFrom("start", "step", "step", "free"),
      pick: fc.nat(97),
      seed: fc.nat(997),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (actions) => {
        const sequences = new Map<number, number[]>();
        for (const { kind, pick, seed } of actions) {
          const slots = [...sequences.keys()];
          const chosen = slots.filter(
            (slot, index) => (pick >> index) % 2 === 0 && (sequences.get(slot)?.length ?? 0) < context,
          );
          if (kind === "start" && decoder.available > 0) {
            const ids = drawn(`${seed}`, 1 + (pick % context), config.vocabulary);
            const { slot, logits } = await decoder.start(ids);
            expectAgreement(logits, await plain(ids));
            sequences.set(slot, ids);
          } else if (kind === "step") {
            const tokens = new Map(chosen.map((slot) => [slot, (seed + slot) % config.vocabulary]));
            const results = await decoder.step(tokens);
            expect([...results.keys()]).toEqual(chosen);
            for (const [slot, token] of tokens) {
              sequences.get(slot)?.push(token);
              expectAgreement(results.get(slot), await plain(sequences.get(slot) ?? []));
            }
          } else if (kind === "free" && slots.length > 0) {
            const slot = slots[pick % slots.length] ?? 0;
            decoder.free(slot);
            sequences.delete(slot);
          }
        }
        for (const slot of sequences.keys()) decoder.free(slot);
      }),
      { numRuns: 12 },
    );
    await close();
  });
});

const tiny: CompleteModelConfig = { ...tinyTokenFormer, context };

it("makes steps that wait in one pass, and tells each its own", async () => {
  const { decoder, plain, close } = await opened(tiny, { slots: 3 });
  const prompts = [[1, 2], [3], [4, 5, 6, 7]];
  const started = await Promise.all(prompts.map((ids) => decoder.start(ids)));
  const steps = started.flatMap(({ slot }, index) => [
    decoder.step(new Map([[slot, index]])),
    decoder.step(new Map([[slot, index + 5]])),
  ]);
  const refused = decoder.step(new Map([[77, 1]]));
  await expect(refused).rejects.toThrow("slot 77 is free");
  const results = await Promise.all(steps);
  for (const [index, { slot }] of started.entries()) {
    expectAgreement(results[2 * index]?.get(slot), await plain([...(prompts[index] ?? []), index]));
    expectAgreement(results[2 * index + 1]?.get(slot), await plain([...(prompts[index] ?? []), index, index + 5]));
  }
  await close();
});

it("reads prompts that wait in one pass where they are short and about as long, and tells each its own", async () => {
  const long: CompleteModelConfig = { ...tinyTokenFormer, context: 300 };
  const { decoder, plain, close } = await opened(long, { slots: 8 });
  const lengths = [1, 40, 38, 2, 260, 41, 3];
  const prompts = lengths.map((length, index) => drawn(`prompt ${index}`, length, long.vocabulary));
  const passes = vi.spyOn(CachedModel.prototype, "pass");
  const leaving = new AbortController();
  const started = prompts.map((ids) => decoder.start(ids));
  const left = decoder.start([1, 2], { signal: leaving.signal });
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  const all = await Promise.all(started);
  // 1 and 2; 40, 38 and 41; the long one in two pieces; 3.
  expect(passes).toHaveBeenCalledTimes(1 + 1 + 2 + 1);
  passes.mockRestore();
  for (const [index, { logits, slot }] of all.entries()) {
    const ids = prompts[index] ?? [];
    expectAgreement(logits, await plain(ids));
    expectAgreement((await decoder.step(new Map([[slot, 5]]))).get(slot), await plain([...ids, 5]));
  }
  expect(decoder.available).toBe(1);
  await close();
});

it("scores the tokens of a prompt, whichever piece they are in", async () => {
  const long: CompleteModelConfig = { ...tinyTokenFormer, context: 600 };
  const { decoder, inference, close } = await opened(long);
  const ids = drawn("long", 530, long.vocabulary);
  const { scores, logits } = await decoder.start(ids, { scores: 3 });
  const { data } = await inference.logits(Int32Array.from(ids), [1, ids.length]);
  expect(scores).toHaveLength(ids.length - 1);
  for (const [index, score] of scores.entries()) {
    const row = data.subarray(index * long.vocabulary, (index + 1) * long.vocabulary);
    const expected = scoreToken(row, ids[index + 1] ?? 0, 3);
    expect(score.token).toBe(ids[index + 1]);
    expect(score.logProbability).toBeCloseTo(expected.logProbability, 3);
    expect(score.top).toHaveLength(3);
    expect(score.top[0]?.logProbability).toBeCloseTo(expected.top[0]?.logProbability ?? 0, 3);
  }
  expectAgreement(logits, data.subarray(-long.vocabulary));
  await close();
});

it("goes on from the later half of the context when it is full", async () => {
  const { decoder, plain, close } = await opened(tiny);
  const tokenizer = CharacterTokenizer.fromText("abcdefghijklm");
  let text = "";
  for await (const piece of generate(decoder, tokenizer, { prompt: "abc", tokens: 40, temperature: 0 })) text += piece;
  const ids = [...tokenizer.encode("abc")];
  let from = 0;
  for (let count = 0; count < 40; count++) {
    if (ids.length - from > context) from = ids.length - Math.ceil(context / 2);
    ids.push(mostLikely(await plain(ids.slice(from)), 1)[0] ?? 0);
  }
  expect(text).toBe(tokenizer.decode(ids.slice(3)));
  await close();
});

it("refuses what it cannot do", async () => {
  const { decoder, close } = await opened(tiny, { slots: 2 });
  await expect(decoder.start([])).rejects.toThrow("a sequence begins with one token at least, got none");
  await expect(decoder.start(Array(18).fill(0))).rejects.toThrow(
    "the prompt has 18 tokens, the model's context 17; shorten it",
  );
  await expect(decoder.start([13])).rejects.toThrow("token 13 is not one of 0 to 12");
  const { slot } = await decoder.start(Array(17).fill(0));
  await expect(decoder.step(new Map([[slot, 1]]))).rejects.toThrow("the sequence is full");
  await decoder.start([1]);
  expect(decoder.available).toBe(0);
  await expect(decoder.start([1])).rejects.toThrow("all 2 slots are taken; free one first");
  decoder.free(slot);
  expect(() => decoder.length(slot)).toThrow("is free");
  const abort = new AbortController();
  abort.abort(new Error("gone"));
  await expect(decoder.start([1], { signal: abort.signal })).rejects.toThrow("gone");
  expect(decoder.available).toBe(1);
  await close();
  await decoder.release();
  await expect(decoder.start([1])).rejects.toThrow("the decoder was released; open another one");
  await expect(decoder.step(new Map([[1, 1]]))).rejects.toThrow("the decoder was released");
});

it.each(["int8", "int4"] as const)("rounds weights to %s", async (quantize) => {
  const wide: CompleteModelConfig = {
    ...tinyTokenFormer,
    context,
    width: 64,
    heads: 4,
    tokens: { query: 64, key: 64, value: 48, projection: 80, feedForward: 96 },
  };
  const { decoder, plain, close } = await opened(wide, {}, quantize);
  const ids = drawn("ids", 9, wide.vocabulary);
  const expected = await plain(ids);
  const { logits } = await decoder.start(ids);
  const norm = (x: Float32Array) => Math.hypot(...x);
  const error = norm(logits.map((value, index) => value - (expected[index] ?? 0))) / norm(expected);
  expect(error).toBeLessThan(quantize === "int8" ? 0.06 : 0.6);
  expect(error).toBeGreaterThan(quantize === "int8" ? 1e-4 : 1e-2);
  await close();
});

it("uses the weights as they are at each pass where it has no copy of them", async () => {
  const config = { ...tinyTokenFormer, context };
  const { decoder, inference, plain, close } = await opened(config);
  const live = await Decoder.open(inference, { context, freeze: false });
  const changed = await uploadArrays(
    device(),
    [...drawnParameters(config)].map(
      ([name, { shape, data }]) => [name, { shape, data: data.map((x) => 1.5 * x) }] as const,
    ),
  );
  const old = inference.parameters;
  inference.use({ parameters: changed });
  const { slot, logits } = await live.start([3, 5, 2]);
  expectAgreement(logits, await plain([3, 5, 2]));
  live.free(slot);
  inference.use({ parameters: old });
  const again = await live.start([3, 5, 2]);
  expectAgreement(again.logits, (await decoder.start([3, 5, 2])).logits);
  await live.release();
  await device().dispose(changed.values());
  await close();
});
