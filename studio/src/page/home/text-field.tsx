/** The text to learn from: the page's book, or the visitor's own. */

import { useSignal } from "@preact/signals";
import { complaints, ownText, text, textKind } from "../store/draft.ts";
import { OwnText } from "./own-text.tsx";
import { readText } from "./read-text.ts";

export function TextField() {
  const fault = useSignal<string | undefined>(undefined);
  const own = textKind.value === "own";
  const complaint = fault.value ?? complaints.value.find(({ field }) => field === "text")?.message;
  const choose = (kind: typeof textKind.value) => {
    fault.value = undefined;
    textKind.value = kind;
  };
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    const read = await readText(file);
    choose("own");
    if ("fault" in read) fault.value = read.fault;
    else ownText.value = read;
  };
  return (
    <fieldset
      class="text-choice"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        const file = event.dataTransfer?.files[0];
        if (file === undefined) return;
        event.preventDefault();
        void take(file);
      }}
    >
      <legend>Text to learn from</legend>
      <label class="card-choice">
        <input type="radio" name="text" checked={!own} onChange={() => choose("default")} />
        <span class="title">Moby-Dick</span>
        <span class="note">Herman Melville’s whale, 1.2 million characters</span>
      </label>
      <label class="card-choice">
        <input type="radio" name="text" checked={own} onChange={() => choose("own")} />
        <span class="title">Your own text</span>
        <span class="note">Paste it, drop a file here, or choose one</span>
      </label>
      {text.value.kind === "own" && <OwnText take={take} complaint={complaint} />}
    </fieldset>
  );
}
