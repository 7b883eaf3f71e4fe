/**
 * The loss of a TokenFormer and of nanoGPT's Transformer, in the operations of whichever library is given.
 *
 * Shapes: B batch, T time, N = B T, D channels, H heads, C = D / H, P parameter tokens, V vocabulary.
 */

const NORM_EPSILON = 1e-5;
const ROTARY_BASE = 10_000;

/** The mean cross-entropy of one-hot tokens and targets [N, V], in nats per token. */
export function lossOf(ops, config, parameters, tokens, targets) {
  const model = config.type === "transformer" ? transformerBlocks : tokenformerBlocks;
  const rows = tokens.shape[0];
  const shape = { ...config, batch: rows / config.context, rows };
  const table = parameters["embedding.tokens"];
  let x = ops.matmul(tokens, table); // [N, D]
  const positions = parameters["embedding.positions"];
  if (positions !== undefined) {
    const apart = ops.reshape(x, [shape.batch, config.context, config.width]);
    x = ops.reshape(ops.add(apart, positions), [rows, config.width]);
  }
  x = model(ops, shape, parameters, x);
  const last = ops.add(ops.mul(normalise(ops, x), parameters["finalNorm.scale"]), parameters["finalNorm.bias"]);
  const logits = ops.matmul(last, table, false, true); // [N, V]
  const picked = ops.sum(ops.mul(ops.logSoftmax(logits), targets));
  return ops.scale(picked, -1 / rows);
}

function tokenformerBlocks(ops, shape, parameters, x) {
  for (let layer = 0; layer < shape.layers; layer++) {
    const at = (site, y) => pattention(ops, y, parameters, `blocks.${layer}.${site}`);
    const normed = normalise(ops, x);
    const [query, key, value] = ["query", "key", "value"].map((name) => at(`attention.${name}`, normed));
    x = ops.add(x, at("attention.projection", attend(ops, shape, query, key, value, true)));
    x = ops.add(x, at("feedForward", normalise(ops, x)));
  }
  return x;
}

function transformerBlocks(ops, shape, parameters, x) {
  for (let layer = 0; layer < shape.layers; layer++) {
    const at = (name) => parameters[`blocks.${layer}.${name}`];
    const linear = (name, y) => ops.matmul(y, at(`${name}.weight`), false, true);
    const norm = (name, y) => ops.add(ops.mul(normalise(ops, y), at(`${name}.scale`)), at(`${name}.bias`));
    const normed = norm("attentionNorm", x);
    const [query, key, value] = ["query", "key", "value"].map((name) => linear(`attention.${name}`, normed));
    x = ops.add(x, linear("attention.projection", attend(ops, shape, query, key, value, false)));
    const hidden = gelu(ops, linear("feedForward.up", norm("feedForwardNorm", x)));
    x = ops.add(x, linear("feedForward.down", hidden));
  }
  return x;
}

/** GELU(√P · A / ‖A‖) V of the scores A = X Kᵀ (arXiv 2410.23168). */
function pattention(ops, x, parameters, site) {
  const keys = parameters[`${site}.keys`];
  const scores = ops.matmul(x, keys, false, true); // [N, P]
  const norms = ops.sqrt(ops.sumLast(ops.mul(scores, scores)));
  const weights = gelu(ops, ops.scale(ops.div(scores, norms), Math.sqrt(keys.shape[0])));
  return ops.matmul(weights, parameters[`${site}.values`]);
}

/** x Φ(x), by the error function. */
function gelu(ops, x) {
  return ops.scale(ops.mul(x, ops.shift(ops.erf(ops.scale(x, Math.SQRT1_2)), 1)), 0.5);
}

/** LayerNorm without parameters. */
function normalise(ops, x) {
  const width = x.shape.at(-1);
  const centred = ops.sub(x, ops.scale(ops.sumLast(x), 1 / width));
  const variance = ops.scale(ops.sumLast(ops.mul(centred, centred)), 1 / width);
  return ops.div(centred, ops.sqrt(ops.shift(variance, NORM_EPSILON)));
}

/** Causal attention of [N, D] → [N, D]. */
function attend(ops, shape, query, key, value, rotated) {
  const { batch, context, heads, width, rows } = shape;
  const channels = width / heads;
  const split = (x) => ops.transpose(ops.reshape(x, [batch, context, heads, channels]), [0, 2, 1, 3]); // [B, H, T, C]
  const turned = (x) => (rotated ? rotate(ops, shape, split(x)) : split(x));
  const scores = ops.scale(ops.matmul(turned(query), turned(key), false, true), 1 / Math.sqrt(channels));
  const attended = ops.matmul(
    ops.softmax(
      ops.add(
        scores,
        ops.constant("mask", () => causalMask(context), [context, context]),
      ),
    ),
    split(value),
  );
  return ops.reshape(ops.transpose(attended, [0, 2, 1, 3]), [rows, width]);
}

function causalMask(time) {
  return Float32Array.from({ length: time * time }, (_, at) => (at % time > Math.floor(at / time) ? -1e9 : 0));
}

/** Rotates the pairs (c, c + R/2) of the first R channels by position: x [B, H, T, C]. */
function rotate(ops, { context, rotaryFraction }, x) {
  const channels = x.shape.at(-1);
  const pairs = Math.floor((channels * rotaryFraction) / 2);
  const table = (wave) =>
    ops.constant(
      wave.name,
      () =>
        Float32Array.from({ length: context * pairs }, (_, at) =>
          wave(Math.floor(at / pairs) * ROTARY_BASE ** (-(at % pairs) / pairs)),
        ),
      [context, pairs],
    );
  const [cosines, sines] = [table(Math.cos), table(Math.sin)];
  const [first, second] = [ops.sliceLast(x, 0, pairs), ops.sliceLast(x, pairs, 2 * pairs)];
  return ops.concatLast([
    ops.sub(ops.mul(first, cosines), ops.mul(second, sines)),
    ops.add(ops.mul(second, cosines), ops.mul(first, sines)),
    ops.sliceLast(x, 2 * pairs, channels),
  ]);
}

/** AdamW after clipping by the global norm; weight decay on matrices alone. Gives new parameters and moments, by name. */
export function adamw(ops, names, { parameters, gradients, first, second }, step) {
  const squares = names.map((name) => ops.sum(ops.mul(gradients[name], gradients[name])));
  const norm = ops.sqrt(squares.reduce((sum, square) => ops.add(sum, square)));
  const clip = ops.div(
    ops.constant("one", () => Float32Array.of(1), []),
    ops.atLeastOne(ops.shift(norm, 1e-6)),
  );
  const next = { parameters: {}, first: {}, second: {} };
  for (const name of names) {
    const gradient = ops.mul(gradients[name], clip);
    const m = ops.add(ops.scale(first[name], 0.9), ops.scale(gradient, 0.1));
    const v = ops.add(ops.scale(second[name], 0.99), ops.scale(ops.mul(gradient, gradient), 0.01));
    const root = ops.shift(ops.sqrt(ops.mul(v, step.secondCorrection)), 1e-8);
    const change = ops.scale(ops.div(ops.mul(m, step.firstCorrection), root), -1e-3);
    const kept = parameters[name].shape.length < 2 ? 1 : 1 - 1e-3 * 0.1;
    next.parameters[name] = ops.add(ops.scale(parameters[name], kept), change);
    next.first[name] = m;
    next.second[name] = v;
  }
  return next;
}
