/**
 * The lecture's bigram.py: each token alone predicts the next one.
 *
 * Shapes: B batch, T time, V vocabulary.
 *
 *     npm run example -- bigram --steps 3000
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
import { type Model, normal } from "tokenformer/nn";
import { gather } from "tokenformer/tensor";

// Hyperparameters.
const batchSize = 32; // how many independent sequences are processed at once
const context = 8; // the longest window that a prediction sees
const steps = Number(process.argv[process.argv.indexOf("--steps") + 1]) || 3000;
const evaluateEvery = 300;
const evaluationBatches = 200;
const learningRate = 1e-2;
const seed = 1337;

// Data: Moby-Dick, for it comes with the package. The first 90 % are for training, the rest tells whether the model
// learned English or the book by heart.
const { text } = await embeddedBook();
const tokenizer = CharacterTokenizer.fromText(text);
const vocabulary = tokenizer.vocabularySize;
const { train, validation } = splitCorpus(memoryTokens(tokenizer.encode(text)), 0.9);

/** A small batch of windows (B, T), and the token that follows each of their tokens (B, T). */
const batchOf = (source: TokenSource, step: number, stream: string) =>
  randomBatch(source, { seed, step, sequences: batchSize, context, stream });

/**
 * The model: each token reads the logits of the next one off its row of a table.
 *
 * This function runs once, to trace what is to be computed; the numbers flow through the compiled program.
 */
const bigram: Model = (scope, tokens) => {
  const table = scope.parameter("table", [vocabulary, vocabulary], normal(1)); // (V, V)
  return gather(table, tokens); // (B, T) → (B, T, V)
};

// AdamW with the constants that the lecture gets from PyTorch.
const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 0 };
const device = await openDevice("cpu");
const trainer = await Trainer.create(device, bigram, initialState(bigram, seed), adamW);

/** The mean loss over many batches: that of a single one is noisy. */
async function estimateLoss(source: TokenSource): Promise<string> {
  const batches = Array.from({ length: evaluationBatches }, (_, index) => batchOf(source, index, "estimate"));
  const { loss } = await trainer.inference.evaluate(batches);
  return loss.toFixed(4);
}

for (let step = 0; step <= steps; step++) {
  // Every once in a while, look at the loss on both splits.
  if (step % evaluateEvery === 0 || step === steps) {
    console.log(`step ${step}: train loss ${await estimateLoss(train)}, val loss ${await estimateLoss(validation)}`);
  }
  if (step < steps) await trainer.update([batchOf(train, step, "train")], learningRate, seed);
}

// Write: draw a token from the model's probabilities, append it, and again.
const next = (window: Int32Array) => trainer.inference.nextLogits(window); // (T) → (V)
for await (const piece of generate(windowed(next, context), tokenizer, { prompt: "\n", tokens: 500, seed })) {
  process.stdout.write(piece);
}
console.log();

await device.close();
