/** What is to be learned of a text of prompts or conversations. */

import type { LossPart } from "../../engine/api.ts";
import { Choice } from "./choice.tsx";

/** Characters of a text by which it is known. */
const BEGINNING = 20_000;

/** Whether a text is lines of JSON for fine-tuning, by its beginning. */
export function isOfRecords(text: string): boolean {
  return /^\s*\{[^\n]*"(prompt|messages)"\s*:/.test(text.slice(0, BEGINNING));
}

const PARTS: readonly (readonly [LossPart, string])[] = [
  ["completion", "Replies and completions alone"],
  ["all", "All: questions and prompts too"],
];

interface LossFieldProps {
  readonly value: LossPart;
  readonly chosen: (value: LossPart) => void;
}

export function LossField({ value, chosen }: LossFieldProps) {
  return (
    <div class="field">
      <span class="label">It learns</span>
      <Choice label="What it learns of prompts and conversations" value={value} choices={PARTS} chosen={chosen} />
      <p class="note">
        {value === "all"
          ? "It learns to write both sides, and gets better at what was asked as well."
          : "It learns to answer: what was asked is read, and its loss does not count."}
      </p>
    </div>
  );
}
