/** What the last growth did: whether the model stayed the same, and the way back. */

import type { Growth, RunView } from "../../engine/api.ts";
import { compact, count, loss, scientific } from "../format.ts";
import { UndoGrowth } from "./undo-growth.tsx";

/** The share of the logits' scale below which a change is rounding. */
const PRESERVED = 1e-3;

export function GrowthResult({ run }: { readonly run: RunView }) {
  const growth = run.growths.at(-1);
  return (
    <div class="growth-result" role="status">
      {growth !== undefined && <Result growth={growth} run={run} />}
    </div>
  );
}

function Result({ growth, run }: { readonly growth: Growth; readonly run: RunView }) {
  const { step, parametersAfter, lossBefore, lossAfter } = growth;
  return (
    <>
      <h3>
        Grew to {compact(parametersAfter)} at step {count(step)}
      </h3>
      <Check growth={growth} />
      <Strip growth={growth} />
      <p class="numbers">
        Held-out loss <b>{loss(lossBefore)}</b> just before, <b>{loss(lossAfter)}</b> just after.
      </p>
      <Since growth={growth} run={run} />
      {run.undoable && <UndoGrowth growth={growth} run={run} />}
    </>
  );
}

/** What it has learnt with its new tokens: the same loss on the same text, some updates later. */
function Since({ growth, run }: { readonly growth: Growth; readonly run: RunView }) {
  const last = run.validation.at(-1);
  if (last === undefined || last.step <= growth.step) {
    return <p class="note">Held-out text is measured again soon, when the new tokens have learnt something.</p>;
  }
  return (
    <p class="numbers">
      Held-out: {loss(growth.lossBefore)} before → <b>{loss(last.loss)}</b> now, {count(last.step - growth.step)}{" "}
      updates later.
    </p>
  );
}

/** How far the outputs are from what they would be without the growth, over the growth: flat where nothing is forgotten. */
function Strip({ growth: { maxLogitDifference, logitScale } }: { readonly growth: Growth }) {
  const ratio = logitScale === 0 ? 0 : Math.min(1, maxLogitDifference / logitScale);
  const height = 26 - 22 * ratio;
  return (
    <div class="strip">
      <svg viewBox="0 0 200 30" preserveAspectRatio="none" aria-hidden="true">
        <line class="birth" x1="100" y1="0" x2="100" y2="30" />
        <path class={ratio > PRESERVED ? "moved" : "flat"} d={`M0 26 H100 V${height} H200`} />
      </svg>
      <span>Difference of its outputs, before and after it grew</span>
    </div>
  );
}

function Check({ growth: { maxLogitDifference, logitScale } }: { readonly growth: Growth }) {
  const ratio = logitScale === 0 ? 0 : maxLogitDifference / logitScale;
  if (ratio > PRESERVED) {
    return (
      <p>
        <span class="verdict changed">Changed.</span> Its outputs moved by up to <b>{scientific(ratio)}</b> of their
        scale.
      </p>
    );
  }
  return (
    <p>
      <span class="verdict">Nothing forgotten.</span>{" "}
      {ratio === 0 ? (
        "Not one output has changed."
      ) : (
        <>
          No output moved by more than <b>{scientific(ratio)}</b> of their scale: rounding.
        </>
      )}
    </p>
  );
}
