/** Growth as a visitor asks for it. */

import {
  type Complete,
  checkPlans,
  messageOf,
  type SiteKind,
  siteKinds,
  sitesOf,
  type TokenPlan,
  tokenPlanSchema,
  withSites,
} from "tokenformer/browser";
import type { GrowthPreview, GrowthRequest } from "./api.ts";
import { costsOf } from "./choices.ts";

/** The plan that a request stands for. Throws a `UserError`-like error of the schema where it cannot be one. */
export function planOf({ add, layers, init }: GrowthRequest): TokenPlan {
  const wanted = siteKinds.flatMap((kind): [SiteKind, number][] => {
    const tokens = add[kind] ?? 0;
    return tokens === 0 ? [] : [[kind, tokens]];
  });
  return tokenPlanSchema.parse({
    add: Object.fromEntries(wanted),
    init,
    ...(layers !== undefined && layers.length > 0 && { layers: [...layers] }),
  });
}

/** What a growth would come to. */
export function previewOf(model: Complete, request: GrowthRequest, batch: number): GrowthPreview {
  const before = costsOf(model, { batch, context: model.context });
  const unchanged = {
    parametersBefore: before.parameters,
    parametersAfter: before.parameters,
    flopsBefore: before.flopsPerUpdate,
    flopsAfter: before.flopsPerUpdate,
    memoryAfter: before.memory,
  };
  if (Object.values(request.add).every((tokens) => tokens === 0)) {
    return { ...unchanged, complaint: "Choose how many tokens to add" };
  }
  try {
    const plan = planOf(request);
    checkPlans(model, [plan]);
    const after = costsOf(grown(model, request), { batch, context: model.context });
    return {
      ...unchanged,
      parametersAfter: after.parameters,
      flopsAfter: after.flopsPerUpdate,
      memoryAfter: after.memory,
    };
  } catch (error) {
    return { ...unchanged, complaint: messageOf(error) };
  }
}

/** The sizes of the grown model. */
function grown(model: Complete, { add, layers }: GrowthRequest): Complete {
  if (model.type !== "tokenformer") return model;
  const larger = sitesOf(model).map((site) =>
    layers === undefined || layers.length === 0 || layers.includes(site.layer)
      ? { ...site, tokens: site.tokens + (add[site.kind] ?? 0) }
      : site,
  );
  return withSites(model, larger);
}
