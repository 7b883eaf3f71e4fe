/** A run on this computer, followed while it trains in a terminal; and a branch of it to go on with here. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { TextChoice } from "../../engine/api.ts";
import { compact, count, loss, since } from "../format.ts";
import { MissingText } from "../runs/missing-text.tsx";
import { StatusWord } from "../runs/status-word.tsx";
import { busy, phase } from "../store/state.ts";
import type { ComputerRun } from "./api.ts";
import { LiveCurve } from "./live-curve.tsx";
import { branchHere, hasLooked, keepLooking, onThisComputer } from "./store.ts";

export function ComputerScreen({ id }: { readonly id: string }) {
  useEffect(keepLooking, []);
  const run = onThisComputer.value?.find((candidate) => candidate.id === id);
  return (
    <div class="run">
      <p class="crumb">
        <a href="#/">All runs</a>
      </p>
      {run !== undefined ? (
        <Watched run={run} />
      ) : hasLooked.value ? (
        <Missing />
      ) : (
        <p class="empty">Looking for the run on this computer…</p>
      )}
    </div>
  );
}

/** The list goes on being looked at: a run that comes back is shown. */
function Missing() {
  return (
    <>
      <h1 tabIndex={-1}>That run is not here.</h1>
      <p>
        {onThisComputer.value === undefined
          ? "This page sees no runs of a computer: start it there with tokenformer studio, and open the page that it names."
          : "It may have been moved or deleted, or lies outside of the folder where the command was started."}
      </p>
    </>
  );
}

function Watched({ run }: { readonly run: ComputerRun }) {
  return (
    <>
      <div class="run-head">
        <div>
          <h1 tabIndex={-1}>{run.name}</h1>
          <p class="sub">
            <ComputerFacts run={run} />
          </p>
        </div>
        <BranchButton run={run} />
      </div>
      <p class="callout">
        {run.training
          ? "This run trains in a terminal, and is followed here as it goes. A branch is a copy that grows, writes and trains in this tab, from what the run saved last."
          : "This run lies on this computer, and nothing trains it at the moment. A branch is a copy that grows, writes and trains in this tab."}
      </p>
      <section class="card" aria-label="Losses">
        <LiveCurve run={run.id} name={run.name} />
      </section>
    </>
  );
}

/** Copies a run into the page, asking for its text where that is not with it. */
export function BranchButton({ run }: { readonly run: ComputerRun }) {
  const failed = useSignal(false);
  const opens = busy.value.has(`read ${run.id}`) || busy.value.has("import");
  const branch = async (text?: TextChoice) => {
    failed.value = !(await branchHere(run, text));
  };
  return (
    <div class="actions">
      <button
        type="button"
        class="primary"
        disabled={opens || phase.value.kind !== "ready"}
        aria-label={`Branch a copy of ${run.name} here`}
        onClick={() => void branch()}
      >
        {opens ? "Copying…" : "Branch a copy here"}
      </button>
      {failed.value && <MissingText name={run.name} retry={branch} />}
    </div>
  );
}

export function ComputerFacts({ run }: { readonly run: ComputerRun }) {
  return (
    <span class="run-facts">
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
    </span>
  );
}
