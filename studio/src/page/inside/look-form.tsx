/** Which text is looked at, and whether again and again. */

import type { Signal } from "@preact/signals";
import type { Pieces } from "../../engine/api.ts";
import { count, pieceName, plural } from "../format.ts";
import type { Looking } from "./looking.ts";

interface LookFormProps {
  readonly looking: Looking;
  readonly pieces: Pieces;
  readonly follows: Signal<boolean>;
  /** What the model wrote last. */
  readonly sample: string | undefined;
}

export function LookForm({ looking, pieces, follows, sample }: LookFormProps) {
  const fault = looking.fault.value;
  return (
    <form
      class="look-form"
      onSubmit={(event) => {
        event.preventDefault();
        void looking.again();
      }}
    >
      <label for="look-text">Text to look into</label>
      <textarea
        id="look-text"
        rows={2}
        value={looking.text.value}
        aria-invalid={fault !== undefined}
        aria-describedby="look-note"
        onInput={({ currentTarget }) => {
          looking.text.value = currentTarget.value;
        }}
      />
      <p id="look-note" class={fault === undefined ? "note" : "wrong"} role="status">
        {fault ?? seenAt(looking, pieces)}
      </p>
      <div class="row">
        <button
          type="button"
          disabled={sample === undefined}
          onClick={() => {
            looking.text.value = sample ?? "";
          }}
        >
          Take its latest sample
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={follows.value}
            onChange={({ currentTarget }) => {
              follows.value = currentTarget.checked;
            }}
          />
          Look again as it learns
        </label>
      </div>
    </form>
  );
}

function seenAt({ look, text }: Looking, pieces: Pieces): string {
  const seen = look.value;
  if (seen === undefined) return "Looking…";
  const { step, tokens, truncated } = seen.inspection;
  const cut = truncated && seen.text === text.value;
  return `Seen at step ${count(step)}${cut ? `, the last ${plural(tokens.length, pieceName(pieces))}: its context holds no more` : ""}.`;
}
