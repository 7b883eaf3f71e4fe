/** The visitor's own text: pasted, or from a file; and what it is cut into. */

import type { Pieces } from "../../engine/api.ts";
import { Choice } from "../parts/choice.tsx";
import { LongText } from "../parts/long-text.tsx";
import { isOfRecords } from "../parts/loss-field.tsx";
import { lossOn, ownText, pieces } from "../store/draft.ts";

interface OwnTextProps {
  readonly complaint: string | undefined;
  readonly change: (text: string) => void;
  readonly take: (file: File | undefined) => Promise<void>;
}

export function OwnText({ complaint, change, take }: OwnTextProps) {
  const { name, text: value } = ownText.value;
  return (
    <div class="own-text">
      <LongText
        label="Your text"
        placeholder="Paste a text here, or drop a file: stories, songs, code, letters…"
        name={name}
        value={value}
        complaint={complaint}
        change={change}
        take={take}
      />
      {complaint === undefined && isOfRecords(value) && (
        <p class="note">
          Lines of JSON with prompts or conversations: these are read, and{" "}
          {lossOn.value === "all" ? "all of them is" : "the completions and replies alone are"} learned (see{" "}
          <em>More choices</em>).
        </p>
      )}
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
