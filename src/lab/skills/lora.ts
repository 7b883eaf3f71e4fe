/**
 * LoRA (arXiv 2106.09685) on the GPT: beside each weight W of its blocks, which stays as it is, a product of two thin matrices
 * learns: W x + (α / r) B A x, with A [r, D] drawn and B [width, r] zero, so that training begins at the model as it is.
 */

import { z } from "zod";
import {
  type CompleteModelConfig,
  countParameters,
  defineModel,
  modelSchema,
  type TransformerConfig,
  transformer,
} from "../../model/index.ts";
import { type LinearOptions, linear, normal, type Scope, zeros } from "../../nn/index.ts";
import { add, at, matmul, type Tensor } from "../../tensor/index.ts";

type Gpt = CompleteModelConfig<TransformerConfig>;

/** α / r: as the paper does, it is not tuned, as the learning rate is. */
const SCALE = 2;

const optionsSchema = z.strictObject({
  gpt: z.custom<Gpt>((given) => modelSchema.safeParse(given).success),
  rank: z.int().positive(),
});

const LORA = defineModel({
  name: "study:lora",
  options: optionsSchema,
  forward: ({ gpt, rank }) => transformer(gpt, adapted(rank)),
  cached: true,
});

/** A linear layer beside which two thin matrices learn. */
const adapted =
  (rank: number) =>
  (scope: Scope, x: Tensor, options: LinearOptions): Tensor => {
    const inside = at(x.shape, -1);
    const [down, up] = [scope.within("lora.down"), scope.within("lora.up")];
    const a = down.parameter("weight", [rank, inside], normal(1 / Math.sqrt(Number(inside))));
    const b = up.parameter("weight", [options.width, rank], zeros);
    const product = matmul(matmul(x, a, { transposeB: true }), b, { transposeB: true, alpha: SCALE });
    return add(linear(scope, x, options), product);
  };

/** The GPT with matrices of a rank beside its weights. */
export function withLora(gpt: Gpt, rank: number): CompleteModelConfig {
  const { vocabulary, context } = gpt;
  return { type: LORA, vocabulary, context, gpt, rank };
}

/** Whether a parameter of such a model is one of these matrices. */
export const isLora = (parameter: string): boolean => /\.lora\.(down|up)\.weight$/.test(parameter);

/** The rank with which about as many numbers learn. */
export function rankFor(gpt: Gpt, learning: number): number {
  const ofRankOne = countParameters(withLora(gpt, 1)).total - countParameters(gpt).total;
  return Math.max(1, Math.round(learning / ofRankOne));
}

/** A GPT beside a TokenFormer: as deep, with heads of as many channels, and about as many parameters as it has. */
export function gptBeside(
  { layers, width, heads, context, vocabulary }: Pick<Gpt, "layers" | "width" | "heads" | "context" | "vocabulary">,
  parameters: number,
): Gpt {
  const channels = width / heads;
  const ofHeads = (count: number): Gpt => {
    const blocks = { layers, heads: count, width: count * channels, context, tied: true, biases: true };
    const parsed = modelSchema.parse({
      ...blocks,
      type: "transformer",
      vocabulary,
      activation: "gelu",
      parametrisation: "balanced",
    });
    if (parsed.type !== "transformer") throw new Error("internal: a GPT is a transformer");
    return { ...parsed, vocabulary };
  };
  const sizeOf = (count: number) => countParameters(ofHeads(count)).total;
  let count = 1;
  while (sizeOf(count + 1) <= parameters) count++;
  return ofHeads(sizeOf(count + 1) - parameters < parameters - sizeOf(count) ? count + 1 : count);
}
