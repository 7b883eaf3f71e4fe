/** What someone sent: the ring of their model at once, and a button that grows it again here. */

import type { TextChoice } from "../../engine/api.ts";
import { DEFAULT_TEXT, galleryText, galleryTextNamed } from "../../engine/gallery.ts";
import { count } from "../format.ts";
import { textChoiceOf } from "../home/read-text.ts";
import { TokenCaption } from "../parts/caption.tsx";
import { TextFileButton } from "../parts/text-file.tsx";
import { begin } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy, phase } from "../store/state.ts";
import { recipeOfQuery } from "./recipe.ts";
import { RingPicture } from "./ring.tsx";
import { keepSender } from "./sender.ts";
import { ringWords } from "./share-panel.tsx";

export function SharedScreen({ query }: { readonly query: string }) {
  const recipe = recipeOfQuery(query);
  const { draft, pieces, lossOn, growth, textName, step, before, now } = recipe;
  const known = textName === "" ? galleryText(DEFAULT_TEXT) : galleryTextNamed(textName);
  const blocked = phase.value.kind !== "ready" || busy.value.has("begin");
  const regrow = async (text: TextChoice, called: string) => {
    const run = await begin({ ...draft, pieces, growth, name: `${called}, regrown`, text });
    if (run === undefined) return;
    keepSender(run, recipe.curve);
    goTo(addressOfRun(run));
  };
  const take = async (file: File) => {
    const text = await textChoiceOf(file);
    if (text !== undefined) await regrow({ ...text, lossOn }, textName);
  };
  return (
    <section class="card share shared">
      <RingPicture recipe={recipe} label={`A growth ring: ${ringWords(step, growth.length)}`} />
      <div class="share-words">
        <h1 tabIndex={-1}>A model that grew while it learnt {textName}.</h1>
        <p>
          {ringWords(step, growth.length)}
          {growth.length > 0 && <> (at {[...new Set(growth.map(({ step }) => step))].map(count).join(" and ")})</>}.
          Each ring is a birth of parameter tokens.
        </p>
        <TokenCaption growths={growth.length} />
        {before !== "" && (
          <blockquote>
            <b>Before it grew:</b> {before}
          </blockquote>
        )}
        {now !== "" && (
          <blockquote>
            <b>Then:</b> {now}
          </blockquote>
        )}
        <div class="actions">
          {known === undefined ? (
            <TextFileButton blocked={blocked} take={take}>
              {busy.value.has("begin") ? "Starting…" : "Choose its text, and grow it again"}
            </TextFileButton>
          ) : (
            <button
              type="button"
              class="primary"
              disabled={blocked}
              onClick={() => void regrow({ kind: "gallery", key: known.key }, known.name)}
            >
              {busy.value.has("begin") ? "Starting…" : "Grow it again here"}
            </button>
          )}
          <a href="#/">Make your own</a>
        </div>
        <p class="note">
          {known !== undefined
            ? "Your tab trains the same model from the same seed, lets it grow at the same steps, and draws its losses beside those of the sender."
            : `It learnt from ${textName}, which is not in the link. If you have that text as a file, your tab can grow the same model from it.`}
        </p>
      </div>
    </section>
  );
}
