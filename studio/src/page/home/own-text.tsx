/** The visitor's own text: pasted, or from a file; and what it is cut into. */

import type { Pieces } from "../../engine/api.ts";
import { count } from "../format.ts";
import { Choice } from "../parts/choice.tsx";
import { ownText, pieces } from "../store/draft.ts";

interface OwnTextProps {
  readonly complaint: string | undefined;
  readonly take: (file: File | undefined) => Promise<void>;
}

/** As much of a long text as a field shows without becoming slow. */
const SHOWN = 20_000;

const change = (value: string) => {
  ownText.value = { name: "My text", text: value };
};

export function OwnText({ complaint, take }: OwnTextProps) {
  const { name, text: value } = ownText.value;
  const long = value.length > SHOWN;
  return (
    <div class="own-text">
      <label for="own-text" class="visually-hidden">
        Your text
      </label>
      <textarea
        id="own-text"
        rows={6}
        placeholder="Paste a text here, or drop a file: stories, songs, code, letters…"
        value={long ? value.slice(0, SHOWN) : value}
        readOnly={long}
        aria-describedby="own-text-note"
        aria-invalid={complaint !== undefined && value !== ""}
        onInput={({ currentTarget }) => change(currentTarget.value)}
        onPaste={(event) => {
          const pasted = event.clipboardData?.getData("text/plain") ?? "";
          if (pasted.length <= SHOWN || long) return;
          // The field would lay all of it out, which takes a browser many seconds.
          event.preventDefault();
          const { value: before, selectionStart, selectionEnd } = event.currentTarget;
          change(before.slice(0, selectionStart) + pasted.replaceAll("\r\n", "\n") + before.slice(selectionEnd));
        }}
      />
      <p class="row">
        <span id="own-text-note" class={complaint === undefined || value === "" ? "note" : "wrong"}>
          {complaint ?? `${name}: ${count(value.length)} characters${long ? ", the first of them shown" : ""}`}
        </span>
        {long && (
          <button type="button" class="plain" onClick={() => change("")}>
            Clear
          </button>
        )}
        <label class="button file">
          Choose a file
          <input
            type="file"
            accept="text/*,.txt,.md,.csv,.json,.tex"
            onChange={({ currentTarget }) => void take(currentTarget.files?.[0])}
          />
        </label>
      </p>
      <PiecesField />
    </div>
  );
}

const PIECES: readonly (readonly [Pieces, string])[] = [
  ["characters", "Characters of this text"],
  ["characters and unknown", "Characters, and one sign for all others"],
  ["byte-pairs", "Byte pairs: any text can be asked about"],
];

function PiecesField() {
  return (
    <div class="field pieces">
      <span class="label">It reads and writes</span>
      <Choice
        label="What it reads and writes"
        value={pieces.value}
        choices={PIECES}
        chosen={(value) => {
          pieces.value = value;
        }}
      />
      <p class="note">
        {pieces.value === "byte-pairs"
          ? "Frequent pieces of words, found in your text first; all other characters as their bytes."
          : pieces.value === "characters"
            ? "One character after the other. What is not in your text it cannot read."
            : "One character after the other. What is not in your text becomes a sign for “unknown”."}
      </p>
    </div>
  );
}
