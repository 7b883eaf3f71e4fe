/** The runs that are kept in this browser. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { RunSummary } from "../../engine/api.ts";
import { compact, count, loss, since } from "../format.ts";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { focusOnce } from "../parts/focused.ts";
import { download, remove, rename } from "../store/actions.ts";
import { addressOfRun } from "../store/address.ts";
import { phase, summaries } from "../store/state.ts";
import { ImportRun } from "./import-run.tsx";
import { StatusWord } from "./status-word.tsx";

export function RunList() {
  return (
    <section class="runs" aria-labelledby="runs-title">
      <div class="section-head">
        <h2 id="runs-title" tabIndex={-1}>
          Your runs
        </h2>
        <ImportRun />
      </div>
      {summaries.value.length === 0 ? (
        <p class="empty">
          {phase.value.kind === "ready"
            ? "None yet. What you train is kept in this browser, and goes on after a reload."
            : "Looking for runs…"}
        </p>
      ) : (
        <ul class="run-list">
          {summaries.value.map((run) => (
            <RunRow key={run.id} run={run} />
          ))}
        </ul>
      )}
    </section>
  );
}

function RunRow({ run }: { readonly run: RunSummary }) {
  const renaming = useSignal(false);
  const renamed = useRef(false);
  return (
    <li class="run-row">
      {renaming.value ? (
        <RenameForm
          run={run}
          done={() => {
            renaming.value = false;
            renamed.current = true;
          }}
        />
      ) : (
        <a class="run-name" href={addressOfRun(run.id)}>
          {run.name}
        </a>
      )}
      <RunFacts run={run} />
      <div class="actions">
        <button
          type="button"
          class="plain"
          aria-label={`Rename ${run.name}`}
          ref={(button) => {
            if (button === null || !renamed.current || renaming.value) return;
            renamed.current = false;
            button.focus();
          }}
          onClick={() => {
            renaming.value = true;
          }}
        >
          Rename
        </button>
        <button type="button" class="plain" aria-label={`Download ${run.name}`} onClick={() => void download(run)}>
          Download
        </button>
        <ConfirmButton label="Delete" about={run.name} confirmed={() => void removed(run.id)} />
      </div>
    </li>
  );
}

/** The list's title takes the focus of what is gone. */
async function removed(run: string): Promise<void> {
  await remove(run);
  requestAnimationFrame(() => document.getElementById("runs-title")?.focus());
}

const KINDS = { tokenformer: "TokenFormer", transformer: "plain GPT", bigram: "bigram" } as const;

function RunFacts({ run }: { readonly run: RunSummary }) {
  return (
    <p class="run-facts">
      <StatusWord status={run.status} />
      <span>{KINDS[run.architecture]}</span>
      <span>{compact(run.parameters)} parameters</span>
      <span>step {count(run.step)}</span>
      <span>loss {loss(run.validationLoss)}</span>
      <span>{since(run.changed)}</span>
    </p>
  );
}

function RenameForm({ run, done }: { readonly run: RunSummary; readonly done: () => void }) {
  const name = useSignal(run.name);
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = name.value.trim();
        if (wanted !== "" && wanted !== run.name) void rename(run.id, wanted);
        done();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") done();
      }}
    >
      <input
        type="text"
        aria-label={`New name of ${run.name}`}
        maxLength={80}
        value={name.value}
        ref={focusOnce}
        onInput={({ currentTarget }) => {
          name.value = currentTarget.value;
        }}
      />
      <button type="submit">Save</button>
      <button type="button" class="plain" onClick={done}>
        Cancel
      </button>
    </form>
  );
}
