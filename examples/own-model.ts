/**
 * A model of one's own. It trains, grows, is kept, writes and is exported like those of the package, from TypeScript (own.ts) and
 * from the command line:
 *
 *     npx tsc -p examples/tsconfig.json
 *     npx tokenformer train --model dist-examples/own-model.js --data book.txt --out runs/mine --grow-at 400:mixer=x2
 *     npx tokenformer sample runs/mine --model dist-examples/own-model.js --prompt "The whale"
 *
 * Instead of attending, a token sees an average of those before it, the nearest ones first.
 *
 * Shapes: B batch, T time, D channels (`width`), V vocabulary.
 */

import { defineModel, optionsWithDefaults } from "tokenformer";
import { normal, pattention, type Scope } from "tokenformer/nn";
import {
  add,
  at,
  cast,
  type Dimension,
  div,
  exp,
  gather,
  greaterOrEqual,
  matmul,
  mul,
  normalise,
  range,
  reshape,
  sub,
  sum,
  type Tensor,
  where,
} from "tokenformer/tensor";

/** The sites are named here and in the forward pass: a growth plan appends to them with `add: { mixer: "x2" }`. */
const site = (layer: number) => `blocks.${layer}.mixer`;

defineModel({
  name: "mine:averages",
  options: optionsWithDefaults({ width: 64, layers: 3, tokens: 128, decay: 1 }),
  sites: ({ layers, tokens }) => Array.from({ length: layers }, (_, layer) => ({ path: site(layer), tokens })),
  forward:
    ({ vocabulary, width, layers, tokens: first, decay }) =>
    (scope, tokens) => {
      const table = scope.within("embedding").parameter("tokens", [vocabulary, width], normal(1 / Math.sqrt(width))); // (V, D)
      // GELU(z) has a mean square of 0.425 for z from N(0, 1): so all sites together add about as much as there was.
      const values = normal(1 / Math.sqrt(0.425 * first * layers * width));
      let x = gather(table, tokens); // (B, T) → (B, T, D)
      for (let layer = 0; layer < layers; layer++) {
        // Each layer looks twice as far back as the one before.
        const seen = matmul(nearness(at(tokens.shape, 1), decay / 2 ** layer), normalise(x, 1e-5)); // (T, T) @ (B, T, D)
        x = add(x, mixed(scope.within(site(layer)), add(seen, normalise(x, 1e-5)), width, values));
      }
      return matmul(normalise(x, 1e-5), table, { transposeB: true }); // (B, T, D) @ (D, V) → (B, T, V)
    },
});

/** Token–parameter attention, whose number of tokens stays open, so that one program serves every stage of growth. */
function mixed(scope: Scope, x: Tensor, width: number, values: ReturnType<typeof normal>): Tensor {
  return pattention(scope, x, {
    width,
    activation: "l2_norm_gelu",
    keys: { initial: normal(0.02) },
    values: { initial: values },
  });
}

/** How much token s counts in what token t sees, (T, T): rows sum to 1, e^-decay less a token further back, none of the future. */
function nearness(time: Dimension, decay: number): Tensor {
  const places = cast(range(time), "float32");
  const age = sub(reshape(places, [time, 1]), reshape(places, [1, time])); // (T, 1) - (1, T) → (T, T)
  const weights = where(greaterOrEqual(age, 0), exp(mul(age, -decay)), 0);
  return div(weights, sum(weights, [-1], { keep: true }));
}
