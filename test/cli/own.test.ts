/** A model and growth strategies of one's own on the command line: those of the examples. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { beforeAll, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/index.ts";
import { ownModelToTrain } from "../../src/cli/own-modules.ts";
import { defineModel, optionsWithDefaults } from "../../src/index.ts";
import { json, startProcess, useCommandLine } from "../support/command-line.ts";

const { at, answer, main, run, start, metrics } = useCommandLine();

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const example = (name: string) => join(ROOT, "dist-examples", `${name}.js`);
const MODEL = ["--model", example("own-model")];
const STRATEGY = ["--strategy", example("own-strategy")];

const TRAIN = Object.entries({
  "model.context": 16,
  "model.width": 12,
  "model.layers": 2,
  "model.tokens": 10,
  "training.batch": 4,
  "training.warmup": 0,
  "training.schedule": "constant",
  "training.evaluateEvery": 0,
}).flatMap(([key, value]) => ["--set", `${key}=${value}`]);

const GROWTH = ["--grow-at", "2:mixer=x2", "--grow-at", "3:init=mine:deeper;option.blocks=1"];

beforeAll(async () => {
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { code, stdout } = await startProcess([compiler, "-p", "examples/tsconfig.json", "--noCheck"], ROOT).outcome;
  expect(code, stdout).toBe(0);
  const common = ["train", ...MODEL, ...STRATEGY, "--data", "text.txt", ...TRAIN, ...GROWTH];
  await answer(...common, "--set", "training.steps=8", "--out", "whole");
  await answer(...common, "--set", "training.steps=4", "--out", "parts");
  const rest = ["train", ...MODEL, ...STRATEGY, "--resume", "--out", "parts", "--set", "training.steps=8"];
  expect(await answer(...rest)).toContain(`write with: tokenformer sample parts ${MODEL.join(" ")} --prompt`);
});

it("trains, grows and goes on with the same updates as a run that was not interrupted", async () => {
  const read = (name: string) => readFile(at(name, "model.safetensors"));
  expect(await read("parts")).toEqual(await read("whole"));
  const growths = (await metrics("whole")).flatMap(({ growth }) => (growth === undefined ? [] : [growth]));
  expect(growths).toMatchObject([
    { summary: "mixer 10 → 20 tokens", init: "zero-key", tau: "ramp", maxLogitDifference: 0 },
    { summary: "layers 2 → 3", init: "mine:deeper", maxLogitDifference: 0 },
  ]);
});

it("knows a model that Node was told to import, which options do not name", async () => {
  const model = { type: "mine:averages", context: 16, width: 12, layers: 1, tokens: 10 };
  await writeFile(at("own.json"), JSON.stringify({ model, training: { steps: 1, batch: 3, warmup: 0 } }));
  const imported = ["--import", pathToFileURL(example("own-model")).href];
  const words = ["train", "--data", "text.txt", "--config", "own.json", "--json"];
  const { code, stdout, stderr } = await startProcess([...imported, main, ...words], at()).outcome;
  expect(code, stderr).toBe(0);
  expect(json(stdout)).toMatchObject({ step: 1 });
});

it("adds blocks to a TokenFormer that change nothing, and of which all parts learn", async () => {
  const tokens = '{"query":5,"key":5,"value":5,"projection":5,"feedForward":7}';
  // With tokens of a second generation, which have a norm of their own.
  const model = [
    "model.tokenNorm=generation",
    "model.width=16",
    "model.context=16",
    "model.layers=1",
    "model.heads=2",
    `model.tokens=${tokens}`,
  ];
  const training = ["training.steps=6", "training.batch=4", "training.warmup=0", "training.evaluateEvery=0"];
  const changes = [...model, ...training].flatMap((change) => ["--set", change]);
  const growth = ["--grow-at", "1:ffn=3", "--grow-at", "2:init=mine:deeper;option.blocks=1"];
  await answer(
    "train",
    "--preset",
    "mini",
    ...STRATEGY,
    "--data",
    "text.txt",
    ...changes,
    ...growth,
    "--out",
    "deeper",
  );
  const grown = (await metrics("deeper")).flatMap((record) => record["growth"] ?? []);
  expect(grown).toMatchObject([{}, { summary: "layers 1 → 2", maxLogitDifference: 0 }]);
  const { state } = await loadCheckpoint(at("deeper"));
  const added = [...state.parameters].filter(([name]) => name.startsWith("blocks.1."));
  expect(added).toHaveLength(12);
  // What began at zero has moved, and what was drawn has a gradient: a parameter whose gradient is always zero keeps moments of zero.
  for (const [name, { data }] of added) {
    expect(Math.max(...data.map(Math.abs)), name).toBeGreaterThan(0);
    expect(Math.max(...(state.moments?.second.get(name)?.data ?? []).map(Math.abs)), name).toBeGreaterThan(0);
  }
});

it("trains the one that is named of several models, and says what of a model's own does not hold", async () => {
  const two = `import { defineGrowthStrategy, defineModel, optionsWithDefaults } from "tokenformer";
import { linear, tokenTable } from "tokenformer/nn";
import { gather } from "tokenformer/tensor";
const options = optionsWithDefaults({ width: 4 });
const forward = ({ vocabulary, width }) => (scope, tokens) =>
  linear(scope.within("output"), gather(tokenTable(scope.within("embedding"), vocabulary, width), tokens), { width: vocabulary, bias: false });
defineModel({ name: "two:plain", options, forward });
defineModel({ name: "two:siteless", options, forward, sites: () => [{ path: "mixer", tokens: 3 }] });
defineGrowthStrategy({
  name: "two:bold", options: optionsWithDefaults({}), preserves: true, config: (model) => model,
  parameters: ({ parameters }) => new Map([...parameters].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => 2 * x) }])),
});`;
  // Where the module finds the package.
  const file = join(ROOT, "dist-examples", "two-models.js");
  await writeFile(file, two);
  const train = (...more: string[]) =>
    start("train", "--model", file, "--data", "text.txt", "--set", "training.steps=2", ...more).outcome;
  expect((await train()).stderr).toBe(
    "tokenformer: --model: defines two:plain, two:siteless; say which to train, such as --set model.type=two:plain, or in a --config file\n",
  );
  await writeFile(
    at("plain.json"),
    JSON.stringify({ model: { type: "two:plain", context: 8 }, training: { steps: 2 } }),
  );
  for (const choice of [
    ["--set", "model.type=two:plain"],
    ["--config", "plain.json"],
  ]) {
    const { code, stderr } = await train(...choice, "--grow-at", "1:init=two:bold");
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("  the function is not preserved, though two:bold says so\n");
  }
  expect((await train("--set", "model.type=two:siteless")).stderr).toBe(
    'tokenformer: the model "two:siteless": declares the site mixer, at which its forward pass calls no pattention\n',
  );
});

it("trains the model of the module that is named, whatever else is defined", async () => {
  defineModel({ name: "test:other", options: optionsWithDefaults({}), forward: () => (_scope, tokens) => tokens });
  expect(await ownModelToTrain({ model: [example("own-model")] })).toBe("mine:averages");
});

it.each([
  ["of TypeScript", "typed.tsx", "export {};", /does not run this kind of file; name a module of JavaScript/],
  ["that is not JavaScript", "broken.js", "const x = ", /Unexpected end of input; node --check FILE shows the line/],
  ["that imports what is not there", "lacking.js", 'import "no-such-package";', /no-such-package.*; install it/],
])("says in one line what is wrong with a module %s", async (_, name, text, message) => {
  await writeFile(at(name), text);
  const { code, stderr } = await run("train", "--model", name, "--data", "text.txt");
  expect({ code, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 1, lines: 1 });
  expect(stderr).toMatch(message);
});

it("opens the run where the module is named, and says so where it is not", async () => {
  // Each in a process of its own: what is defined stays defined.
  const { code, stdout, stderr } = await start("sample", "whole").outcome;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe(
    'tokenformer: whole/config.json: model.type: the model "mine:averages" is not defined here; import the module that defines it first (on the command line: --model FILE.js)\n',
  );
  const sample = await answer("sample", "whole", ...MODEL, "--prompt", "the whale", "--tokens", "9");
  expect(sample).toMatch(/^the whale.{9}\n$/s);
  expect(await answer("eval", "whole", ...MODEL)).toMatch(/validation split/);
  expect(json(await answer("inspect", "whole", ...MODEL, "--json"))).toMatchObject({
    config: { model: { type: "mine:averages", layers: 3 } },
    parameters: { feedForward: 2 * 12 * (20 + 20 + 10) },
  });
});

it("grows a run by a strategy of one's own, told its options", async () => {
  const grow = ["grow", "whole", ...MODEL, ...STRATEGY, "--init", "mine:near-copies", "--option", "noise=0.5", "--add"];
  const report = json(await answer(...grow, "all=x2", "--to", "grown", "--json"));
  expect(report).toMatchObject({
    init: "mine:near-copies",
    summary: "mixer 20 → 40 in layer 0, 1, mixer 10 → 20 in layer 2 tokens",
  });
  const { code, stderr } = await run(...grow, "ffn=x2", "--to", "other");
  expect(code).toBe(1);
  expect(stderr).toContain('unknown site "ffn", expected one of mixer, all');
  const without = ["grow", "whole", ...MODEL, "--init", "mine:near-copies", "--add", "all=x2", "--to", "other"];
  expect((await start(...without).outcome).stderr).toMatch(
    /the growth strategy "mine:near-copies" is not defined here;.*--strategy FILE\.js\)\n$/,
  );
  // What has been applied needs no module any more.
  const resumed = await start("train", ...MODEL, "--resume", "--out", "grown", "--set", "training.steps=9").outcome;
  expect(resumed.code, resumed.stderr).toBe(0);
});

it("exports to ONNX, which gives the logits of the model", async () => {
  await answer("export", "whole", ...MODEL, "--format", "onnx", "--to", "onnx");
  const session = await InferenceSession.create(at("onnx", "model.onnx"), { logSeverityLevel: 4 });
  const ids = [3, 1, 4, 1, 5];
  const { logits } = await session.run({ tokens: new Tensor("int32", Int32Array.from(ids), [1, ids.length]) });
  await writeFile(at("ids.json"), JSON.stringify([ids]));
  await answer("logits", "whole", ...MODEL, "--tokens", "ids.json", "--to", "logits.safetensors");
  const bytes = await readFile(at("logits.safetensors"));
  const header = Number(bytes.readBigUInt64LE(0));
  const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 8 + header, bytes.byteOffset + bytes.length));
  expect(logits?.data).toHaveLength(expected.length);
  expected.forEach((value, index) => {
    expect(Number(logits?.data[index])).toBeCloseTo(value, 4);
  });
});

it.each([
  ["that is not there", "nothing.js", /--model nothing\.js: there is no such file; name a module of JavaScript\n$/],
  ["that defines no model", example("own-strategy"), /defines no model of this tokenformer; call defineModel in it/],
])("refuses a module %s", async (_, file, message) => {
  const { code, stderr } = await run("train", "--model", file, "--data", "text.txt");
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});
