/** Parameter tokens that were trained elsewhere, beside this very model. */

import type { RunView } from "../../engine/api.ts";
import { type Chosen, FileChoice, FolderChoice } from "../parts/folder-choice.tsx";
import { attach } from "../store/actions.ts";
import { addressOfRun, goTo } from "../store/address.ts";
import { busy } from "../store/state.ts";

export function AttachSkill({ run }: { readonly run: RunView }) {
  const { id, status } = run.summary;
  const attaches = busy.value.has("attach");
  const blocked = attaches || status.kind === "elsewhere";
  const choose = async ({ name, files }: Chosen) => {
    const made = await attach(id, name, files);
    if (made !== undefined) goTo(addressOfRun(made));
  };
  return (
    <>
      <div class="row">
        <FileChoice blocked={blocked} choose={choose}>
          {attaches ? "Attaching…" : "Attach a skill"}
        </FileChoice>
        <FolderChoice blocked={blocked} choose={choose}>
          Attach a folder
        </FolderChoice>
      </div>
      <p class="note">Tokens that were trained beside this very model; a copy of the run gets them.</p>
    </>
  );
}
