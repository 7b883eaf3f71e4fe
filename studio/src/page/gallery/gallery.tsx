/** Models that have grown, to be opened at once: the rings of each, and what it writes. */

import { GALLERY_TEXTS, type GalleryText } from "../../engine/gallery.ts";
import { compact } from "../format.ts";
import { RingPicture } from "../share/ring.tsx";
import { ringWords } from "../share/share-panel.tsx";
import { openExample } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy, phase } from "../store/state.ts";
import models from "./models.json";

type Model = (typeof models)[number];

export function Gallery() {
  return (
    <section class="gallery" aria-labelledby="gallery-title">
      <h2 id="gallery-title">Models that have grown already</h2>
      <p class="quiet">
        Small ones, trained from scratch and grown twice by this project’s own script. Open one: it writes at once, and
        goes on learning here if you like. One ring for each birth of parameter tokens.
      </p>
      <ul>
        {models.map((model) => {
          const text = GALLERY_TEXTS.find(({ key }) => key === model.key);
          return text === undefined ? null : <Example key={model.key} model={model} text={text} />;
        })}
      </ul>
    </section>
  );
}

function Example({ model, text }: { readonly model: Model; readonly text: GalleryText }) {
  const words = ringWords(model.step, model.growths.length, model.parameters);
  const opens = busy.value.has("example");
  const open = async () => {
    const run = await openExample(text);
    if (run !== undefined) goTo(addressOfRun(run));
  };
  return (
    <li class="card">
      <RingPicture recipe={{ rings: model.rings, before: "", now: "" }} label={`Its growth ring: ${words}`} />
      <div>
        <h3>{text.name}</h3>
        <p class="note">
          {compact(model.parameters)} parameters, {words.replace(/^.*?parameters, /, "")}
        </p>
        <blockquote>{model.now}</blockquote>
        <button
          type="button"
          disabled={opens || phase.value.kind !== "ready"}
          aria-label={`Open it: ${text.name}, grown`}
          onClick={() => void open()}
        >
          {opens ? "Opening…" : "Open it"}
        </button>
      </div>
    </li>
  );
}
