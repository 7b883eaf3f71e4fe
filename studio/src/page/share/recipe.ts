/**
 * A run as an address: all that another browser needs to grow the same model again, with what shows that it did: the curve, and what
 * it wrote. The text is not in it.
 */

import type { GrowthInit, LossPart, Pieces, PlannedGrowth, RunView, SiteView } from "../../engine/api.ts";
import { type Draft, draftOf, lossOnOf, piecesOf, toQuery } from "../store/draft.ts";

/** Parameter tokens that were born together. */
export interface Ring {
  readonly born: number;
  readonly tokens: number;
  /** How bright: what they bring to the outputs beside what they would if all brought as much; from 0 to 1. */
  readonly use: number;
}

export interface Recipe {
  readonly draft: Draft;
  readonly pieces: Pieces;
  /** What it learns of prompts and conversations. */
  readonly lossOn: LossPart;
  readonly textName: string;
  readonly growth: readonly PlannedGrowth[];
  /** Updates that the model has had. */
  readonly step: number;
  /** Held-out losses, in nats. */
  readonly curve: readonly { readonly step: number; readonly loss: number }[];
  readonly rings: readonly Ring[];
  /** What it wrote before it grew first, and last. */
  readonly before: string;
  readonly now: string;
}

type Drawn = "summary" | "choices" | "pieces" | "lossOn" | "sites" | "validation" | "samples" | "usage";
type Shown = Pick<RunView, Drawn> & {
  readonly growths: readonly Pick<RunView["growths"][number], "step">[];
};

/** Points of the curve, and characters of what it wrote, that an address has room for. */
const MOST_POINTS = 40;
const MOST_CHARACTERS = 90;

export function recipeOfRun(run: Shown): Recipe {
  const { summary, samples, growths } = run;
  const first = growths[0]?.step ?? Number.POSITIVE_INFINITY;
  const before = samples.findLast(({ step }) => step <= first);
  return {
    draft: initialDraft(run),
    pieces: run.pieces,
    lossOn: run.lossOn ?? "completion",
    textName: summary.textName,
    growth: growthsOf(run.sites),
    step: summary.step,
    curve: thinned(run.validation),
    rings: ringsOf(run),
    before: growths.length === 0 ? "" : shortened(before?.text ?? ""),
    now: shortened(samples.at(-1)?.text ?? ""),
  };
}

/** The choices that the run began with: its sites had fewer tokens before it grew. */
function initialDraft({ choices, sites }: Shown): Draft {
  const { name: _, ...draft } = choices;
  const tokens = (kind: SiteView["kind"]) =>
    sites.find((site) => site.kind === kind)?.generations.find(({ born }) => born === 0)?.tokens;
  return {
    ...draft,
    attentionTokens: tokens("query") ?? draft.attentionTokens,
    feedForwardTokens: tokens("feedForward") ?? draft.feedForwardTokens,
  };
}

function thinned(points: Shown["validation"]): Recipe["curve"] {
  const every = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  return points
    .filter((_, index) => (points.length - 1 - index) % every === 0)
    .map(({ step, loss }) => ({ step, loss }));
}

/** Whole words of a sample, as one line. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  if (line.length <= MOST_CHARACTERS) return line;
  const start = line.slice(0, MOST_CHARACTERS);
  return start.slice(0, Math.max(start.lastIndexOf(" "), MOST_CHARACTERS / 2));
}

export function ringsOf({ sites, usage }: Pick<Shown, "sites" | "usage">): Ring[] {
  const tokens = new Map<number, number>();
  for (const { generations } of sites)
    for (const { born, tokens: amount } of generations) tokens.set(born, (tokens.get(born) ?? 0) + amount);
  const last = usage.at(-1)?.generations;
  return [...tokens]
    .toSorted(([a], [b]) => a - b)
    .map(([born, amount]) => {
      const found = last?.find((generation) => generation.born === born);
      const use = found === undefined ? (born === 0 ? 1 : 0) : found.contributionShare / found.tokenShare;
      return { born, tokens: amount, use: Math.min(1, use) };
    });
}

// ---- growth -------------------------------------------------------------------------------------------------------------

const KINDS: readonly SiteView["kind"][] = ["query", "key", "value", "projection", "feedForward"];
const LETTERS: Readonly<Record<SiteView["kind"], string>> = {
  query: "q",
  key: "k",
  value: "v",
  projection: "o",
  feedForward: "f",
};

/** The growths that have made these sites what they are. */
export function growthsOf(sites: readonly SiteView[]): PlannedGrowth[] {
  const steps = new Set(sites.flatMap(({ generations }) => generations.map(({ born }) => born)));
  const layers = new Set(sites.map(({ layer }) => layer)).size;
  return [...steps].toSorted((a, b) => a - b).flatMap((step) => growthsAt(sites, step, layers));
}

/** One after the other, where there were several at a step. */
function growthsAt(sites: readonly SiteView[], step: number, amount: number): PlannedGrowth[] {
  const times = Math.max(...sites.map((site) => bornAt(site, step).length));
  return Array.from({ length: times }, (_, time) => growthAt(sites, step, time, amount)).flat();
}

const INITS: readonly GrowthInit[] = ["zero-key", "split", "random"];

