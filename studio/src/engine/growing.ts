/** Growth as a visitor asks for it. */

import {
  type CompleteModelConfig,
  forecastMemory,
  type GrowthPlan,
  parseGrowthPlan,
  type RunConfig,
  type SiteKind,
} from "tokenformer/browser";
import { grownConfig } from "tokenformer/growth";
import { hasGenerationNorm, siteKinds } from "tokenformer/model";
import type { GrowthPreview, GrowthRequest } from "./api.ts";
import { costsOf, memoryComplaint } from "./choices.ts";
import { explained } from "./faults.ts";

/** The plan that a request stands for. Throws a `UserError` where it cannot be one. */
export function requestedPlan({ add, layers, init }: GrowthRequest, model: CompleteModelConfig): GrowthPlan {
  const wanted = siteKinds.flatMap((kind): [SiteKind, number][] => {
    const tokens = add[kind] ?? 0;
    return tokens === 0 ? [] : [[kind, tokens]];
  });
  const plan = {
    add: Object.fromEntries(wanted),
    init: init === "zero-key" && hasGenerationNorm(model) ? "zero-value" : init,
    ...(layers !== undefined && layers.length > 0 && { layers: [...layers] }),
  };
  return parseGrowthPlan(plan, "the growth", model);
}

/** What a growth of a run would come to. */
export function previewOf(config: RunConfig, request: GrowthRequest): GrowthPreview {
  const { model } = config;
  const before = costsOf(config, model);
  const unchanged = {
    parametersBefore: before.parameters,
    parametersAfter: before.parameters,
    flopsBefore: before.flopsPerUpdate,
    flopsAfter: before.flopsPerUpdate,
    memoryAfter: before.memory,
  };
  const amounts = Object.values(request.add);
  if (amounts.every((tokens) => tokens === 0)) return { ...unchanged, complaint: "Choose how many tokens to add" };
  const wrong = amounts.find((tokens) => !Number.isSafeInteger(tokens) || tokens < 0);
  if (wrong !== undefined) {
    return { ...unchanged, complaint: `${wrong} tokens cannot be added: choose a whole number of 1 or more` };
  }
  try {
    const larger = { ...grownConfig(model, requestedPlan(request, model)), vocabulary: model.vocabulary };
    const complaint = memoryComplaint(forecastMemory(config, larger, true));
    if (complaint !== undefined) return { ...unchanged, complaint: `The grown model ${complaint}` };
    const after = costsOf(config, larger);
    return {
      ...unchanged,
      parametersAfter: after.parameters,
      flopsAfter: after.flopsPerUpdate,
      memoryAfter: after.memory,
    };
  } catch (error) {
    return { ...unchanged, complaint: explained(error).message };
  }
}
