import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../../src/checkpoint/index.ts";
import { configSchema } from "../../src/configuration/index.ts";
import { openWeights } from "../../src/formats/index.ts";
import { grow, growthPlanSchema, type ModelState } from "../../src/growth/index.ts";
import { type CompleteModelConfig, countParameters, hasBlocks, type TokenFormerConfig } from "../../src/model/index.ts";
import { type ExportOptions, exportCheckpoint, importCheckpoint } from "../../src/published/index.ts";
import { CharacterTokenizer } from "../../src/text/index.ts";
import { useDevice } from "../support/device.ts";
import { useSharedFolder } from "../support/folder.ts";
import {
  drawnBatch,
  drawnParameters,
  logitsOf,
  modelState,
  relativeDifference,
  tinyTokenFormer,
} from "../support/models.ts";
import { nameOf } from "../support/published.ts";

const device = useDevice();
const at = useSharedFolder();

const tiny: CompleteModelConfig<TokenFormerConfig> = {
  ...tinyTokenFormer,
  tokens: { query: 7, key: 7, value: 7, projection: 8, feedForward: 11 },
};

const drawn = (config: CompleteModelConfig<TokenFormerConfig>) =>
  modelState(config, { parameters: drawnParameters(config) });

let folders = 0;

/** Saves a state as a run, and gives its folder. */
async function saved(state: ModelState): Promise<string> {
  const run = at(`run-${folders++}`);
  const progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  const tokenizer = CharacterTokenizer.fromText("abc");
  const config = { ...configSchema.parse({ model: state.config }), model: state.config };
  await saveCheckpoint(run, { config, state, tokenizer, dataName: "", progress });
  return run;
}

/** Exports a state and imports what was written. */
async function roundTrip(state: ModelState, options: Pick<ExportOptions, "layout" | "dtype" | "convert">) {
  const from = await saved(state);
  const { files } = await exportCheckpoint({ from, to: `${from}-published`, ...options });
  await importCheckpoint({ from: `${from}-published`, to: `${from}-again` });
  return { from, files, state: (await loadCheckpoint(`${from}-again`)).state };
}

const logits = (state: ModelState) => {
  const { config } = state;
  return logitsOf(device(), state, drawnBatch("exported", [3, config.context], config.vocabulary));
};

it("refuses a layout that there is not, and writes nothing", async () => {
  const [from, to] = [await saved(drawn(tiny)), at("none")];
  const layout = "safetensor" as ExportOptions["layout"]; // what JavaScript lets pass
  await expect(exportCheckpoint({ from, to, layout })).rejects.toThrow(
    'layout is "safetensor", expected neox or safetensors',
  );
  expect(existsSync(to)).toBe(false);
});

const refusal = async (state: ModelState, convert = false) =>
  exportCheckpoint({ from: await saved(state), to: at("refused"), layout: "neox", convert }).then(
    () => "nothing",
    String,
  );

it.each([
  ["neox", {}],
  ["safetensors", {}],
  ["neox", { tied: false, activation: "softmax", heads: 1, rotaryFraction: 1 }],
  ["safetensors", { positions: "learned", activation: "gelu_l2_norm" }],
  ["neox", { blockNorm: "parametric", finalNorm: "nonparametric", layers: 3 }],
] as const)("gives the published layout, and bit for bit the same model back: %s %o", async (layout, changes) => {
  const before = drawn({ ...tiny, ...changes });
  const { from, files, state } = await roundTrip(before, { layout });
  const names = layout === "neox" ? ["pytorch_model.bin", "config.yml"] : ["model.safetensors", "config.json"];
  expect(files).toEqual(names.map((name) => `${from}-published/${name}`));
  expect(state.config).toEqual({ ...before.config, tau: expect.anything() });
  expect(new Map(state.parameters)).toEqual(before.parameters);
  const weights = await openWeights(`${from}-published`);
  const published = [...before.parameters.keys()].map((name) =>
    nameOf(name, hasBlocks(before.config) ? before.config.layers : 0),
  );
  expect(new Set(weights.entries.keys())).toEqual(new Set(published));
  await weights.close();
});

it("writes the same file twice, and 16-bit floats where asked", async () => {
  const from = await saved(drawn(tiny));
  const written = async (to: string, dtype?: "F16" | "BF16") => {
    await exportCheckpoint({ from, to: at(to), layout: "neox", ...(dtype && { dtype }) });
    return readFile(at(to, "pytorch_model.bin"));
  };
  const [first, second] = [await written("first"), await written("second")];
  expect(first.equals(second)).toBe(true);
  const half = await written("half", "F16");
  expect(half.length).toBeLessThan(first.length - 1.9 * countParameters(tiny).total);
  await importCheckpoint({ from: at("half"), to: at("half-run") });
  const [wide, narrow] = [await logits(drawn(tiny)), await logits((await loadCheckpoint(at("half-run"))).state)];
  expect(relativeDifference(wide, narrow)).toBeGreaterThan(1e-6);
  expect(relativeDifference(wide, narrow)).toBeLessThan(2e-2);
});

it("refuses numbers that float16 does not have", async () => {
  const state = drawn(tiny);
  const from = await saved({
    ...state,
    parameters: new Map(
      [...state.parameters].map(([name, { shape, data }]) => [name, { shape, data: data.map((value) => 1e5 * value) }]),
    ),
  });
  await expect(exportCheckpoint({ from, to: at("large"), layout: "neox", dtype: "F16" })).rejects.toThrow(
    /^the tensor "sequential\.\S+" has numbers beyond float16, which ends at 65504; use bfloat16$/,
  );
});

