/** Where a run gains parameter tokens, what that costs, and what it did. */

import { useSignal } from "@preact/signals";
import type { RunView } from "../../engine/api.ts";
import { TokenCaption } from "../parts/caption.tsx";
import { grow } from "../store/actions.ts";
import { busy } from "../store/state.ts";
import { GrowthCost, usePreview } from "./growth-cost.tsx";
import { HowMany, HowTheyStart, WhichLayers, WhichSites } from "./growth-fields.tsx";
import { GrowthResult } from "./growth-result.tsx";
import { ModelMap } from "./model-map.tsx";
import { FIRST_CHOICE, requestOf } from "./request.ts";

export function GrowPanel({ run }: { readonly run: RunView }) {
  const choice = useSignal(FIRST_CHOICE);
  const preview = usePreview(run, choice.value);
  if (run.sites.length === 0) return <CannotGrow />;
  const grows = busy.value.has("grow");
  const change = (changed: Partial<typeof choice.value>) => {
    choice.value = { ...choice.peek(), ...changed };
  };
  const isFirst = JSON.stringify(choice.value) === JSON.stringify(FIRST_CHOICE);
  return (
    <form
      class="card grow"
      aria-labelledby="grow-title"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void grow(run.summary.id, requestOf(run, choice.peek()));
      }}
    >
      <h2 id="grow-title">Its parameter tokens</h2>
      <ModelMap run={run} choice={choice.value} />
      <TokenCaption growths={run.growths.length} />
      <GrowthCost preview={preview} />
      <button
        type="submit"
        class="growing"
        disabled={
          grows || preview === undefined || preview.complaint !== undefined || run.summary.status.kind === "elsewhere"
        }
      >
        {grows ? "Growing…" : isFirst ? "Double it" : "Grow"}
      </button>
      <details class="more">
        <summary>More</summary>
        <div class="more-growth">
          <WhichSites where={choice.value.where} change={change} />
          <WhichLayers layers={choice.value.layers} amount={run.choices.layers} change={change} />
          <HowMany tokens={choice.value.tokens} change={change} />
          <HowTheyStart init={choice.value.init} change={change} />
        </div>
      </details>
      <GrowthResult run={run} />
    </form>
  );
}

function CannotGrow() {
  return (
    <section class="card grow" aria-labelledby="grow-title">
      <h2 id="grow-title">Grow</h2>
      <p class="note">
        A plain GPT keeps what it knows in matrices of a fixed shape, so it cannot take on parameter tokens. It is here
        to compare with.
      </p>
    </section>
  );
}