/** Blocks that have gained alike are one plan. Which of them grew together is not known, and makes no difference. */
function growthAt(sites: readonly SiteView[], step: number, time: number, amount: number): PlannedGrowth[] {
  const plans = new Map<string, { readonly plan: PlannedGrowth; readonly layers: number[] }>();
  for (const layer of new Set(sites.map((site) => site.layer))) {
    const own = sites.filter((site) => site.layer === layer);
    for (const init of INITS) {
      const gains = own.flatMap((site) => {
        const gain = bornAt(site, step)[time];
        return gain?.init === init ? [{ kind: site.kind, ...gain }] : [];
      });
      if (gains.length === 0) continue;
      const doubled = gains.length === own.length && gains.every((gain) => gain.doubled);
      const add = Object.fromEntries(gains.map(({ kind, tokens }) => [kind, doubled ? "x2" : tokens]));
      const key = JSON.stringify([add, init]);
      const known = plans.get(key);
      if (known === undefined) plans.set(key, { plan: { step, add, init }, layers: [layer] });
      else known.layers.push(layer);
    }
  }
  return [...plans.values()].map(({ plan, layers }) => (layers.length === amount ? plan : { ...plan, layers }));
}

/** What a site gained by each growth at a step: all of it but what it began with. */
function bornAt({ generations }: SiteView, step: number) {
  let before = 0;
  return generations.flatMap(({ tokens, born, init }, index) => {
    const gained = { tokens, doubled: tokens === before, init: initOf(init) };
    before += tokens;
    return born === step && (born > 0 || index > 0) ? [gained] : [];
  });
}

const initOf = (init: string): GrowthInit => (init === "split" || init === "random" ? init : "zero-key");

/** "188:x2", "249:q16.f40@0.2~split". */
export function growthWord({ step, add, layers, init }: PlannedGrowth): string {
  const kinds = KINDS.filter((kind) => add[kind] !== undefined);
  const doubles = kinds.length === KINDS.length && kinds.every((kind) => add[kind] === "x2");
  const what = doubles ? "x2" : kinds.map((kind) => `${LETTERS[kind]}${add[kind]}`).join(".");
  const where = layers === undefined ? "" : `@${layers.join(".")}`;
  return `${step}:${what}${where}${init === "zero-key" ? "" : `~${init}`}`;
}

const WORD = /^(\d+):(x2|(?:[qkvof](?:x2|\d+)\.?)+)(?:@([\d.]+))?(?:~(split|random))?$/;

/** The growth that `growthWord` wrote so; undefined for any other word. */
export function plannedGrowth(word: string): PlannedGrowth | undefined {
  const [, step, what = "", where, init = "zero-key"] = WORD.exec(word) ?? [];
  if (step === undefined) return undefined;
  const amounts = what === "x2" ? KINDS.map((kind) => [kind, "x2"] as const) : what.split(".").flatMap(amountOf);
  return {
    step: Number(step),
    add: Object.fromEntries(amounts),
    ...(where !== undefined && { layers: where.split(".").map(Number) }),
    init: init === "split" || init === "random" ? init : "zero-key",
  };
}

function amountOf(part: string): (readonly [SiteView["kind"], number | "x2"])[] {
  const kind = KINDS.find((candidate) => LETTERS[candidate] === part[0]);
  return kind === undefined ? [] : [[kind, part.slice(1) === "x2" ? "x2" : Number(part.slice(1))]];
}

// ---- in an address --------------------------------------------------------------------------------------------------------

export function recipeQuery(recipe: Recipe): string {
  const query = toQuery(recipe.draft);
  query.set("text", recipe.textName);
  if (recipe.pieces !== "characters") query.set("pieces", recipe.pieces);
  if (recipe.lossOn !== "completion") query.set("learns", recipe.lossOn);
  query.set("step", String(recipe.step));
  if (recipe.growth.length > 0) query.set("grow", recipe.growth.map(growthWord).join(","));
  query.set("rings", recipe.rings.map(({ born, tokens, use }) => `${born}:${tokens}:${use.toFixed(2)}`).join(","));
  query.set("curve", recipe.curve.map(({ step, loss }) => `${step}:${loss.toFixed(3)}`).join(","));
  if (recipe.before !== "") query.set("before", recipe.before);
  if (recipe.now !== "") query.set("now", recipe.now);
  // Colons and commas may stand as they are, and are shorter.
  return query.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
}

export function recipeOfQuery(text: string): Recipe {
  const query = new URLSearchParams(text);
  const list = (key: string) => (query.get(key) ?? "").split(",").filter((part) => part !== "");
  const numbers = (key: string) => list(key).map((part) => part.split(":").map(Number));
  return {
    draft: draftOf(query),
    pieces: piecesOf(query) ?? "characters",
    lossOn: lossOnOf(query) ?? "completion",
    textName: query.get("text") ?? "",
    growth: list("grow").flatMap((word) => plannedGrowth(word) ?? []),
    step: Number(query.get("step") ?? 0) || 0,
    curve: numbers("curve").map(([step = 0, loss = Number.NaN]) => ({ step, loss })),
    rings: numbers("rings").map(([born = 0, tokens = 0, use = 0]) => ({ born, tokens, use })),
    before: query.get("before") ?? "",
    now: query.get("now") ?? "",
  };
}
