/** What the model writes on its own, now and earlier. */

import { useSignal } from "@preact/signals";
import type { RunView } from "../../engine/api.ts";
import { count } from "../format.ts";
import { shownText } from "./said.ts";

export function Samples({ run }: { readonly run: RunView }) {
  const { samples } = run;
  /** The index of the sample that is looked at; undefined: always the last. */
  const chosen = useSignal<number | undefined>(undefined);
  if (samples.length === 0) {
    return (
      <p class="empty">
        {run.summary.status.kind === "training" || run.summary.status.kind === "starting"
          ? "The first lines come in a few seconds. They will be nonsense."
          : "No sample yet. The model writes some when it trains."}
      </p>
    );
  }
  const end = samples.length - 1;
  const index = Math.min(chosen.value ?? end, end);
  const sample = samples[index];
  return (
    <div class="samples">
      <figure>
        <blockquote>{shownText(sample?.text ?? "")}</blockquote>
        <figcaption>
          Written at step <span class="numbers">{count(sample?.step ?? 0)}</span>
        </figcaption>
      </figure>
      <div class="timeline">
        <label for="sample-step">Earlier samples</label>
        <input
          id="sample-step"
          type="range"
          min={0}
          max={end}
          value={index}
          disabled={end === 0}
          aria-valuetext={`step ${sample?.step ?? 0}`}
          onInput={({ currentTarget }) => {
            const wanted = currentTarget.valueAsNumber;
            chosen.value = wanted === end ? undefined : wanted;
          }}
        />
        <button
          type="button"
          class="plain"
          disabled={chosen.value === undefined}
          onClick={() => {
            chosen.value = undefined;
          }}
        >
          Latest
        </button>
      </div>
    </div>
  );
}
