/**
 * The lecture's gpt.py: a Transformer, from single heads of self-attention up.
 *
 * Shapes: B batch, T time, D channels (`width`), C channels of a head, V vocabulary.
 *
 *     npm run example -- gpt --steps 5000
 */

import {
  CharacterTokenizer,
  embeddedBook,
  generate,
  initialState,
  memoryTokens,
  openDevice,
  randomBatch,
  splitCorpus,
  type TokenSource,
  Trainer,
  windowed,
} from "tokenformer";
import { dropout, type Model, normal, ones, type Scope, zeros } from "tokenformer/nn";
import {
  add,
  at,
  concat,
  gather,
  greaterOrEqual,
  matmul,
  mul,
  normalise,
  range,
  relu,
  reshape,
  softmax,
  type Tensor,
  where,
} from "tokenformer/tensor";

// Hyperparameters: those of the lecture's notebook, for a CPU. On its GPU it then took 64, 256, 384, 6, 6, 0.2 and 3e-4.
const batchSize = 16;
const context = 32;
const width = 64;
const heads = 4;
const layers = 4;
const dropoutRate = 0;
// Two branches a layer are added to what there was: so much of each lets them sum to about 1 at first (GPT-2).
const branch = 1 / Math.sqrt(2 * layers);
const learningRate = 1e-3;
const steps = Number(process.argv[process.argv.indexOf("--steps") + 1]) || 5000;
const evaluateEvery = 500;
const evaluationBatches = 50;
const seed = 1337;

// Data: as in bigram.ts.
const { text } = await embeddedBook();
const tokenizer = CharacterTokenizer.fromText(text);
const vocabulary = tokenizer.vocabularySize;
const { train, validation } = splitCorpus(memoryTokens(tokenizer.encode(text)), 0.9);

const batchOf = (source: TokenSource, step: number, stream: string) =>
  randomBatch(source, { seed, step, sequences: batchSize, context, stream });

/**
 * x Wᵀ + b. Scopes give parameters their names: "blocks.0.attention.heads.0.key.weight". A weight starts so that what it gives is
 * about as large as x, or `share` of that. (The lecture starts all with 0.02.) Its learning rate is twice that of the rest.
 */
function linear(scope: Scope, x: Tensor, size: number, options: { bias?: boolean; share?: number } = {}): Tensor {
  const { bias = true, share = 1 } = options;
  const channels = Number(at(x.shape, -1));
  const weight = scope.parameter("weight", [size, channels], normal(share / Math.sqrt(channels)), 2);
  const y = matmul(x, weight, { transposeB: true }); // (..., D) @ (D, size) → (..., size)
  return bias ? add(y, scope.parameter("bias", [size], zeros)) : y;
}

/** Each token's channels get mean 0 and variance 1, then a learned scale and shift. */
function layerNorm(scope: Scope, x: Tensor): Tensor {
  const scale = scope.parameter("scale", [width], ones);
  return add(mul(normalise(x, 1e-5), scale), scope.parameter("bias", [width], zeros));
}

/** One head of self-attention: tokens look for others ("query"), say what they have ("key") and tell it ("value"). */
function head(scope: Scope, x: Tensor): Tensor {
  const size = width / heads;
  const query = linear(scope.within("query"), x, size, { bias: false }); // (B, T, D) → (B, T, C)
  const key = linear(scope.within("key"), x, size, { bias: false }); // (B, T, D) → (B, T, C)
  const value = linear(scope.within("value"), x, size, { bias: false }); // (B, T, D) → (B, T, C)
  // Affinities, divided by √C lest the softmax sharpen to the single highest one.
  const scores = matmul(query, key, { transposeB: true, alpha: size ** -0.5 }); // (B, T, C) @ (B, C, T) → (B, T, T)
  // The past only: a token that saw the next one would have nothing to predict.
  const time = at(x.shape, 1);
  const past = greaterOrEqual(reshape(range(time), [time, 1]), range(time)); // (T, 1) ≥ (T) → (T, T)
  const weights = softmax(where(past, scores, -1e9));
  return matmul(dropout(scope, weights, dropoutRate), value); // (B, T, T) @ (B, T, C) → (B, T, C)
}

/** Several heads side by side: there is more than one kind of thing to look for. */
function attention(scope: Scope, x: Tensor): Tensor {
  const all = Array.from({ length: heads }, (_, index) => head(scope.within(`heads.${index}`), x));
  const joined = concat(all, 2); // H × (B, T, C) → (B, T, D)
  return dropout(scope, linear(scope.within("projection"), joined, width, { share: branch }), dropoutRate);
}

/** Communication is done; now each token thinks on what it has gathered. */
function feedForward(scope: Scope, x: Tensor): Tensor {
  const hidden = relu(linear(scope.within("up"), x, 4 * width)); // (B, T, D) → (B, T, 4 D)
  return dropout(scope, linear(scope.within("down"), hidden, width, { share: branch }), dropoutRate); // (B, T, 4 D) → (B, T, D)
}

/** Communication, then computation, each added to what was there: gradients reach the first layer unhindered. */
function block(scope: Scope, x: Tensor): Tensor {
  const y = add(x, attention(scope.within("attention"), layerNorm(scope.within("attentionNorm"), x)));
  return add(y, feedForward(scope.within("feedForward"), layerNorm(scope.within("feedForwardNorm"), y)));
}

const gpt: Model = (scope, tokens) => {
  const table = normal(1 / Math.sqrt(width));
  const tokenTable = scope.parameter("tokenTable", [vocabulary, width], table, 6); // (V, D), with 6 times the learning rate
  const positionTable = scope.parameter("positionTable", [context, width], table, 6); // (context, D)
  // What each token is, plus where it stands: attention itself has no notion of order.
  let x = add(gather(tokenTable, tokens), gather(positionTable, range(at(tokens.shape, 1)))); // (B, T) → (B, T, D)
  for (let layer = 0; layer < layers; layer++) x = block(scope.within(`blocks.${layer}`), x);
  return linear(scope.within("output"), layerNorm(scope.within("finalNorm"), x), vocabulary); // (B, T, D) → (B, T, V)
};

// AdamW with the constants that the lecture gets from PyTorch.
const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 0 };
const state = initialState(gpt, seed);
const parameters = [...state.parameters.values()].reduce((sum, { data }) => sum + data.length, 0);
console.log(`${(parameters / 1e6).toFixed(6)} M parameters`);
const device = await openDevice("cpu");
const trainer = await Trainer.create(device, gpt, state, adamW);

/** The mean loss over many batches: that of a single one is noisy. */
async function estimateLoss(source: TokenSource): Promise<string> {
  const batches = Array.from({ length: evaluationBatches }, (_, index) => batchOf(source, index, "estimate"));
  const { loss } = await trainer.inference.evaluate(batches);
  return loss.toFixed(4);
}

for (let step = 0; step <= steps; step++) {
  if (step % evaluateEvery === 0 || step === steps) {
    console.log(`step ${step}: train loss ${await estimateLoss(train)}, val loss ${await estimateLoss(validation)}`);
  }
  if (step < steps) await trainer.update([batchOf(train, step, "train")], learningRate, seed);
}

const next = (window: Int32Array) => trainer.inference.nextLogits(window); // (T) → (V)
for await (const piece of generate(windowed(next, context), tokenizer, { prompt: "\n", tokens: 500, seed })) {
  process.stdout.write(piece);
}
console.log();

await device.close();
