/** The way back from a growth, which costs what was learnt since; that can be kept as another run. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Growth, RunView } from "../../engine/api.ts";
import { count, plural } from "../format.ts";
import { focusOnce } from "../parts/focused.ts";
import { undo } from "../store/actions.ts";
import { busy } from "../store/state.ts";

export function UndoGrowth({ growth, run }: { readonly growth: Growth; readonly run: RunView }) {
  const asking = useSignal(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const { id, step, status } = run.summary;
  const lost = step - growth.step;
  const goBack = (copies: boolean) => {
    asking.value = false;
    void undo(id, copies);
  };
  const stay = () => {
    asking.value = false;
    requestAnimationFrame(() => trigger.current?.focus());
  };
  if (!asking.value) {
    return (
      <button
        type="button"
        ref={trigger}
        disabled={busy.value.has("undo") || status.kind === "elsewhere"}
        onClick={() => {
          if (lost === 0) goBack(false);
          else asking.value = true;
        }}
      >
        {busy.value.has("undo") ? "Going back…" : "Undo this growth"}
      </button>
    );
  }
  return (
    <fieldset
      class="undo"
      aria-label="Undo this growth?"
      onKeyDown={(event) => {
        if (event.key === "Escape") stay();
      }}
    >
      <p>
        This goes back to step {count(growth.step)}, before the growth. The {plural(lost, "update")} since then{" "}
        {lost === 1 ? "is" : "are"} undone too.
      </p>
      <div class="actions">
        <button type="button" ref={focusOnce} onClick={() => goBack(true)}>
          Keep a copy, then go back
        </button>
        <button type="button" class="danger" onClick={() => goBack(false)}>
          Go back
        </button>
        <button type="button" class="plain" onClick={stay}>
          Stay
        </button>
      </div>
    </fieldset>
  );
}
