/** The text to learn from: the page's book, or the visitor's own. */

import { useSignal } from "@preact/signals";
import { count } from "../format.ts";
import { complaints, text } from "../store/draft.ts";
import { readText } from "./read-text.ts";

export function TextField() {
  const fault = useSignal<string | undefined>(undefined);
  const own = text.value.kind === "own";
  const complaint = fault.value ?? complaints.value.find(({ field }) => field === "text")?.message;
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    const read = await readText(file);
    fault.value = "fault" in read ? read.fault : undefined;
    if ("text" in read) text.value = { kind: "own", name: read.name, text: read.text };
  };
  return (
    <fieldset class="text-choice">
      <legend>Text to learn from</legend>
      <label class="card-choice">
        <input
          type="radio"
          name="text"
          checked={!own}
          onChange={() => {
            fault.value = undefined;
            text.value = { kind: "default" };
          }}
        />
        <span class="title">Moby-Dick</span>
        <span class="note">Herman Melville’s whale, 1.2 million characters</span>
      </label>
      <label class="card-choice">
        <input
          type="radio"
          name="text"
          checked={own}
          onChange={() => {
            text.value = { kind: "own", name: "My text", text: "" };
          }}
        />
        <span class="title">Your own text</span>
        <span class="note">Paste it, drop a file, or choose one</span>
      </label>
      {text.value.kind === "own" && (
        <OwnText value={text.value.text} name={text.value.name} take={take} complaint={complaint} />
      )}
    </fieldset>
  );
}

interface OwnTextProps {
  readonly value: string;
  readonly name: string;
  readonly complaint: string | undefined;
  readonly take: (file: File | undefined) => Promise<void>;
}

/** As much of a long text as a field shows without becoming slow. */
const SHOWN = 20_000;

function OwnText({ value, name, take, complaint }: OwnTextProps) {
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
        onInput={({ currentTarget }) => {
          text.value = { kind: "own", name: "My text", text: currentTarget.value };
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          const file = event.dataTransfer?.files[0];
          if (file !== undefined) event.preventDefault();
          void take(file);
        }}
      />
      <p class="row">
        <span id="own-text-note" class={complaint === undefined || value === "" ? "note" : "wrong"}>
          {complaint ?? `${name}: ${count(value.length)} characters${long ? ", the first of them shown" : ""}`}
        </span>
        {long && (
          <button
            type="button"
            class="plain"
            onClick={() => {
              text.value = { kind: "own", name: "My text", text: "" };
            }}
          >
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
    </div>
  );
}
