/** What the last growth did: whether the model stayed the same, and the way back. */

import type { Growth, RunView } from "../../engine/api.ts";
import { compact, count, loss, scientific } from "../format.ts";
import { undo } from "../store/actions.ts";
import { busy } from "../store/state.ts";

/** Of the scale of the logits: below it a change is rounding. */
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
      <p class="numbers">
        Loss <b>{loss(lossBefore)}</b> just before, <b>{loss(lossAfter)}</b> just after.
      </p>
      {run.undoable && (
        <button type="button" disabled={busy.value.has("undo")} onClick={() => void undo(run.summary.id)}>
          {busy.value.has("undo") ? "Going back…" : "Undo this growth"}
        </button>
      )}
    </>
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
