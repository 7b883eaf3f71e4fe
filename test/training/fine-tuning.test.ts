/** What is learned of documents, and what their tokens see: against computations without masks. */

import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { inProcessCommunicators } from "../../src/cluster/index.ts";
import { configSchema } from "../../src/configuration/index.ts";
import { openCorpus } from "../../src/data/index.ts";
import type { TokenBatch } from "../../src/inference/inference.ts";
import { Run } from "../../src/training/index.ts";
import { useFolder } from "../formats/helpers.ts";
import { useDevice } from "../support/device.ts";
import {
  drawnBatch,
  drawnParameters,
  evaluated,
  lossGradients,
  tinyTokenFormer,
  type Weights,
} from "../support/models.ts";
import type { Values } from "../support/values.ts";
import { bigramModel, tokenformerModel } from "./support.ts";

const device = useDevice();
const config = { ...tinyTokenFormer, context: 11 };
const weights: Weights = { config, parameters: drawnParameters(config) };
const learned = { ...config, positions: "learned" as const };

/** The largest difference of gradients, by the largest gradient. */
function difference(one: ReadonlyMap<string, Values>, other: ReadonlyMap<string, Values>): number {
  let [largest, apart] = [0, 0];
  for (const [name, { data }] of one) {
    for (const [index, value] of data.entries()) {
      largest = Math.max(largest, Math.abs(value));
      apart = Math.max(apart, Math.abs(value - (other.get(name)?.data[index] ?? Number.NaN)));
    }
  }
  return apart / largest;
}

describe("targets that do not count", () => {
  const batch = drawnBatch("masked", [3, 11], config.vocabulary);
  const counted = Float32Array.from(batch.targets, (_, place) => Number(place % 11 >= 4 && place % 3 !== 0));
  const masked: TokenBatch = { ...batch, weights: counted };

  it("give gradients that are exactly zero", async () => {
    const bigram = { ...bigramModel, vocabulary: 13 } as const;
    const model: Weights = { config: bigram, parameters: drawnParameters(bigram) };
    const [table] = (await lossGradients(device(), model, masked)).values();
    // The logits after a token are its row of the table: no row of a token all of whose targets are masked has a gradient.
    for (let token = 0; token < 13; token++) {
      const row = table?.data.slice(13 * token, 13 * (token + 1)) ?? [];
      const learns = batch.tokens.some((id, place) => id === token && counted[place] === 1);
      if (learns) expect(row.every((value) => value !== 0)).toBe(true);
      else expect(row.map(Math.abs)).toEqual(new Array(13).fill(0));
    }
    expect(
      batch.tokens.filter((id) => !batch.tokens.some((other, place) => other === id && counted[place] === 1)),
    ).not.toEqual([]);
  });

  it("may be anything: the bits of the loss and of all gradients stay", async () => {
    const other = batch.targets.map((target, place) => (counted[place] === 1 ? target : (target + 5) % 13));
    const changed: TokenBatch = { ...masked, targets: other };
    expect(await lossGradients(device(), weights, changed)).toEqual(await lossGradients(device(), weights, masked));
    expect((await evaluated(device(), weights, changed)).loss).toBe((await evaluated(device(), weights, masked)).loss);
  });

  it("leave the mean of the others, and weights of 1 change nothing", async () => {
    const { loss, logits } = await evaluated(device(), weights, masked);
    const losses = Array.from(batch.targets, (target, place) => {
      const row = logits.data.slice(13 * place, 13 * (place + 1));
      return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (row[target] ?? Number.NaN);
    }).filter((_, place) => counted[place] === 1);
    expect(loss).toBeCloseTo(losses.reduce((sum, value) => sum + value, 0) / losses.length, 5);
    const whole = { ...batch, weights: new Float32Array(33).fill(1) };
    expect(await lossGradients(device(), weights, whole)).toEqual(await lossGradients(device(), weights, batch));
  });
});

