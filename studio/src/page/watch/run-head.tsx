/** The head of a run: its name, what it does, and what can be done with it. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { RunView } from "../../engine/api.ts";
import { sentence } from "../format.ts";
import { StatusWord } from "../runs/status-word.tsx";
import { download, pause, train } from "../store/actions.ts";
import { busy, family } from "../store/state.ts";
import { turnOf } from "./turns.ts";

interface RunHeadProps {
  readonly run: RunView;
  /** Whether its ring is shown. */
  readonly shares: Signal<boolean>;
}

export function RunHead({ run, shares }: RunHeadProps) {
  const { summary } = run;
  const trains = summary.status.kind === "training" || summary.status.kind === "starting";
  const elsewhere = summary.status.kind === "elsewhere";
  const together = family.value.map((other) => other.summary.id);
  return (
    <div class="run-head">
      <div>
        <p class="crumb">
          <a href="#/">All runs</a>
        </p>
        <h1 tabIndex={-1}>{summary.name}</h1>
        <p class="sub">
          <StatusWord status={summary.status} waits={turnOf(run, family.value)?.kind === "waiting"} />{" "}
          <span>{sizeWords(run)}</span>
        </p>
      </div>
      <div class="actions">
        {run.skill === undefined && (
          <button
            type="button"
            aria-expanded={shares.value}
            onClick={() => {
              shares.value = !shares.peek();
            }}
          >
            Share
          </button>
        )}
        <button type="button" disabled={busy.value.has("download")} onClick={() => void download(summary)}>
          {busy.value.has("download") ? "Packing…" : "Download"}
        </button>
        <button
          type="button"
          class="primary"
          disabled={elsewhere || busy.value.has("train") || busy.value.has("pause")}
          onClick={() => void (trains ? pause(together) : train(together))}
        >
          {trains ? "Pause" : summary.step === 0 ? "Start training" : "Go on training"}
        </button>
      </div>
    </div>
  );
}

function sizeWords({ choices, summary }: RunView): string {
  if (choices.layers === 0) return `Bigram, context ${choices.context}, on ${summary.textName}`;
  const kind = choices.architecture === "transformer" ? "Plain GPT" : "TokenFormer";
  return `${kind}, ${choices.layers} ${choices.layers === 1 ? "layer" : "layers"} of width ${choices.width}, context ${choices.context}, on ${summary.textName}`;
}

/** What happens before the first update, and what stopped it. */
export function StatusNote({ run }: { readonly run: RunView }) {
  const { status, step } = run.summary;
  if (status.kind === "failed") {
    return (
      <div class="callout fault" role="alert">
        <p>
          <b>Training stopped.</b> {sentence(status.message)}
        </p>
        <button type="button" onClick={() => void train([run.summary.id])}>
          Try again
        </button>
      </div>
    );
  }
  if (status.kind === "elsewhere") {
    return (
      <p class="callout" role="status">
        This run trains in another tab. Watch it here, live; to change it, go there.
      </p>
    );
  }
  return status.kind === "starting" ? <Starting first={step === 0} /> : null;
}

/** Milliseconds after which starting takes longer than it does on most devices. */
const LONG = 20_000;

function Starting({ first }: { readonly first: boolean }) {
  const long = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      long.value = true;
    }, LONG);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="callout" role="status">
      <span class="spinner" aria-hidden="true" />
      {long.value
        ? "This device is slow at it: if nothing comes in a minute, go back and choose a smaller size."
        : first
          ? "Compiling the model for this device. It takes a few seconds; then it trains."
          : "Loading the model on this device; then it goes on from where it was."}
    </p>
  );
}
