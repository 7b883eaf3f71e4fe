/** What a growth would come to, before it is done. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { GrowthPreview, RunView } from "../../engine/api.ts";
import { bytes, change, compact, sentence } from "../format.ts";
import { engine } from "../store/state.ts";
import { type GrowthChoice, requestOf } from "./request.ts";

/** The engine's answer to the choice that holds. */
export function usePreview(run: RunView, choice: GrowthChoice): GrowthPreview | undefined {
  const preview = useSignal<GrowthPreview | undefined>(undefined);
  const { id } = run.summary;
  useEffect(() => {
    let wanted = true;
    void previewOf(run, choice).then((found) => {
      if (wanted) preview.value = found;
    });
    return () => {
      wanted = false;
    };
    // What it asks for hangs on the sites: the number of parameters is told before them.
  }, [id, run.sites, choice]);
  return preview.value;
}

async function previewOf(run: RunView, choice: GrowthChoice): Promise<GrowthPreview | undefined> {
  if (run.sites.length === 0) return undefined;
  try {
    return await engine().previewGrowth(run.summary.id, requestOf(run, choice));
  } catch {
    // The run was deleted meanwhile.
    return undefined;
  }
}

export function GrowthCost({ preview }: { readonly preview: GrowthPreview | undefined }) {
  if (preview?.complaint !== undefined) return <p class="cost wrong">{sentence(preview.complaint)}</p>;
  const { parametersBefore = 0, parametersAfter = 0, flopsBefore = 1, flopsAfter = 1, memoryAfter = 0 } = preview ?? {};
  return (
    <dl class="cost" aria-live="polite">
      <div>
        <dt>Parameters</dt>
        <dd>
          {compact(parametersBefore)} → <b>{compact(parametersAfter)}</b> ({change(parametersBefore, parametersAfter)})
        </dd>
      </div>
      <div>
        <dt>Work of an update</dt>
        <dd>
          <b>{(flopsAfter / flopsBefore).toFixed(2)} ×</b> as much
        </dd>
      </div>
      <div>
        <dt>Memory</dt>
        <dd>
          <b>{bytes(memoryAfter)}</b>
        </dd>
      </div>
    </dl>
  );
}
