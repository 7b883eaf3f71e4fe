/** Three steps for someone who sees a model grow for the first time: the one that is next, and what it is about. */

import { signal } from "@preact/signals";
import type { RunView } from "../../engine/api.ts";
import { percent } from "../format.ts";
import { FIRST_CHOICE, requestOf } from "../grow/request.ts";
import { grow } from "../store/actions.ts";
import { busy } from "../store/state.ts";

const KEY = "coached";

function wasCoached(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

const done = signal(wasCoached());

function finish(): void {
  done.value = true;
  try {
    localStorage.setItem(KEY, "yes");
  } catch {
    // It comes again at the next visit.
  }
}

type Stage = "watch" | "grow" | "wake" | "awake";

/** Share of what they would bring if they were used as much as old ones, from which new tokens are awake. */
const AWAKE = 0.5;

export function Coach({ run }: { readonly run: RunView }) {
  if (done.value || run.sites.length === 0 || run.skill !== undefined || run.summary.besides !== undefined) return null;
  const stage = stageOf(run);
  return (
    <section class="coach" aria-label="First steps">
      <ol>
        <Step active={stage === "watch"}>Watch it learn</Step>
        <Step active={stage === "grow"}>Grow it</Step>
        <Step active={stage === "wake" || stage === "awake"}>See the new tokens wake</Step>
      </ol>
      <p role="status">{words(stage, run)}</p>
      {stage === "grow" && (
        <button
          type="button"
          class="growing"
          disabled={busy.value.has("grow") || run.summary.status.kind === "elsewhere"}
          onClick={() => void grow(run.summary.id, requestOf(run, FIRST_CHOICE))}
        >
          Grow it now
        </button>
      )}
      <button type="button" class="plain" onClick={finish}>
        {stage === "awake" ? "Done" : "Skip"}
      </button>
    </section>
  );
}

function Step({ active, children }: { readonly active: boolean; readonly children: string }) {
  return <li aria-current={active ? "step" : undefined}>{children}</li>;
}

function words(stage: Stage, run: RunView): string {
  switch (stage) {
    case "watch":
      return `It guesses ${run.pieces === "byte-pairs" ? "pieces at first, then finds" : "characters at first, then finds letters, then"} words. The line is how wrong it is: lower is better.`;
    case "grow":
      return "It learns more slowly now. Double its parameter tokens: it keeps what it knows, and gets room for more.";
    case "wake":
      return `The new tokens${run.growths.length === 1 ? ", in orange," : ""} began silent. They bring ${percent(contribution(run), 0)} of what the layers answer by now.`;
    case "awake":
      return `The new tokens are awake: they bring ${percent(contribution(run), 0)} of what the layers answer. Look inside shows each of them.`;
  }
}

export function stageOf(run: RunView): Stage {
  if (run.growths.length > 0) return isAwake(run) ? "awake" : "wake";
  return isSlow(run) ? "grow" : "watch";
}

/** The contribution of the tokens that were born last. */
function contribution({ usage }: RunView): number {
  return usage.at(-1)?.generations.at(-1)?.contributionShare ?? 0;
}

function isAwake({ usage }: RunView): boolean {
  const born = usage.at(-1)?.generations.at(-1);
  return born !== undefined && born.contributionShare > AWAKE * born.tokenShare;
}

/** Measurements without much gain: the held-out loss is measured every 50 updates. */
const LOOKS = 3;
const LITTLE = 0.12;

function isSlow({ validation }: RunView): boolean {
  const last = validation.at(-1)?.loss;
  const earlier = validation.at(-1 - LOOKS)?.loss;
  return last !== undefined && earlier !== undefined && earlier - last < LITTLE * earlier;
}
