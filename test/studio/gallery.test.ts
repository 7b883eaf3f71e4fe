/** The texts and the grown models that come with the page: the files are what the page says of them. */

import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";
import { type Device, openDevice } from "tokenformer";
import { consecutiveBatches, Run } from "tokenformer/browser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseCheckpoint } from "../../src/checkpoint/portable.ts";
import { countParameters } from "../../src/model/index.ts";
import { CharacterTokenizer, embeddedBook } from "../../src/text/index.ts";
import { endlessOf } from "../../studio/src/engine/choices.ts";
import { GALLERY_TEXTS, galleryText, galleryTextNamed, type TextKey } from "../../studio/src/engine/gallery.ts";
import { EMPTY, historyOf } from "../../studio/src/engine/history.ts";
import { checkpointTokenizer, corpusOf } from "../../studio/src/engine/pieces.ts";
import { isOfChoices } from "../../studio/src/engine/regrowing.ts";
import models from "../../studio/src/page/gallery/models.json" with { type: "json" };

let device: Device;
beforeAll(async () => {
  device = await openDevice("cpu", { threads: 1 });
});
afterAll(() => device.close());

const shipped = (path: string) => fileURLToPath(new URL(`../../studio/public/${path}`, import.meta.url));

async function textOf(key: TextKey, path: string): Promise<string> {
  return key === "moby-dick" ? (await embeddedBook()).text : gunzipSync(await readFile(shipped(path))).toString("utf8");
}

describe.each(GALLERY_TEXTS)("$name", ({ key, path, name, about, source, licence }) => {
  it("is a text to train on, with its source and licence", async () => {
    const text = await textOf(key, path);
    const characters = new Set(text).size;
    expect(text.length).toBeGreaterThan(50_000);
    expect(characters).toBeLessThan(2600);
    expect(text).not.toContain("\r");
    expect(galleryTextNamed(name)?.key).toBe(key);
    for (const words of [about, source, licence]) expect(words).not.toBe("");
    // "8,400 of them" is said of 8,422 lines.
    const said = /^([\d,]+) (?:of them|Chinese poems)/.exec(about)?.[1]?.replace(",", "");
    if (said !== undefined) expect(Math.floor((text.split("\n").length - 1) / 100)).toBe(Number(said) / 100);
  });
});

const filesOf = async (model: string) =>
  new Map(Object.entries(unzipSync(await readFile(shipped(`gallery/models/${model}.zip`)))));

describe.each(models)("the grown model of $key", ({ key, ...facts }) => {
  it("is what the page says of it", async () => {
    const files = await filesOf(key);
    const { state, tokenizer } = await parseCheckpoint(files);
    const { growths, samples, usage, validation } = historyOf(new TextDecoder().decode(files.get("metrics.jsonl")));
    expect(facts).toMatchObject({ step: state.step, parameters: countParameters(state.config).total });
    expect(growths.map(({ step }) => step)).toEqual(facts.growths);
    expect(facts.bitsPerByte).toBe(validation.at(-1)?.bitsPerByte);
    expect(samples.at(-1)?.text.replaceAll(/\s+/g, " ").trim().startsWith(facts.now)).toBe(true);
    expect(usage.at(-1)?.generations.map(({ born, tokens }) => [born, tokens])).toEqual(
      facts.rings.map(({ born, tokens }) => [born, tokens]),
    );
    // Growth changed nothing that it had learnt.
    for (const { maxLogitDifference } of growths) expect(maxLogitDifference).toBe(0);
    const text = GALLERY_TEXTS.find((candidate) => candidate.key === key);
    const all = await textOf(text?.key ?? "moby-dick", text?.path ?? "");
    expect(tokenizer?.toJSON()).toEqual(CharacterTokenizer.fromText(all).toJSON());
  });
});

it("has models that go on learning: halves, and no moments of the optimiser, cost them little", async () => {
  const { key, name, path } = galleryText("first-names");
  const checkpoint = await parseCheckpoint(await filesOf(key));
  const corpus = corpusOf({ name, text: await textOf(key, path) }, checkpointTokenizer(checkpoint));
  const { step } = checkpoint.state;
  const run = await Run.resume(checkpoint, { corpus, config: endlessOf(checkpoint.config, step), device });
  const loss = async () => {
    const batches = consecutiveBatches(corpus.validation, { context: run.context, maxTokens: 4096 });
    return (await run.trainer.inference.evaluate(batches)).loss;
  };
  const before = await loss();
  for await (const event of run.events()) if (event.step === step + 20) break;
  const after = await loss();
  expect(after).not.toBe(before);
  expect(after).toBeLessThan(before + 0.02);
  // A link has no room for a schedule, for one.
  const { config, part, trainer } = run;
  const facts = { config, part, lineage: trainer.lineage, tokenizer: corpus.tokenizer, history: EMPTY };
  expect(isOfChoices(facts)).toBe(false);
  await run.close();
});

it("has less than 2 MB in all", async () => {
  const paths = [
    ...GALLERY_TEXTS.filter(({ path }) => path.startsWith("gallery/")).map(({ path }) => path),
    ...models.map(({ key }) => `gallery/models/${key}.zip`),
  ];
  const sizes = await Promise.all(paths.map(async (path) => (await stat(shipped(path))).size));
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(2e6);
});
