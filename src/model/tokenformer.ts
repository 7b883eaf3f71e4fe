/**
 * TokenFormer (arXiv 2410.23168): a Transformer decoder with token–parameter attention in place of every projection.
 *
 * Shapes: B batch, T time, D channels (the width), V vocabulary; the paper's n is the number of parameter tokens of a site.
 * How parameters start and learn is in `parametrisation.ts`.
 */

import {
  causalAttention,
  dropout,
  gatedPattention,
  type Initial,
  layerNorm,
  linear,
  type Model,
  pattention,
  type Scope,
  tokenTable,
} from "../nn/index.ts";
import { add, matmul, type Tensor } from "../tensor/index.ts";
import { blockActivations, blockFlops, embeddingParameters } from "./block-costs.ts";
import { type CompleteModelConfig, rotaryChannels, type TokenFormerConfig } from "./config.ts";
import { embed } from "./embed.ts";
import { embeddingSetup, type SiteSetup, siteSetup } from "./parametrisation.ts";
import type { ModelRecord } from "./record.ts";
import type { Site } from "./site.ts";
import { sitesOf, type TokenFormerSite, withTokenFormerSites } from "./sites.ts";

/** tokens [B, T] → logits [B, T, V]. */
export const tokenformer =
  (config: CompleteModelConfig<TokenFormerConfig>): Model =>
  (scope, tokens) => {
    const placed: Placed = { ...config, sites: sitesByTau(config) };
    const table = scope.within("embedding");
    let x = embed(table, tokens, config); // [B, T, D]
    for (let layer = 0; layer < config.layers; layer++) x = block(scope.within(`blocks.${layer}`), x, placed);
    const final = layerNorm(scope.within("finalNorm"), scope.wanted(x), {
      parametric: config.finalNorm === "parametric",
    });
    const { vocabulary, width } = config;
    const setup = embeddingSetup(config);
    if (config.tied) return matmul(final, tokenTable(table, vocabulary, width, setup), { transposeB: true });
    return linear(scope.within("output"), final, { width: vocabulary, bias: false, setup }); // [B, T, V]
  };

/** A configuration with its sites, by the path of the τ of their place. */
type Placed = TokenFormerConfig & { readonly sites: ReadonlyMap<string, readonly TokenFormerSite[]> };

function sitesByTau(config: TokenFormerConfig): Map<string, TokenFormerSite[]> {
  const sites = new Map<string, TokenFormerSite[]>();
  for (const site of sitesOf(config)) {
    const path = `${site.place}.tau`;
    sites.set(path, [...(sites.get(path) ?? []), site]);
  }
  return sites;
}

/** Records what the block adds to the residual stream as `attention.branch` and `feedForward.branch`. */
function block(scope: Scope, x: Tensor, config: Placed): Tensor {
  const norm = (name: string, t: Tensor) =>
    layerNorm(scope.within(name), t, { parametric: config.blockNorm === "parametric" });
  const attention = scope.within("attention");
  const attended = attend(attention, norm("attentionNorm", x), config);
  attention.record("branch", attended);
  const y = add(x, dropout(scope, attended, config.dropout));
  const feedForward = scope.within("feedForward");
  const fed = attendParameters(feedForward, norm("feedForwardNorm", y), config);
  feedForward.record("branch", fed);
  return add(y, dropout(scope, fed, config.dropout));
}

function attend(scope: Scope, x: Tensor, config: Placed): Tensor {
  const query = attendParameters(scope.within("query"), x, config);
  const key = attendParameters(scope.within("key"), x, config);
  const value = attendParameters(scope.within("value"), x, config);
  const attended = causalAttention(scope, { query, key, value }, { ...config, rotary: rotaryChannels(config) });
  return attendParameters(scope.within("projection"), attended, config);
}

/** The Pattention of a place, from the residual stream's width to the same width: the sum over the generations with a norm of their own. */
function attendParameters(scope: Scope, x: Tensor, config: Placed): Tensor {
  const here = config.sites.get(scope.path("tau")) ?? [];
  const scopeOf = ({ generation }: Site) =>
    generation === 0 ? scope : scope.within("generations").within(`${generation}`);
  const gated = here.filter(({ generation }) => scope.gate(generation) !== undefined);
  const parts = here
    .filter((site) => !gated.includes(site))
    .map((site) => attendSite(scopeOf(site), x, config, { site, here }));
  for (const tokens of new Set(gated.map((site) => site.tokens))) {
    const alike = gated.filter((site) => site.tokens === tokens);
    const open = alike.flatMap(({ generation }) => scope.gate(generation) ?? []);
    const { width, activation } = config;
    const learnedTau = config.learnedTau ? Math.sqrt(tokens) : undefined;
    parts.push(gatedPattention(x, { width, activation, learnedTau, tokens, scopes: alike.map(scopeOf), open }));
  }
  if (parts.length === 0) throw new Error(`internal: there is no site for ${scope.path("tau")}`);
  return parts.reduce((sum, part) => add(sum, part));
}

/** The Pattention of a site, beside others at its place. */
function attendSite(
  scope: Scope,
  x: Tensor,
  config: Placed,
  { site, here }: { readonly site: TokenFormerSite; readonly here: readonly TokenFormerSite[] },
): Tensor {
  const { width, activation, learnedTau } = config;
  const learning = here.filter(({ path }) => scope.learns(`${path}.values`));
  const { keys, values } = setupBeside(config, site, learning);
  return pattention(scope, x, { width, activation, keys, values, learnedTau: learnedTau ? site.tau : undefined });
}

/** How a site starts and learns. Rates are shared among the tokens of those at its place that learn together. */
function setupBeside(
  config: TokenFormerConfig,
  { path, kind, tokens }: TokenFormerSite,
  learning: readonly TokenFormerSite[],
): SiteSetup {
  const others = learning.reduce((sum, other) => (other.path === path ? sum : sum + other.tokens), 0);
  return siteSetup(config, kind, tokens, others);
}

/** How the keys and values of all sites start, by the names of the parameters. */
function siteInitials(config: TokenFormerConfig): ReadonlyMap<string, Initial> {
  const all = sitesOf(config);
  return new Map(
    all.flatMap((site) => {
      const here = all.filter(({ place }) => place === site.place);
      const { keys, values } = setupBeside(config, site, here);
      return [
        [`${site.path}.keys`, keys.initial],
        [`${site.path}.values`, values.initial],
      ] as const;
    }),
  );
}

export const tokenformerRecord: ModelRecord<TokenFormerConfig> = {
  forward: tokenformer,
  sites: {
    of: sitesOf,
    with: withTokenFormerSites,
    tau: ({ activation, learnedTau }) => (activation === "softmax" ? "none" : learnedTau ? "learned" : "given"),
    initials: siteInitials,
    learningTau: (config) => ({ ...config, learnedTau: true }),
  },
  costs: {
    flops: (config, time, counts) => blockFlops(config, time, counts()),
    parameters: (config) => embeddingParameters(config) + 2 * config.width * parameterTokens(config),
    activations: (config) => blockActivations(config, parameterTokens(config)),
  },
  cached: () => true,
};

/** Parameter tokens of all sites. */
function parameterTokens(config: TokenFormerConfig): number {
  return sitesOf(config).reduce((sum, { tokens }) => sum + tokens, 0);
}
