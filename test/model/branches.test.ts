/** How large branches are beside the residual stream when training begins. */

import { expect, it } from "vitest";
import { Inference, uploadArrays } from "../../src/inference/index.ts";
import { type CompleteModelConfig, givenOf, modelOf, sizesOf, type TokenFormerConfig } from "../../src/model/index.ts";
import { pattentionActivations } from "../../src/nn/index.ts";
import { required } from "../../src/required.ts";
import { initialState } from "../../src/training/portable.ts";
import { useDevice } from "../support/device.ts";
import { tinyTokenFormer } from "../support/models.ts";
import { integers } from "../support/values.ts";

const device = useDevice();

const [SEQUENCES, CONTEXT] = [7, 11];

const rootMeanSquare = (data: Float32Array) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);

/** The root mean square of what each part of the last block adds, over that of the embeddings. */
async function branchesOf(config: CompleteModelConfig<TokenFormerConfig>): Promise<number[]> {
  const { parameters } = initialState(modelOf(config), 3, sizesOf(config));
  const uploaded = await uploadArrays(device(), parameters);
  const inference = new Inference(device(), modelOf(config), uploaded, givenOf(config));
  const tokens = Int32Array.from(integers("tokens", [SEQUENCES, CONTEXT], config.vocabulary).data);
  const paths = ["attention", "feedForward"].map((part) => `blocks.${config.layers - 1}.${part}.branch`);
  const records = await inference.records(tokens, [SEQUENCES, CONTEXT], paths);
  await inference.release();
  await device().dispose(uploaded.values());
  const embedded = rootMeanSquare(required(parameters, "embedding.tokens").data);
  return paths.map((path) => rootMeanSquare(required(records, path).data) / embedded);
}

/** Of each Θ, the root of the mean square of its weights; of softmax the root of exp(0.02² D). */
const gains = {
  l2_norm_gelu: () => Math.sqrt(0.425),
  gelu_l2_norm: () => 1,
  softmax: (D: number) => Math.exp(D / 5000),
};

const sizes = [
  { attention: 37, feedForward: 149, width: 64, layers: 2 },
  { attention: 331, feedForward: 1327, width: 64, layers: 2 },
  { attention: 149, feedForward: 331, width: 176, layers: 5 },
];

const cases = pattentionActivations.flatMap((activation) => sizes.map((size) => ({ activation, ...size })));

it.each(cases)(
  "of $layers layers of width $width with $attention and $feedForward tokens by $activation",
  async ({ activation, attention, feedForward, width, layers }) => {
    const tokens = { query: attention, key: attention, value: attention, projection: attention, feedForward };
    const config = {
      ...tinyTokenFormer,
      vocabulary: 97,
      context: CONTEXT,
      heads: 4,
      activation,
      width,
      layers,
      tokens,
    };
    // Balanced: 2 / √L, whatever else. Published: (2 / L) √(c n / D), over embeddings of 0.02.
    for (const found of await branchesOf({ ...config, parametrisation: "balanced" })) {
      expect(Math.abs(found / (2 / Math.sqrt(layers)) - 1)).toBeLessThan(0.25);
    }
    const published = await branchesOf(config);
    for (const [part, n] of [attention, feedForward].entries()) {
      const expected = ((2 / layers) * gains[activation](width) * Math.sqrt(n / width)) / 0.02;
      expect(Math.abs((published[part] ?? Number.NaN) / expected - 1)).toBeLessThan(0.25);
    }
  },
);
