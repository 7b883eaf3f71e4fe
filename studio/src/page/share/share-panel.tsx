/** A run for others to see: its ring as a picture, and a link from which their browser grows the same model. */

import { useRef } from "preact/hooks";
import type { RunView } from "../../engine/api.ts";
import { galleryTextNamed } from "../../engine/gallery.ts";
import { compact, count } from "../format.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { isPublic, publicAddress } from "../parts/public-address.ts";
import { doing, saveFile } from "../store/actions.ts";
import { busy } from "../store/state.ts";
import { recipeOfRun, recipeQuery } from "./recipe.ts";
import { RingPicture, ringImage } from "./ring.tsx";

export function SharePanel({ run }: { readonly run: RunView }) {
  const box = useRef<HTMLDivElement>(null);
  const recipe = recipeOfRun(run);
  const words = ringWords(recipe.step, recipe.growth.length, run.summary.parameters);
  const savePicture = () =>
    doing("picture", async () => {
      const svg = box.current?.querySelector("svg");
      if (svg instanceof SVGSVGElement)
        saveFile(await ringImage(svg, run.summary.name, words), run.summary.name, "png");
    });
  const saveLoop = () =>
    doing("loop", async () => {
      const { ringLoop } = await import("./ring-loop.ts");
      saveFile(await ringLoop(recipe, run.summary.name), run.summary.name, "gif");
    });
  const link = () => `${publicAddress()}#/r?${recipeQuery(recipe)}`;
  return (
    <section class="card share" aria-labelledby="share-title">
      <div ref={box}>
        <RingPicture recipe={recipe} label={`The growth ring of ${run.summary.name}: ${words}`} />
      </div>
      <div class="share-words">
        <h2 id="share-title">Its growth ring</h2>
        <p>
          One ring for each birth of parameter tokens, from the first in the middle: as wide as they are many, as bright
          as they are used.{" "}
          {recipe.before === "" ? "Around it" : "Around it, inside, what it wrote before it grew; outside"}, what it
          writes now.
        </p>
        <p class="note">{run.regrows ? linkWords(run) : NO_LINK}</p>
        <div class="actions">
          {run.regrows && (
            <>
              <CopyButton
                text={link}
                label="Copy link"
                copied="Copied."
                refused="The browser does not let the page copy."
              />
              <CopyButton text={() => embedded(link())} label="Copy for an article" copied="Copied: an iframe." />
            </>
          )}
          <button type="button" onClick={() => void savePicture()}>
            Save as PNG
          </button>
          <button type="button" disabled={busy.value.has("loop")} onClick={() => void saveLoop()}>
            {busy.value.has("loop") ? "Drawing…" : "Save as a loop"}
          </button>
        </div>
      </div>
    </section>
  );
}

function linkWords({ summary }: RunView): string {
  const whole =
    "The link holds the choices, the seed and every growth with its step: who opens it sees this ring, and can grow the same model again beside your curve.";
  const isOwn = galleryTextNamed(summary.textName) === undefined;
  return `${whole}${isOwn ? " Your text is not in it: send that too." : ""}${isPublic() ? "" : " This page is served by your own computer, so the link opens here alone."}`;
}

/** Of a run that began elsewhere, with settings that the page has no choices for, or from more than choices; or that has learned two texts. */
const NO_LINK =
  "This model is made of more than a link holds, such as settings of the command line, a second text or a skill, so no link could grow it again: to hand it on, send what Download gives.";

export function ringWords(step: number, growths: number, parameters?: number): string {
  const size = parameters === undefined ? "" : `${compact(parameters)} parameters, `;
  const grew = growths === 0 ? "not grown yet" : growths === 1 ? "grown once" : `grown ${growths} times`;
  return `${size}${count(step)} updates, ${grew}`;
}

const embedded = (link: string) =>
  `<iframe src="${`${link}&embed=1`.replaceAll("&", "&amp;")}" width="720" height="540" style="border:0" title="A model that grew"></iframe>`;
