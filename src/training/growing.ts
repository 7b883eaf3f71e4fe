/** Growing a model that is on a device, and measuring what that did. */

import { type GrowthPlan, grow, isWidthPlan, type ModelState, tauOf } from "../growth/index.ts";
import {
  type Complete,
  countParameters,
  givenOf,
  modelOf,
  sameProgram,
  sites,
  trainingFlopsPerToken,
} from "../model/index.ts";
import type { GrowthReport } from "./events.ts";
import { Inference, type TokenBatch, uploadArrays } from "./inference.ts";

/** Bytes a parameter takes while training: itself, its gradient and two moments, in float32. */
const BYTES_PER_PARAMETER = 16;

/**
 * Grows a state and compares the two models on text.
 * @param inference the model of the state; it is left with the weights and τ that it had
 * @param batch real text, on which the logits before and after are compared
 */
export async function growMeasured(
  inference: Inference,
  state: ModelState,
  plan: GrowthPlan,
  seed: number,
  batch: TokenBatch,
): Promise<{ state: ModelState; report: GrowthReport }> {
  const shape = [batch.sequences, batch.context] as const;
  const grown = grow(state, plan, seed);
  const before = await inference.logits(batch.tokens, shape);
  const after = await logitsOfGrown(inference, state, grown, batch);
  const report: GrowthReport = {
    ...costs(state.config, grown.config),
    ...difference(before.data, after.data),
    init: plan.init,
    ...(!isWidthPlan(plan) && state.config.type === "tokenformer" && { tau: tauOf(plan, state.config) }),
    summary: summarise(state.config, grown.config),
  };
  return { state: grown, report };
}

/** The logits of the grown model, by the programs of the old one where they serve both. */
async function logitsOfGrown(inference: Inference, old: ModelState, grown: ModelState, batch: TokenBatch) {
  const { device, parameters } = inference;
  const uploaded = await uploadArrays(device, grown.parameters);
  const own = !sameProgram(old.config, grown.config);
  const user = own ? new Inference(device, modelOf(grown.config), uploaded) : inference;
  user.use({ parameters: uploaded, given: givenOf(grown.config) });
  const logits = await user.logits(batch.tokens, [batch.sequences, batch.context]);
  if (own) await user.release();
  inference.use({ parameters, given: givenOf(old.config) });
  await device.dispose(uploaded.values());
  return logits;
}

function costs(before: Complete, after: Complete) {
  const [parametersBefore, parametersAfter] = [countParameters(before).total, countParameters(after).total];
  return {
    parametersBefore,
    parametersAfter,
    flopsPerTokenBefore: trainingFlopsPerToken(before),
    flopsPerTokenAfter: trainingFlopsPerToken(after),
    memoryBefore: BYTES_PER_PARAMETER * parametersBefore,
    memoryAfter: BYTES_PER_PARAMETER * parametersAfter,
  };
}

function difference(before: ArrayLike<number | bigint>, after: ArrayLike<number | bigint>) {
  let [maxLogitDifference, logitScale] = [0, 0];
  for (let index = 0; index < before.length; index++) {
    const [old, now] = [Number(before[index]), Number(after[index])];
    maxLogitDifference = Math.max(maxLogitDifference, Math.abs(now - old));
    logitScale = Math.max(logitScale, Math.abs(old));
  }
  return { maxLogitDifference, logitScale };
}

/** For example "query 128 → 160, feedForward 512 → 640 tokens", or "width 64 → 96, 4 → 6 heads". */
function summarise(before: Complete, after: Complete): string {
  if (before.type === "transformer" && after.type === "transformer") {
    return `width ${before.width} → ${after.width}, ${before.heads} → ${after.heads} heads`;
  }
  const old = sites(before);
  const changes = sites(after).flatMap((site, index) => {
    const tokens = old[index]?.tokens ?? 0;
    return tokens === site.tokens ? [] : [{ ...site, change: `${tokens} → ${site.tokens}` }];
  });
  const byChange = new Map<string, typeof changes>();
  for (const site of changes) {
    const key = `${site.kind} ${site.change}`;
    byChange.set(key, [...(byChange.get(key) ?? []), site]);
  }
  const layers = old.at(-1)?.layer ?? 0;
  const parts = [...byChange].map(([change, where]) =>
    where.length === layers + 1 ? change : `${change} in layer ${where.map(({ layer }) => layer).join(", ")}`,
  );
  return `${parts.join(", ")} tokens`;
}
