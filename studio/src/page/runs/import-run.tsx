/** A run from a file: a zip, or the files of a checkpoint directory. */

import { useSignal } from "@preact/signals";
import type { TextChoice } from "../../engine/api.ts";
import { type Chosen, FileChoice, FolderChoice } from "../parts/folder-choice.tsx";
import { take } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy, phase } from "../store/state.ts";
import { MissingText } from "./missing-text.tsx";

export function ImportRun() {
  /** What could not be opened. */
  const failed = useSignal<Chosen | undefined>(undefined);
  const takes = busy.value.has("import");
  const blocked = takes || phase.value.kind !== "ready";
  const open = async (chosen: Chosen, text?: TextChoice) => {
    const run = await take(chosen.name, chosen.files, text);
    failed.value = run === undefined ? chosen : undefined;
    if (run !== undefined) goTo(addressOfRun(run));
  };
  const chosen = failed.value;
  return (
    <div class="row">
      <FileChoice blocked={blocked} choose={open}>
        {takes ? "Opening…" : "Open a zip"}
      </FileChoice>
      <FolderChoice blocked={blocked} choose={open}>
        Open a folder
      </FolderChoice>
      {chosen !== undefined && <MissingText name={chosen.name} retry={(text) => open(chosen, text)} />}
    </div>
  );
}
