/** The text to learn from: one of the page's, or the visitor's own. */

import { useSignal } from "@preact/signals";
import { GALLERY_TEXTS, type GalleryText, galleryText } from "../../engine/gallery.ts";
import { complaints, ownText, textKey, textKind } from "../store/draft.ts";
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
  const change = (text: string) => {
    fault.value = undefined;
    ownText.value = { name: "My text", text };
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
      {GALLERY_TEXTS.map(({ key, name, about }) => (
        <label key={key} class="card-choice">
          <input
            type="radio"
            name="text"
            checked={!own && textKey.value === key}
            onChange={() => {
              textKey.value = key;
              choose("gallery");
            }}
          />
          <span class="title">{name}</span>
          <span class="note">{about}</span>
        </label>
      ))}
      <label class="card-choice">
        <input type="radio" name="text" checked={own} onChange={() => choose("own")} />
        <span class="title">Your own text</span>
        <span class="note">Paste it, drop a file here, or choose one</span>
      </label>
      {own ? <OwnText change={change} take={take} complaint={complaint} /> : <Source {...galleryText(textKey.value)} />}
    </fieldset>
  );
}

function Source({ source, licence }: GalleryText) {
  return (
    <p class="note text-source">
      From {source}, {licence}.
    </p>
  );
}
