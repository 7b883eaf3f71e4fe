/**
 * Growth strategies of one's own, for configurations (`growth: [{ step: 400, … }]`), `run.grow` and the command line:
 *
 *     npx tokenformer grow runs/book --to runs/larger --strategy dist-examples/own-strategy.js \
 *       --init mine:near-copies --option noise=0.1 --add ffn=x2
 *     npx tokenformer train --strategy dist-examples/own-strategy.js --grow-at "400:init=mine:deeper;option.blocks=1" …
 */

import { defineGrowthStrategy, type HostArray, optionsWithDefaults, UserError } from "tokenformer";
import { withRows } from "tokenformer/growth";

/**
 * How new parameter tokens start: with the keys of old ones, a little off, and values of zero. Where all are copied as often (x2, x3), the L2
 * norm of a row of scores grows with √(n + m), and so does a τ of √n: but for the noise, the model computes what it did.
 */
defineGrowthStrategy({
  name: "mine:near-copies",
  options: optionsWithDefaults({ noise: 0.02 }),
  preserves: false,
  tokens({ keys, values, added, site, random }, { noise }) {
    const grown = withRows(keys, added); // [n, D] → [n + m, D], the new ones zero
    const width = keys.data.length / site.tokens;
    for (let index = keys.data.length; index < grown.data.length; index++) {
      const source = keys.data[index % (site.tokens * width)] ?? 0;
      grown.data[index] = source * (1 + noise * random.normal());
    }
    return { keys: grown, values: withRows(values, added) };
  },
  // Of all tokens, n in n + m have the weights that they had.
  exactTau: ({ tau, tokens }, added) => tau * Math.sqrt((tokens + added) / tokens),
});

/**
 * What a block adds to the stream is what these give: where they are zero, a new block changes nothing, and learns. All else is drawn: a branch of
 * which two parts in a row are zero has no gradient in either.
 */
const lastOfBranch =
  /(projection\.weight|projection\.bias|down\.weight|down\.bias|(projection|feedForward|mixer)(\.generations\.\d+)?\.values)$/;

/** Blocks are added after those that are there: for any model that has `layers`, and blocks that add to what came before them. */
defineGrowthStrategy({
  name: "mine:deeper",
  options: optionsWithDefaults({ blocks: 1 }),
  preserves: true,
  config(model, { blocks }) {
    if (!("layers" in model) || typeof model.layers !== "number") {
      throw new UserError(`mine:deeper: a ${model.type} has no layers to add to; take a transformer`);
    }
    return { ...model, layers: model.layers + blocks };
  },
  parameters({ parameters, initial }) {
    const grown = new Map<string, HostArray>(parameters);
    for (const [name, { shape }] of initial) {
      if (parameters.has(name) || !lastOfBranch.test(name)) continue; // all others start as the model starts them
      grown.set(name, { shape, data: new Float32Array(shape.reduce((size, length) => size * length, 1)) });
    }
    return grown;
  },
});
