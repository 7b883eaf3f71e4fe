/** A run that learns a skill: what it has learned, what that costs the text that its model knew before, and the file of it. */

import type { RunView, SkillView } from "../../engine/api.ts";
import { bytes, compact, loss } from "../format.ts";
import { downloadSkill } from "../store/actions.ts";
import { busy } from "../store/state.ts";
import { ModelMap } from "./model-map.tsx";
import { FIRST_CHOICE } from "./request.ts";

/** A growth of no tokens: the map shows what is there. */
const NOTHING = { ...FIRST_CHOICE, tokens: 0 };

/** Bytes of a number in a file. */
const FLOAT = 4;

export function SkillPanel({ run, skill }: { readonly run: RunView; readonly skill: SkillView }) {
  const { base, parameters } = skill;
  const packs = busy.value.has("download skill");
  return (
    <section class="card grow skill" aria-labelledby="skill-title">
      <h2 id="skill-title">The skill</h2>
      <p class="note">
        Only {compact(parameters)} new parameters learn here, those in orange. The rest is as it was in {base}, which
        stays as it is.
      </p>
      <ModelMap run={run} choice={NOTHING} />
      <Learned run={run} skill={skill} />
      <button type="button" class="growing" disabled={packs} onClick={() => void downloadSkill(run.summary)}>
        {packs ? "Packing…" : `Download the skill, ${bytes(FLOAT * parameters)}`}
      </button>
      <p class="note">
        “Attach a skill” takes it, beside {base} as it was then; so does <code>--with</code> of the command line.
      </p>
    </section>
  );
}

/** The losses at the beginning, which are those of the model alone, and now. */
function Learned({ run, skill: { oldText } }: { readonly run: RunView; readonly skill: SkillView }) {
  const [first, last] = [run.validation[0], run.validation.at(-1)];
  return (
    <dl class="cost" aria-live="polite">
      <div>
        <dt>Loss on {run.summary.textName}</dt>
        <dd>
          {loss(first?.loss)} → <b>{loss(last?.loss)}</b>
        </dd>
      </div>
      {oldText !== undefined && (
        <div>
          <dt>Loss on {oldText}</dt>
          <dd>
            {loss(first?.oldLoss)} → <b>{loss(last?.oldLoss)}</b>
          </dd>
        </div>
      )}
    </dl>
  );
}
