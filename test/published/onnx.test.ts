/** The exported model in ONNX Runtime alone, as another program has it. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, it } from "vitest";
import { saveCheckpoint } from "../../src/checkpoint/index.ts";
import { configSchema } from "../../src/configuration/index.ts";
import { type CompleteModelConfig, hasBlocks } from "../../src/model/index.ts";
import { exportOnnx } from "../../src/published/index.ts";
import { ModelProtoSchema } from "../../src/tensor/onnx-format/onnx_pb.ts";
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
import { values } from "../support/values.ts";

const device = useDevice();
const at = useSharedFolder();

const context = 7;
const transformer: CompleteModelConfig = {
  type: "transformer",
  vocabulary: 11,
  context,
  layers: 2,
  heads: 3,
  width: 12,
  dropout: 0,
  tied: false,
  activation: "gelu",
  biases: true,
  positions: "learned",
  normEpsilon: 1e-5,
  rotaryFraction: 0.5,
};
const tau = { query: 2, key: 3, value: 1.5, projection: 2.5, feedForward: 3.5 };
const configs: readonly (readonly [string, CompleteModelConfig])[] = [
  ["tokenformer whose τ is its own", { ...tinyTokenFormer, context, tau }],
  ["tokenformer-softmax", { ...tinyTokenFormer, context, activation: "softmax", positions: "learned", tied: false }],
  [
    "tokenformer with norms of its generations",
    {
      ...tinyTokenFormer,
      context,
      generations: [{ tokens: { query: 2, key: 0, value: 3, projection: [0, 4], feedForward: 5 } }],
    },
  ],
  ["transformer", transformer],
  ["bigram", { type: "bigram", vocabulary: 7, context }],
];

async function exported(name: string, config: CompleteModelConfig) {
  const state = modelState(config, { parameters: drawnParameters(config) });
  const [from, to] = [at(`run ${name}`), at(`onnx ${name}`)];
  const progress = { start: 0, tokens: 0, flops: 0, seconds: 0, growthsDone: 0 };
  const tokenizer = CharacterTokenizer.fromText("abc");
  await saveCheckpoint(from, {
    config: { ...configSchema.parse({ model: config }), model: config },
    state,
    tokenizer,
    dataName: "",
    progress,
  });
  return { state, to, files: await exportOnnx({ from, to }), from };
}

it.each(configs)("%s: a prompt, then tokens one by one, give the logits of the whole", async (name, config) => {
  const { state, to, files } = await exported(name, config);
  expect(files).toEqual(["model.onnx", "model.onnx.data", "README.md"].map((file) => join(to, file)));
  const batch = drawnBatch("onnx", [2, context], config.vocabulary);
  const expected = await logitsOf(device(), state, batch);

  const bytes = await readFile(join(to, "model.onnx"));
  const { graph, opsetImport } = fromBinary(ModelProtoSchema, bytes);
  expect(graph?.node.length).toBeGreaterThan(0);
  // Other runtimes than ONNX Runtime have none of its own operators.
  expect(graph?.node.filter(({ domain }) => domain !== "")).toEqual([]);
  expect(graph?.node.map(({ opType }) => opType)).not.toContain("SimplifiedLayerNormalization");
  expect(opsetImport.map(({ domain }) => domain)).toEqual([""]);

  const session = await InferenceSession.create(join(to, "model.onnx"), { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const readme = await readFile(join(to, "README.md"), "utf8");
  for (const kind of ["past", "present"]) expect(readme.includes(`\`${kind}.0.keys\``)).toBe(config.type !== "bigram");
  const { heads, width } = hasBlocks(config) ? config : { heads: 1, width: 1 };
  const earlier = session.inputNames.filter((input) => input !== "tokens");
  let past = new Map<string, Tensor>(
    earlier.map((input) => [input, new Tensor("float32", [], [2, heads, 0, width / heads])] as const),
  );
  const found: number[][][] = [[], []];
  for (const [from, end] of [
    [0, 3],
    [3, 4],
    [4, 5],
    [5, 7],
  ] as const) {
    const rows = [0, 1].flatMap((row) => [...batch.tokens.slice(row * context + from, row * context + end)]);
    const tokens = new Tensor("int32", Int32Array.from(rows), [2, end - from]);
    const results = await session.run({ tokens, ...Object.fromEntries(past) });
    const { logits } = results;
    if (logits === undefined) throw new Error("no logits");
    expect(logits.dims).toEqual([2, end - from, config.vocabulary]);
    const data = Array.from(logits.data, Number);
    for (const row of [0, 1]) {
      const size = data.length / 2;
      found[row]?.push(data.slice(row * size, (row + 1) * size));
    }
    past = new Map(
      earlier.map((input) => {
        const present = results[input.replace("past", "present")];
        if (!(present instanceof Tensor)) throw new Error(`no present of ${input}`);
        expect(present.dims).toEqual([2, heads, end, width / heads]);
        return [input, present] as const;
      }),
    );
  }
  await session.release();
  expect(relativeDifference(expected, values(expected.shape, found.flat(2)))).toBeLessThan(1e-5);
});

it("does not replace files", async () => {
  const { from, to } = await exported("twice", { type: "bigram", vocabulary: 7, context });
  await expect(exportOnnx({ from, to })).rejects.toThrow(`${to}: already holds model.onnx; choose another folder`);
});
