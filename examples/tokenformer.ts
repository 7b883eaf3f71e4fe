/**
 * TokenFormer (arXiv 2410.23168): gpt.ts with attention to parameters in place of every linear layer, grown while it learns.
 *
 * Shapes: B batch, T time, D channels (`width`), H heads, C = D / H, P parameter tokens of a site, V vocabulary.
 *
 *     npm run example -- tokenformer --steps 3000
 */

import {
  CharacterTokenizer,
  embeddedBook,
  generate,
  type HostArray,
  initialState,
  memoryTokens,
  openDevice,
  Random,
  randomBatch,
  splitCorpus,
  type TokenSource,
  Trainer,
  type TrainerState,
  windowed,
} from "tokenformer";
import { type Model, normal, type Scope } from "tokenformer/nn";
import {
  add,
  at,
  gather,
  gelu,
  greaterOrEqual,
  l2Normalise,
  matmul,
  normalise,
  range,
  reshape,
  softmax,
  symbol,
  type Tensor,
  transpose,
  where,
} from "tokenformer/tensor";

// Hyperparameters.
const batchSize = 16;
const context = 32;
const width = 64;
const heads = 4;
const layers = 4;
const learningRate = 1e-3;
const steps = Number(process.argv[process.argv.indexOf("--steps") + 1]) || 3000;
const growAt = Math.floor(steps / 2);
const evaluateEvery = 500;
const evaluationBatches = 50;
const seed = 1337;

// The places that hold parameter tokens. Each begins with as many as a linear layer has channels.
const kinds = ["attention.query", "attention.key", "attention.value", "attention.projection", "feedForward"];
const sites = Array.from({ length: layers }, (_, layer) => kinds.map((kind) => `blocks.${layer}.${kind}`)).flat();
const firstTokens = (site: string) => (site.endsWith("feedForward") ? 4 * width : width);

// GELU(z) has a mean square of 0.425 for z from N(0, 1), so that with values of deviation 1 / √(0.425 P) a site gives numbers
// from N(0, 1). Queries, keys and values begin smaller, what is added to the stream as large as that is, whatever P: the
// published 2 / (layers √D) lets a site that has more tokens drown what came before it.
const size = (site: string) => (/(query|key|value)$/.test(site) ? 0.3 : 2 / Math.sqrt(layers * width));
const valueDeviation = (site: string, tokens: number) => size(site) / Math.sqrt(0.425 * tokens);
// Each update moves all P values together, by as much as the learning rate: so that is divided by P.
const valueRate = (site: string) => (/(query|key)$/.test(site) ? 512 : 64);

// Data: as in bigram.ts.
const { text } = await embeddedBook();
const tokenizer = CharacterTokenizer.fromText(text);
const vocabulary = tokenizer.vocabularySize;
const { train, validation } = splitCorpus(memoryTokens(tokenizer.encode(text)), 0.9);

const batchOf = (source: TokenSource, step: number, stream: string) =>
  randomBatch(source, { seed, step, sequences: batchSize, context, stream });

/**
 * Token–parameter attention, "Pattention": the weights of a layer are tokens too, and each input token attends to them.
 * P is a symbol and τ a given value, so that one compiled program serves any number of parameter tokens.
 */
function pattention(scope: Scope, x: Tensor): Tensor {
  const tokens = symbol(scope.path("tokens")); // P
  const keys = scope.parameter("keys", [tokens, width], normal(0.02)); // (P, D)
  const site = scope.path("values").replace(/\.values$/, "");
  const initial = normal(valueDeviation(site, firstTokens(site)));
  const values = scope.parameter("values", [tokens, width], initial, ([now = 1]) => valueRate(site) / now); // (P, D)
  const scores = matmul(x, keys, { transposeB: true }); // (B, T, D) @ (D, P) → (B, T, P)
  // No softmax: its sum would feel each new token. The L2 norm of a row does not feel a score of 0, and GELU(0) is 0.
  const weights = gelu(l2Normalise(scores, scope.given("tau"))); // GELU(τ A / ‖A‖)
  return matmul(weights, values); // (B, T, P) @ (P, D) → (B, T, D)
}