const plan = (options: object) =>
  growthPlanSchema.parse({ add: { query: 5, key: 5, value: 5, projection: 4, feedForward: 9 }, ...options });

it("takes a model that grew by splitting, or with τ at √n, as it is", async () => {
  for (const options of [
    { init: "split", add: { query: "x2", key: "x2", value: "x2" }, tau: "fixed" },
    { tau: "sqrt-n" },
  ]) {
    const grown = grow(drawn(tiny), plan(options), 1);
    const { state } = await roundTrip(grown, { layout: "safetensors" });
    expect(new Map(state.parameters)).toEqual(grown.parameters);
    expect(await logits(state)).toEqual(await logits(grown));
  }
});

it("tells why a model does not fit the layout", async () => {
  expect(await refusal(grow(drawn(tiny), plan({ tau: "fixed" }), 1))).toMatch(
    /run-\d+: blocks\.0\.attention\.query has τ 2\.64575 with 12 parameter tokens, but the published layout has τ = √n = 3\.4641; add --convert to append tokens that change nothing until it fits$/,
  );
  expect(await refusal(drawn(tinyTokenFormer))).toMatch(
    /blocks\.0\.attention\.query has 7 parameter tokens and blocks\.0\.attention\.key 6, but the published layout has one number for both; add --convert/,
  );
  const bigram = modelState({ type: "bigram", vocabulary: 5, context: 4 });
  expect(await refusal(bigram)).toContain(
    "is a bigram, which the published layout has no place for; export it as onnx",
  );
  const own = drawn({ ...tiny, tokenNorm: "generation" });
  expect(await refusal(grow(own, plan({ init: "zero-value" }), 1))).toContain(
    "has parameter tokens with norms of their own",
  );
});

it.each([
  ["fixed τ below √n", grow(drawn(tiny), plan({ tau: "fixed" }), 1), 24],
  ["a ramp of τ that has begun", grow(drawn(tiny), plan({ rampSteps: 50 }), 1), 24],
  ["a learned τ", drawn({ ...tiny, learnedTau: true }), 14],
  ["growth in one layer alone", grow(drawn(tiny), plan({ layers: [1], tau: "fixed" }), 1), 24],
  ["different numbers of tokens", drawn(tinyTokenFormer), 18],
  [
    "τ² above the number of tokens",
    drawn({ ...tiny, tau: { query: 6, key: 4.5, value: 3, projection: 3, feedForward: 4 } }),
    36,
  ],
  [
    "τ² at another whole number",
    drawn({ ...tiny, tau: { query: 4, key: 4, value: 4, projection: 3, feedForward: 4 } }),
    16,
  ],
])("converts %s without a change of what the model computes", async (_, before, tokens) => {
  const { state } = await roundTrip(before, { layout: "neox", convert: true });
  expect(state.config).toMatchObject({ tokens: { query: tokens, key: tokens, value: tokens } });
  expect(relativeDifference(await logits(before), await logits(state))).toBeLessThan(2e-6);
});

it("converts the other Θ where that is exact, and refuses where it is not", async () => {
  const squares = { query: 3, key: 3, value: 3, projection: 4, feedForward: 4 };
  const exact = drawn({ ...tiny, activation: "gelu_l2_norm", tau: squares });
  const { state } = await roundTrip(exact, { layout: "neox", convert: true });
  expect(state.config).toMatchObject({ tokens: { query: 9, projection: 16, feedForward: 16 } });
  expect(relativeDifference(await logits(exact), await logits(state))).toBeLessThan(2e-6);
  const low = drawn({ ...tiny, activation: "gelu_l2_norm", tau: { ...squares, query: 2 } });
  expect(await refusal(low, true)).toContain(
    "cannot be converted for gelu_l2_norm at blocks.0.attention.query: only a τ²",
  );
  const softmax = drawn({ ...tinyTokenFormer, activation: "softmax" });
  expect(await refusal(softmax, true)).toContain("the weights of softmax change with every token that is added");
});

it("writes a share of rotated channels that comes out as the model has it", async () => {
  // 104 times 30/104 is less than 30.
  const before = drawn({ ...tiny, width: 104, heads: 1, rotaryFraction: 0.3 });
  const { from, state } = await roundTrip(before, { layout: "safetensors" });
  expect(state.config).toMatchObject({ rotaryFraction: 30.5 / 104 });
  const keys: { rotary_pct: number } = JSON.parse(await readFile(`${from}-published/config.json`, "utf8"));
  expect(Math.floor(104 * keys.rotary_pct)).toBe(30);
  expect(relativeDifference(await logits(before), await logits(state))).toBe(0);
});

it("leaves alone what is there", async () => {
  const from = await saved(drawn(tiny));
  await exportCheckpoint({ from, to: at("there"), layout: "neox" });
  await writeFile(at("there", "config.yml"), "changed");
  const again = exportCheckpoint({ from, to: at("there"), layout: "neox" });
  await expect(again).rejects.toThrow(/there: already holds pytorch_model\.bin; choose another folder$/);
  expect(await readFile(at("there", "config.yml"), "utf8")).toBe("changed");
  const other = { from, to: at("safetensors"), layout: "safetensors" } as const;
  await exportCheckpoint(other);
  await expect(exportCheckpoint(other)).rejects.toThrow(/already holds model\.safetensors; choose another folder$/);
  await expect(loadCheckpoint(other.to)).rejects.toThrow(
    /config\.json: is the configuration of a published model, expected that of a run; make a run of it: tokenformer import FOLDER --to RUN$/,
  );
  await expect(exportCheckpoint({ ...other, to: from })).rejects.toThrow(/: is the folder of a run; choose another/);
});
