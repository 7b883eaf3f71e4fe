/** The models once more, in plain float64: for one sequence, tokens → logits [T, V]. */

import {
  type CompleteModelConfig,
  isOwn,
  type TokenFormerConfig,
  type TransformerConfig,
} from "../../src/model/index.ts";
import * as reference from "../support/reference.ts";

export type Tables = ReadonlyMap<string, reference.Table>;

/** Numbers that the reference cannot know of the parameters alone. */
export interface Extra {
  /** Channels of a head that rotary positions rotate. */
  readonly rotary: number;
  /** τ by the path of a site; where it is absent, the square root of the number of tokens. */
  readonly tau?: ReadonlyMap<string, number>;
  /** Is told what each site of a TokenFormer is given: a row a token. */
  readonly onSite?: (path: string, x: reference.Matrix) => void;
}

type Named = (name: string) => reference.Matrix;

export function referenceLogits(config: CompleteModelConfig, tables: Tables, tokens: reference.Row, extra: Extra) {
  const named = (name: string) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`no parameter ${name}`);
    return reference.matrix(table);
  };
  if (isOwn(config)) throw new Error("there is no reference of a model of one's own");
  switch (config.type) {
    case "bigram":
      return tokens.map((token) => reference.item(named("embedding.tokens"), token));
    case "transformer":
      return transformer(config, named, tokens, extra);
    case "tokenformer":
      return tokenformer(config, named, tokens, extra);
  }
}

/** The lecture's gpt.py, with its options. */
function transformer(config: TransformerConfig, named: Named, tokens: reference.Row, extra: Extra): reference.Matrix {
  const linear = (x: reference.Matrix, name: string, bias: boolean) => {
    const y = reference.timesTransposed(x, named(`${name}.weight`));
    return bias ? reference.plus(y, named(`${name}.bias`)) : y;
  };
  const norm = (x: reference.Matrix, name: string) => parametricNorm(x, named, name);
  const active = config.activation === "relu" ? (x: number) => Math.max(x, 0) : reference.gelu;
  const rotary = config.positions === "rotary" ? extra.rotary : 0;
  let x: reference.Matrix = tokens.map((token) => reference.item(named("embedding.tokens"), token));
  if (config.positions === "learned") {
    x = reference.plus(x, named("embedding.positions").slice(0, tokens.length));
  }
  for (let layer = 0; layer < config.layers; layer++) {
    const path = `blocks.${layer}`;
    const y = norm(x, `${path}.attentionNorm`);
    const [query, key, value] = ["query", "key", "value"].map((name) => linear(y, `${path}.attention.${name}`, false));
    if (query === undefined || key === undefined || value === undefined) throw new Error("three projections");
    const attended = reference.causalAttention({ query, key, value }, { heads: config.heads, rotary });
    x = reference.plus(x, linear(attended, `${path}.attention.projection`, config.biases));
    const hidden = linear(norm(x, `${path}.feedForwardNorm`), `${path}.feedForward.up`, config.biases);
    const bent = hidden.map((row) => row.map(active));
    x = reference.plus(x, linear(bent, `${path}.feedForward.down`, config.biases));
  }
  const final = norm(x, "finalNorm");
  return config.tied
    ? reference.timesTransposed(final, named("embedding.tokens"))
    : linear(final, "output", config.biases);
}

/** TokenFormer as the paper and the published code have it, with its options. */
function tokenformer(config: TokenFormerConfig, named: Named, tokens: reference.Row, { rotary, tau, onSite }: Extra) {
  const generation = (x: reference.Matrix, path: string) => {
    const keys = named(`${path}.keys`);
    const given = config.learnedTau ? named(`${path}.tau`)[0]?.[0] : tau?.get(path);
    const scale = given ?? Math.sqrt(keys.length);
    return reference.pattention(x, keys, named(`${path}.values`), config.activation, scale);
  };
  const site = (x: reference.Matrix, path: string) => {
    onSite?.(path, x);
    return later(config, path).reduce((y, later) => reference.plus(y, generation(x, later)), generation(x, path));
  };
  const norm = (x: reference.Matrix, name: string, parametric: boolean) =>
    parametric ? parametricNorm(x, named, name) : reference.layerNorm(x);
  let x: reference.Matrix = tokens.map((token) => reference.item(named("embedding.tokens"), token));
  if (config.positions === "learned") {
    x = reference.plus(x, named("embedding.positions").slice(0, tokens.length));
  }
  for (let layer = 0; layer < config.layers; layer++) {
    const path = `blocks.${layer}`;
    const parametric = config.blockNorm === "parametric";
    const y = norm(x, `${path}.attentionNorm`, parametric);
    const [query, key, value] = ["query", "key", "value"].map((name) => site(y, `${path}.attention.${name}`));
    if (query === undefined || key === undefined || value === undefined) throw new Error("three sites");
    const attended = reference.causalAttention({ query, key, value }, { heads: config.heads, rotary });
    x = reference.plus(x, site(attended, `${path}.attention.projection`));
    x = reference.plus(x, site(norm(x, `${path}.feedForwardNorm`, parametric), `${path}.feedForward`));
  }
  const final = norm(x, "finalNorm", config.finalNorm === "parametric");
  return reference.timesTransposed(final, named(config.tied ? "embedding.tokens" : "output.weight"));
}

/** The generations at a place that have tokens, beside the first. */
function later({ generations = [] }: TokenFormerConfig, place: string): string[] {
  const [, layer = "", part = "", kind = part] = place.split(".");
  return generations.flatMap(({ tokens }, index) => {
    const own = Object.entries(tokens).find(([name]) => name === kind)?.[1] ?? 0;
    const count = typeof own === "number" ? own : own[Number(layer)];
    return count === 0 ? [] : [`${place}.generations.${index + 1}`];
  });
}

function parametricNorm(x: reference.Matrix, named: Named, name: string): reference.Matrix {
  return reference.layerNorm(x, reference.item(named(`${name}.scale`), 0), reference.item(named(`${name}.bias`), 0));
}

/** The mean loss of sequences of tokens [B, T] and targets. */
export function referenceLoss(logits: readonly reference.Matrix[], targets: ArrayLike<number>): number {
  return reference.crossEntropy(logits.flat(), Array.from(targets));
}
