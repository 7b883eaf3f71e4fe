/** Learning something new beside a model that stays as it is: by tokens that are trained here, or that come from elsewhere. */

import type { RunView } from "../../engine/api.ts";
import { AttachSkill } from "./attach-skill.tsx";
import { TeachForm } from "./teach-form.tsx";

export function SkillsPanel({ run }: { readonly run: RunView }) {
  if (run.sites.length === 0) return null;
  return (
    <section class="card skills" aria-labelledby="skills-title">
      <h2 id="skills-title">Skills</h2>
      <p class="note">
        A few tokens of their own learn another text. This run stays as it is, and what they learn is a small file.
      </p>
      <details class="more">
        <summary>Teach it something new</summary>
        <TeachForm run={run} />
      </details>
      <AttachSkill run={run} />
    </section>
  );
}