describe("documents in one row", () => {
  const lengths = [4, 2, 5];
  const row = drawnBatch("packed", [1, 11], config.vocabulary);
  const numbers = Int32Array.from(lengths.flatMap((length, index) => new Array<number>(length).fill(index)));
  // The last token of each predicts what begins the next: that does not count.
  const inside = Float32Array.from(numbers, (number, place) => Number(numbers[place + 1] === number));

  /** The same, each document in a row of its own. */
  const alone = lengths.map((context, index): TokenBatch => {
    const start = lengths.slice(0, index).reduce((sum, n) => sum + n, 0);
    const part = (array: Int32Array) => array.slice(start, start + context);
    const own = inside.slice(start, start + context);
    return { tokens: part(row.tokens), targets: part(row.targets), weights: own, sequences: 1, context };
  });

  it.each([config, learned])(
    "that are separate have what each has by itself, with positions $positions",
    async (of) => {
      const weights: Weights = { config: of, parameters: drawnParameters(of) };
      const packed = { ...row, weights: inside, documents: numbers };
      const { loss } = await evaluated(device(), weights, packed);
      const sums = await Promise.all(
        alone.map(
          async (batch, index) => (await evaluated(device(), weights, batch)).loss * ((lengths[index] ?? 0) - 1),
        ),
      );
      expect(loss).toBeCloseTo(sums.reduce((sum, value) => sum + value, 0) / 8, 5);
      const own = await Promise.all(alone.map((batch) => lossGradients(device(), weights, batch)));
      const together = new Map(
        [...(own[0] ?? [])].map(([name, values]) => {
          const data = values.data.map((_, place) =>
            own.reduce(
              (sum, found, index) =>
                sum + ((found.get(name)?.data[place] ?? Number.NaN) * ((lengths[index] ?? 0) - 1)) / 8,
              0,
            ),
          );
          return [name, { ...values, data }];
        }),
      );
      expect(difference(await lossGradients(device(), weights, packed), together)).toBeLessThan(2e-6);
    },
  );

  it("that are not separate see what came before them", async () => {
    const joint = await evaluated(device(), weights, { ...row, weights: inside });
    const plain = await evaluated(device(), weights, row);
    expect(joint.logits).toEqual(plain.logits);
    const separate = await evaluated(device(), weights, { ...row, weights: inside, documents: numbers });
    expect(Math.abs(joint.loss - separate.loss)).toBeGreaterThan(1e-3);
  });

  it("of long rows, whose attention is computed in blocks, are as separate", async () => {
    const context = 520;
    const long = { ...config, context, layers: 1 };
    const model: Weights = { config: long, parameters: drawnParameters(long) };
    const batch = drawnBatch("long", [1, context], long.vocabulary);
    const documents = Int32Array.from(batch.tokens, (_, place) => Math.floor(place / 173));
    const counted = { ...batch, weights: new Float32Array(context).fill(1), documents };
    expect(
      difference(await lossGradients(device(), model, counted, context), await lossGradients(device(), model, counted)),
    ).toBeLessThan(1e-5);
  });
});

describe("a run", () => {
  const folder = useFolder();
  const lines = Array.from({ length: 60 }, (_, index) => ({
    prompt: `${index}+${index}=`,
    completion: `${2 * index}`,
  }));

  async function losses(reading: object, ranks = 1): Promise<number[]> {
    await writeFile(folder.at("sums.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
    const corpus = await openCorpus({ train: [folder.at("sums.jsonl")], ...reading }, "character");
    const settings = configSchema.parse({
      model: { ...tokenformerModel, context: 23 },
      training: { steps: 5, batch: 6, microBatch: 2, warmup: 0, evaluateEvery: 0, learningRate: 0.01 },
    });
    const found: number[] = [];
    const follow = async (communicator?: ReturnType<typeof inProcessCommunicators>[number]) => {
      const run = await Run.create({ config: settings, corpus, device: device(), communicator });
      for await (const event of run.events()) {
        if ((communicator?.rank ?? 0) > 0) continue;
        if (event.type === "step") found.push(event.loss);
        if (event.type === "validation") found.push(event.validationLoss, event.bitsPerByte);
      }
      await run.close();
    };
    if (ranks === 1) await follow();
    else await Promise.all(inProcessCommunicators(ranks).map(follow));
    return found;
  }

  it("learns what is to be learned, alone and on several ranks", async () => {
    const [alone, shared, separate] = [
      await losses({}),
      await losses({}, 3),
      await losses({ separateDocuments: true }),
    ];
    expect(alone.length).toBeGreaterThanOrEqual(9);
    expect(alone.every(Number.isFinite)).toBe(true);
    for (const [index, loss] of shared.entries()) expect(loss).toBeCloseTo(alone[index] ?? Number.NaN, 4);
    expect(alone.at(-2)).toBeLessThan(alone[0] ?? 0);
    expect(separate).not.toEqual(alone);
    expect(await losses({ lossOn: "all" })).not.toEqual(alone);
  });
});
