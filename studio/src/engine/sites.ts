/** The sites of a model, with the generations of their tokens. */

import type { Complete, ModelState } from "tokenformer/browser";
import { sitesOf } from "tokenformer/model";
import type { SiteView } from "./api.ts";

/** The sites, layer by layer; none for a model without parameter tokens. */
export function siteViews(model: Complete, lineage: ModelState["lineage"]): SiteView[] {
  if (model.type !== "tokenformer") return [];
  return sitesOf(model).map((site) => ({
    ...site,
    generations: (lineage.get(site.path) ?? []).map(({ tokens, born, init }) => ({ tokens, born, init })),
  }));
}
