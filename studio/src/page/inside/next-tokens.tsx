/** What the model expects after a token of the text, beside what comes. */

import { percent, spoken, visible } from "../format.ts";
import type { Look, Looking } from "./looking.ts";

/** Characters before the place that are told with it. */
const BEFORE = 14;

export function NextTokens({ looking, look }: { readonly looking: Looking; readonly look: Look }) {
  const { tokens, next } = look.inspection;
  const place = looking.place;
  const comes = tokens[place + 1];
  const likely = next[place] ?? [];
  const before = tokens.slice(Math.max(0, place + 1 - BEFORE), place + 1).join("");
  return (
    <section class="next" aria-labelledby="next-title">
      <h3 id="next-title">
        After “{place + 1 > BEFORE && "…"}
        <span class="text">{before}</span>”
      </h3>
      <ol>
        {likely.map(({ text, probability }) => (
          <li key={text} class={text === comes ? "comes" : undefined}>
            <span class="text" role="img" aria-label={spoken(text)}>
              {visible(text)}
            </span>
            <i class="bar" style={{ width: `${100 * probability}%` }} />
            <span class="numbers">{percent(probability)}</span>
          </li>
        ))}
      </ol>
      <p class="note">{words(comes, likely)}</p>
    </section>
  );
}

function words(comes: string | undefined, likely: readonly { readonly text: string }[]): string {
  if (comes === undefined) return "Here the text ends.";
  const rank = likely.findIndex(({ text }) => text === comes);
  const shown = `“${spoken(comes)}”`;
  if (rank === 0) return `The text goes on with ${shown}, which the model expects most.`;
  return rank === -1
    ? `The text goes on with ${shown}, which is not among these.`
    : `The text goes on with ${shown}, its guess number ${rank + 1}.`;
}
