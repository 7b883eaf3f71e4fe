/** A new run: one click, or choices first. */

import { useEffect } from "preact/hooks";
import { bytes, compact, flops } from "../format.ts";
import { begin } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { choices, complaints, draft, estimate, keepEstimating, PRESETS, preset } from "../store/draft.ts";
import { busy } from "../store/state.ts";
import { CopyLink } from "./copy-link.tsx";
import { MoreChoices } from "./more-choices.tsx";
import { TextField } from "./text-field.tsx";

export function StartForm({ ready }: { readonly ready: boolean }) {
  useEffect(keepEstimating, []);
  const begins = busy.value.has("begin");
  return (
    <form
      class="start"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div class="go">
        <button type="submit" class="primary big" disabled={!ready || begins || complaints.value.length > 0}>
          {begins ? "Starting…" : "Start training"}
        </button>
        <EstimateLine />
      </div>
      <TextField />
      <PresetField />
      <MoreChoices />
      <CopyLink />
    </form>
  );
}

async function submit(): Promise<void> {
  const run = await begin(choices.peek());
  if (run !== undefined) goTo(addressOfRun(run));
}

function EstimateLine() {
  const found = estimate.value;
  if (complaints.value.length > 0) return <p class="estimate wrong">Something below needs a change first.</p>;
  const { parameters = 0, memory = 0, flopsPerUpdate = 0 } = found ?? {};
  return (
    <p class="estimate" aria-live="polite" data-empty={found === undefined}>
      <b>{compact(parameters)}</b> parameters, <b>{bytes(memory)}</b> of memory, <b>{flops(flopsPerUpdate)}</b> an
      update
    </p>
  );
}

function PresetField() {
  return (
    <fieldset class="presets">
      <legend>Size</legend>
      {PRESETS.map(({ key, title, note, draft: of }) => (
        <label key={key} class="card-choice">
          <input
            type="radio"
            name="preset"
            checked={preset.value?.key === key}
            onChange={() => {
              draft.value = of;
            }}
          />
          <span class="title">{title}</span>
          <span class="note">{note}</span>
          <span class="note numbers">
            {of.layers} layers · width {of.width} · context {of.context}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
