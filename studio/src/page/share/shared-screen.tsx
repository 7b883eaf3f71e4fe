/** What someone sent: the ring of their model at once, and a button that grows it again here. */

import { count } from "../format.ts";
import { TokenCaption } from "../parts/caption.tsx";
import { begin } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy, phase } from "../store/state.ts";
import { recipeOfQuery } from "./recipe.ts";
import { RingPicture } from "./ring.tsx";
import { keepSender } from "./sender.ts";
import { ringWords } from "./share-panel.tsx";

export function SharedScreen({ query }: { readonly query: string }) {
  const recipe = recipeOfQuery(query);
  const { draft, pieces, growth, textName, step, before, now } = recipe;
  const known = textName === "" || textName === "Moby-Dick";
  const regrow = async () => {
    const choices = { ...draft, pieces, growth, name: `${textName}, regrown`, text: { kind: "default" } } as const;
    const run = await begin(choices);
    if (run === undefined) return;
    keepSender(run, recipe.curve);
    goTo(addressOfRun(run));
  };
  return (
    <section class="card share shared">
      <RingPicture recipe={recipe} label={`A growth ring: ${ringWords(step, growth.length)}`} />
      <div class="share-words">
        <h1 tabIndex={-1}>A model that grew while it learnt {textName}.</h1>
        <p>
          {ringWords(step, growth.length)}
          {growth.length > 0 && <> (at {growth.map((plan) => count(plan.step)).join(" and ")})</>}. Each ring is a birth
          of parameter tokens.
        </p>
        <TokenCaption />
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
          <button
            type="button"
            class="primary"
            disabled={!known || phase.value.kind !== "ready" || busy.value.has("begin")}
            onClick={() => void regrow()}
          >
            {busy.value.has("begin") ? "Starting…" : "Grow it again here"}
          </button>
          <a href="#/">Make your own</a>
        </div>
        <p class="note">
          {known
            ? "Your tab trains the same model from the same seed, lets it grow at the same steps, and draws its losses beside those of the sender."
            : `It learnt from ${textName}, which is not in the link: with that text and these choices your tab can grow the same.`}
        </p>
      </div>
    </section>
  );
}
