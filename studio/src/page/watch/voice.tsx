/** What the model writes by itself now, large; and, once it has grown, what it wrote just before that. */

import type { RunView, Sample } from "../../engine/api.ts";
import { count } from "../format.ts";
import { voice } from "../store/actions.ts";
import { busy } from "../store/state.ts";
import { shownText } from "./said.ts";

export function Voice({ run }: { readonly run: RunView }) {
  const now = run.samples.at(-1);
  const before = beforeGrowth(run);
  return (
    <section class="card voice" aria-labelledby="voice-title">
      <h2 id="voice-title">
        It writes: <small>{stateWords(run)}</small>
      </h2>
      {now === undefined ? (
        <p class="empty">{emptyWords(run)}</p>
      ) : (
        <div class="voices" aria-busy={busy.value.has("voice")}>
          {before !== undefined && before !== now && (
            <Said sample={before} words={`before it grew, at step ${count(before.step)}`} />
          )}
          <Said sample={now} words={`now, at step ${count(now.step)}`} />
        </div>
      )}
      {run.summary.status.kind === "paused" && run.summary.step > 0 && (
        <p class="actions">
          <button
            type="button"
            class="plain"
            disabled={busy.value.has("voice")}
            onClick={() => void voice(run.summary.id)}
          >
            {busy.value.has("voice") ? "Writing…" : now === undefined ? "Write something" : "Write something else"}
          </button>
        </p>
      )}
    </section>
  );
}

function Said({ sample, words }: { readonly sample: Sample; readonly words: string }) {
  return (
    <figure>
      <blockquote>{shownText(sample.text)}</blockquote>
      <figcaption>{words}</figcaption>
    </figure>
  );
}

/** The last sample before the last growth. */
export function beforeGrowth({ growths, samples }: Pick<RunView, "growths" | "samples">): Sample | undefined {
  const growth = growths.at(-1);
  return growth === undefined ? undefined : samples.findLast(({ step }) => step <= growth.step);
}

function emptyWords({ summary: { status } }: RunView): string {
  return status.kind === "training" || status.kind === "starting"
    ? "The first lines come in a few seconds. They will be nonsense."
    : "Nothing yet. It writes some lines again and again while it trains.";
}

/** Bits per byte of held-out text below which a model has learnt something, as seen on English books. */
const LEVELS = [
  [1.9, "It has learnt words, and begins to make sentences."],
  [2.6, "It has learnt letters, and puts words together."],
  [4.3, "It has learnt which letters are frequent, and begins to spell."],
] as const;

/** A loss in words. */
export function lossWords(bitsPerByte: number): string {
  return LEVELS.find(([most]) => bitsPerByte < most)?.[1] ?? "It is guessing.";
}

/** Texts in other scripts have as many bytes for a word as English ones for a line. */
const LATIN = /^[\p{Script=Latin}\P{L}]*$/u;

function stateWords({ validation, summary: { opening = "" } }: RunView): string {
  const last = validation.at(-1);
  return last === undefined || !LATIN.test(opening) ? "" : lossWords(last.bitsPerByte);
}
