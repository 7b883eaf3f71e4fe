/**
 * Making a model fit the published layout, which has one number of parameter tokens for all queries, keys and values, one
 * for the projections and one for the feed-forward layers, and τ = √n everywhere.
 *
 * A site with keys K [n, D], values V and τ becomes one of N tokens with τ = √N that computes the same: its keys are K,
 * then c K, then zeros; its new values are zeros. A new token adds nothing to the output, but those with keys c K make the
 * norm of the scores √(1 + c²) times as large, and √N / √(1 + c²) = τ for c² = N / τ² - 1. Zero keys change no norm. This is
 * exact but for the rounding of c. For `gelu_l2_norm` c has to be 0, as GELU(c a) is not c GELU(a): then N = τ².
 */

import { UserError } from "../errors.ts";
import type { LazyTensor } from "../formats/index.ts";
import type { HostArray } from "../growth/index.ts";
import { type Site, type SiteKind, sitesOf, type TokenFormerConfig, withSites } from "../model/index.ts";

/** Sites whose numbers of tokens the published layout has under one key. */
const GROUPS: readonly (readonly SiteKind[])[] = [["query", "key", "value"], ["projection"], ["feedForward"]];

/** By how much τ² may miss a whole number: the rounding of roots and squares. */
const TOLERANCE = 1e-9;

const near = (a: number, b: number) => Math.abs(a - b) <= TOLERANCE * Math.max(1, b);

/** The configuration in the published layout; each site's tokens are as many as before, or more where it is converted. */
export function publishable<Config extends TokenFormerConfig>(config: Config, convert: boolean, where: string): Config {
  if ((config.generations ?? []).length > 0) {
    throw new UserError(
      `${where}: has parameter tokens with norms of their own, which the published layout has no place for; export it as onnx`,
    );
  }
  const sizes = new Map<SiteKind, number>();
  for (const kinds of GROUPS) {
    const sites = sitesOf(config).filter(({ kind }) => kinds.includes(kind));
    const size = commonSize(sites, config) ?? (convert ? convertedSize(sites, config, where) : undefined);
    if (size === undefined) throw misfit(sites, config, where);
    for (const kind of kinds) sizes.set(kind, size);
  }
  const sites = sitesOf(config).map((site): Site => {
    const tokens = sizes.get(site.kind) ?? site.tokens;
    return { ...site, tokens, tau: Math.sqrt(tokens) };
  });
  return withSites(config, sites);
}

/** The number of tokens of sites that all fit the layout as they are. Softmax has no τ. */
function commonSize(sites: readonly Site[], { activation }: TokenFormerConfig): number | undefined {
  const [first] = sites;
  const fits = sites.every(
    ({ tokens, tau }) => tokens === first?.tokens && (activation === "softmax" || near(tau ** 2, tokens)),
  );
  return fits ? first?.tokens : undefined;
}

function convertedSize(sites: readonly Site[], { activation }: TokenFormerConfig, where: string): number {
  const most = Math.max(...sites.map(({ tokens }) => tokens));
  const squares = sites.map(({ tau }) => tau ** 2);
  const whole = Math.round(squares[0] ?? 0);
  if (activation !== "softmax" && whole >= most && squares.every((square) => near(square, whole))) return whole;
  if (activation === "l2_norm_gelu") return Math.max(2 * most, Math.ceil(Math.max(...squares) - TOLERANCE));
  const reason =
    activation === "softmax"
      ? "the weights of softmax change with every token that is added"
      : "only a τ² that is a whole number, the same at each and no less than its tokens, can be the new number of tokens";
  throw new UserError(`${where}: cannot be converted for ${activation} at ${sites[0]?.path}: ${reason}`);
}

function misfit(sites: readonly Site[], { activation }: TokenFormerConfig, where: string): UserError {
  const wrong = sites.find(({ tokens, tau }) => activation !== "softmax" && !near(tau ** 2, tokens));
  const other = sites.find(({ tokens }) => tokens !== sites[0]?.tokens);
  const what =
    wrong === undefined
      ? `${sites[0]?.path} has ${sites[0]?.tokens} parameter tokens and ${other?.path} ${other?.tokens}, but the published layout has one number for both`
      : `${wrong.path} has τ ${round(wrong.tau)} with ${wrong.tokens} parameter tokens, but the published layout has τ = √n = ${round(Math.sqrt(wrong.tokens))}`;
  return new UserError(`${where}: ${what}; add --convert to append tokens that change nothing until it fits`);
}

const round = (value: number) => Number(value.toPrecision(6));

/** The keys and values of a site, read when they are written. */
interface SiteTensors {
  keys(): Promise<HostArray>;
  values(): Promise<HostArray>;
}

/** The keys and values [tokens, width] with τ = √tokens that make a site compute what it did with its own. */
export function convertedSite(site: Site, tensors: SiteTensors, shape: readonly [number, number]) {
  const [tokens, width] = shape;
  const square = tokens / site.tau ** 2 - 1; // c²
  const scaled = square > TOLERANCE && tokens > site.tokens;
  const scale = Math.sqrt(square);
  const zeros = (rows: number) => new Float32Array(rows * width);
  const keys: LazyTensor = {
    shape,
    pieces: async function* () {
      const { data } = await tensors.keys();
      yield data;
      if (scaled) yield data.map((value) => scale * value);
      yield zeros(tokens - site.tokens * (scaled ? 2 : 1));
    },
  };
  const values: LazyTensor = {
    shape,
    pieces: async function* () {
      yield (await tensors.values()).data;
      yield zeros(tokens - site.tokens);
    },
  };
  return { keys, values };
}