/** Attention between the tokens of the text, as in gpt.ts, with all heads at once. */
function attention(scope: Scope, x: Tensor): Tensor {
  const [batch, time] = [at(x.shape, 0), at(x.shape, 1)];
  const project = (name: string) => {
    const y = pattention(scope.within(name), x);
    return transpose(reshape(y, [batch, time, heads, width / heads]), [0, 2, 1, 3]); // (B, T, D) → (B, H, T, C)
  };
  const alpha = (width / heads) ** -0.5;
  const scores = matmul(project("query"), project("key"), { transposeB: true, alpha }); // (B, H, T, T)
  const past = greaterOrEqual(reshape(range(time), [time, 1]), range(time)); // (T, 1) ≥ (T) → (T, T)
  const weights = softmax(where(past, scores, -1e9));
  const gathered = transpose(matmul(weights, project("value")), [0, 2, 1, 3]); // (B, H, T, C) → (B, T, H, C)
  return pattention(scope.within("projection"), reshape(gathered, [batch, time, width])); // (B, T, H, C) → (B, T, D)
}

// Norms have no parameters: all that a block learns is tokens.
const norm = (x: Tensor) => normalise(x, 1e-5);

function block(scope: Scope, x: Tensor): Tensor {
  const y = add(x, attention(scope.within("attention"), norm(x)));
  return add(y, pattention(scope.within("feedForward"), norm(y)));
}

const tokenformer: Model = (scope, tokens) => {
  const table = normal(1 / Math.sqrt(width));
  const tokenTable = scope.parameter("tokenTable", [vocabulary, width], table, 6); // (V, D), with 6 times the learning rate
  const positionTable = scope.parameter("positionTable", [context, width], table, 6); // (context, D)
  let x = add(gather(tokenTable, tokens), gather(positionTable, range(at(tokens.shape, 1)))); // (B, T) → (B, T, D)
  for (let layer = 0; layer < layers; layer++) x = block(scope.within(`blocks.${layer}`), x);
  const output = scope.parameter("output", [vocabulary, width], table, 6); // (V, D)
  return matmul(norm(x), output, { transposeB: true }); // (B, T, D) @ (D, V) → (B, T, V)
};

/** Half as many tokens again at every site: keys of zeros, to which nothing attends yet, and random values. */
function grow({ parameters, moments, lineage, ...state }: TrainerState): TrainerState {
  const random = Random.from("growth", seed);
  const longer = (arrays: ReadonlyMap<string, HostArray>, drawn: boolean) => {
    const entries = [...arrays].map(([name, array]) => {
      const [, site, part] = /^(.*)\.(keys|values)$/.exec(name) ?? [];
      if (site === undefined) return [name, array] as const;
      const spread = drawn && part === "values" ? valueDeviation(site, 1.5 * firstTokens(site)) : 0;
      const fresh = Float32Array.from({ length: array.data.length / 2 }, () => spread * random.normal());
      const [rows = 0, columns = 0] = array.shape;
      return [name, { shape: [1.5 * rows, columns], data: Float32Array.from([...array.data, ...fresh]) }] as const;
    });
    return new Map(entries); // (P, D) → (1.5 P, D)
  };
  // Adam has seen no gradient of the new tokens, and counts its updates of them from 0; their learning rate rises over 50 steps.
  const born = { born: state.step, init: "zero-key", updates: 0, frozenUntil: 0, warmup: 50 };
  return {
    ...state,
    parameters: longer(parameters, true),
    moments: moments && { first: longer(moments.first, false), second: longer(moments.second, false) },
    lineage: new Map([...lineage].map(([site, old]) => [site, [...old, { tokens: firstTokens(site) / 2, ...born }]])),
  };
}

const sizes = new Map(sites.map((site) => [`${site}.tokens`, firstTokens(site)]));
const given = new Map(sites.map((site) => [`${site}.tau`, Math.sqrt(firstTokens(site))]));
const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 0 };
const device = await openDevice("cpu");
const trainer = await Trainer.create(device, tokenformer, initialState(tokenformer, seed, sizes), { ...adamW, given });

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
  if (step === growAt) {
    const before = await estimateLoss(validation);
    await trainer.replace(grow(await trainer.download())); // the programs stay, τ stays: the function stays
    console.log(`step ${step}: grown by half, val loss ${before} before, ${await estimateLoss(validation)} after`);
  }
  if (step < steps) await trainer.update([batchOf(train, step, "train")], learningRate, seed);
}

const next = (window: Int32Array) => trainer.inference.nextLogits(window); // (T) → (V)
for await (const piece of generate(windowed(next, context), tokenizer, { prompt: "\n", tokens: 500, seed })) {
  process.stdout.write(piece);
}
console.log();

await device.close();
