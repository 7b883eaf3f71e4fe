/** The runs on this computer: what they are at, live, and a copy of each to go on with here. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { TextChoice } from "../../engine/api.ts";
import { compact, count, loss, since } from "../format.ts";
import { MissingText } from "../runs/missing-text.tsx";
import { StatusWord } from "../runs/status-word.tsx";
import { busy, phase } from "../store/state.ts";
import type { ComputerRun } from "./api.ts";
import { LiveCurve } from "./live-curve.tsx";
import { keepLooking, onThisComputer, openHere } from "./store.ts";

export function ComputerList() {
  useEffect(keepLooking, []);
  const runs = onThisComputer.value;
  if (runs === undefined) return null;
  return (
    <section class="runs" aria-labelledby="computer-title">
      <div class="section-head">
        <h2 id="computer-title">
          On this computer <small>in the folder where the command was started</small>
        </h2>
      </div>
      {runs.length === 0 ? (
        <p class="empty">
          None yet. What <code>tokenformer train</code> makes there appears here while it trains.
        </p>
      ) : (
        <ul class="run-list">
          {runs.map((run) => (
            <ComputerRow key={run.id} run={run} />
          ))}
        </ul>
      )}
    </section>
  );
}

function ComputerRow({ run }: { readonly run: ComputerRun }) {
  const { id, name, training } = run;
  /** undefined: for as long as it trains. */
  const watched = useSignal<boolean | undefined>(undefined);
  const failed = useSignal(false);
  const watches = watched.value ?? training;
  const ready = phase.value.kind === "ready";
  const opens = busy.value.has(`read ${id}`) || busy.value.has("import");
  const open = async (text?: TextChoice) => {
    failed.value = !(await openHere(run, text));
  };
  return (
    <li class="run-row">
      <span class="run-name">{name}</span>
      <Facts run={run} />
      <div class="actions">
        <button
          type="button"
          class="plain"
          aria-expanded={watches}
          aria-label={`Losses of ${name}`}
          onClick={() => {
            watched.value = !watches;
          }}
        >
          Losses
        </button>
        <button type="button" disabled={opens || !ready} aria-label={`Open ${name} here`} onClick={() => void open()}>
          {opens ? "Opening…" : "Open here"}
        </button>
      </div>
      {failed.value && <MissingText name={name} retry={open} />}
      {watches && <LiveCurve run={id} name={name} />}
    </li>
  );
}

function Facts({ run }: { readonly run: ComputerRun }) {
  return (
    <p class="run-facts">
      {run.training ? (
        <StatusWord status={{ kind: "training" }} />
      ) : (
        <span>{run.step < run.steps ? "not training" : "at its end"}</span>
      )}
      <span>{run.model}</span>
      <span>{compact(run.parameters)} parameters</span>
      <span>
        step {count(run.step)} of {count(run.steps)}
      </span>
      <span>loss {loss(run.validationLoss)}</span>
      <span>{since(run.changed)}</span>
    </p>
  );
}
