/** Runs to compare with, which train beside this one. */

import type { RunView } from "../../engine/api.ts";
import { compact } from "../format.ts";
import { compare } from "../store/actions.ts";
import { busy } from "../store/state.ts";

export function ComparePanel({ run }: { readonly run: RunView }) {
  const { id, architecture, parameters, besides } = run.summary;
  if (architecture !== "tokenformer" || besides !== undefined) return null;
  const disabled = busy.value.has("compare");
  return (
    <section class="card compare" aria-labelledby="compare-title">
      <h2 id="compare-title">Compare</h2>
      <p class="note">
        Is growing worth it? Train another model on the same text. It catches up first, while this one waits; then they
        take turns, so that both have spent the same work.
      </p>
      <div class="actions">
        <button type="button" disabled={disabled} onClick={() => void compare(id, "scratch")}>
          The same size from scratch
        </button>
        <button type="button" disabled={disabled} onClick={() => void compare(id, "transformer")}>
          A plain GPT of {compact(parameters)}
        </button>
      </div>
    </section>
  );
}
