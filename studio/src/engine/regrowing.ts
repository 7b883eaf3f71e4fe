/** Whether a run can be grown again: whether what a link holds of it is all that it was made of. */

import { type Config, parseGrowthPlan } from "tokenformer/browser";
import { choicesOf, configFromChoices } from "./choices.ts";
import type { Facts } from "./live-run.ts";
import { siteViews } from "./sites.ts";

/** Whether the choices of its beginning, its seed and its growths, as the page makes them, give the same model again. */
export function isOfChoices({ config, lineage, part }: Facts): boolean {
  const first = siteViews(config.model, lineage).map(({ kind, generations: [own] }) => ({ kind, ...own }));
  const tokensOf = (feedForward: boolean) => first.find(({ kind }) => (kind === "feedForward") === feedForward)?.tokens;
  const beginning = { attentionTokens: tokensOf(false) ?? 0, feedForwardTokens: tokensOf(true) ?? 0 };
  const made = configFromChoices({ ...choicesOf("", config), ...beginning });
  return (
    part === undefined &&
    "config" in made &&
    isSame(unsized(made.config), unsized(config)) &&
    first.every(({ kind, born, tokens }) => born === 0 && tokens === tokensOf(kind === "feedForward")) &&
    config.growth.every((plan) => isOfThePage(plan, config))
  );
}

/** A configuration but for what grows, and for the text's vocabulary. */
function unsized({ model, ...others }: Config) {
  return { ...others, model: { ...model, vocabulary: undefined, tokens: undefined, tau: undefined }, growth: [] };
}

const INITS: readonly string[] = ["zero-key", "split", "random"];

/** Whether a growth is as the page asks for it: what the page does not ask is as usual. */
function isOfThePage({ step: _, restart: __, ...plan }: Config["growth"][number], { model }: Config): boolean {
  if (!("add" in plan) || !INITS.includes(plan.init)) return false;
  const { add, layers, init } = plan;
  return isSame(plan, parseGrowthPlan({ add, init, ...(layers !== undefined && { layers }) }, "a growth", model));
}

const isSame = (a: object, b: object) => ordered(a) === ordered(b);

/** As text, whatever the order of its properties. */
const ordered = (of: object) =>
  JSON.stringify(of, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
