/** The runs on this computer: what they are at, live, and a branch of each to go on with here. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { addressOfComputerRun } from "../store/address.ts";
import type { ComputerRun } from "./api.ts";
import { BranchButton, ComputerFacts } from "./computer-screen.tsx";
import { LiveCurve } from "./live-curve.tsx";
import { keepLooking, onThisComputer } from "./store.ts";

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
  const watches = watched.value ?? training;
  return (
    <li class="run-row">
      <a class="run-name" href={addressOfComputerRun(id)}>
        {name}
      </a>
      <ComputerFacts run={run} />
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
        <BranchButton run={run} />
      </div>
      {watches && <LiveCurve run={id} name={name} />}
    </li>
  );
}
