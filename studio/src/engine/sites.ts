/** The sites of a model, with the generations of their tokens. */

import type { CompleteModelConfig, ModelState } from "tokenformer/browser";
import { sitesOf } from "tokenformer/model";
import type { SiteView } from "./api.ts";

/** The sites, layer by layer, each with all generations at its place; none for a model without parameter tokens. */
export function siteViews(model: CompleteModelConfig, lineage: ModelState["lineage"]): SiteView[] {
  if (model.type !== "tokenformer") return [];
  const all = sitesOf(model);
  return all
    .filter(({ generation }) => generation === 0)
    .map((site) => {
      const here = all.filter(({ place }) => place === site.path);
      const generations = here.flatMap(({ path }) => lineage.get(path) ?? []);
      return {
        ...site,
        tokens: here.reduce((sum, { tokens }) => sum + tokens, 0),
        generations: generations.map(({ tokens, born, init }) => ({ tokens, born, init })),
      };
    });
}
