/** Which line is which run, and where it is. */

import type { RunView } from "../../engine/api.ts";
import { compact, loss, percent } from "../format.ts";
import { runStyle } from "../parts/colours.ts";
import { senderOf } from "../share/sender.ts";
import { addressOfRun } from "../store/address.ts";
import { chart, openedId } from "../store/state.ts";
import { unitScale } from "./curves.ts";
import { type Turn, turnOf } from "./turns.ts";

export function Legend({ runs }: { readonly runs: readonly RunView[] }) {
  return (
    <div class="legend">
      <ul>
        {runs.map((run, index) => (
          <LegendRow key={run.summary.id} run={run} runs={runs} index={index} />
        ))}
      </ul>
      {runs[0] !== undefined && senderOf(runs[0].summary.id).length > 0 && (
        <p class="note">Dotted grey: the held-out losses of who sent the link, over the updates.</p>
      )}
      {runs[0]?.skill?.oldText !== undefined && (
        <p class="note">Dashed, with rings: held-out text of {runs[0].skill.oldText}, which it knew before.</p>
      )}
      <p class="note">Faint: each update. Line: smoothed. Dots: held-out text.</p>
    </div>
  );
}

function turnWords(turn: Turn | undefined): string {
  if (turn?.kind === "catching up") return `catching up, ${percent(turn.share, 0)} · `;
  return turn?.kind === "waiting" ? "waits for the others · " : "";
}

interface RowProps {
  readonly run: RunView;
  readonly runs: readonly RunView[];
  readonly index: number;
}

function LegendRow({ run, runs, index }: RowProps) {
  const { id, name, parameters } = run.summary;
  const { property, dash } = runStyle(index, run.summary.architecture);
  const scale = unitScale(run, chart.value.unit);
  const shown = (value: number | undefined) => loss(value === undefined ? undefined : value * scale);
  return (
    <li>
      <svg width="26" height="8" aria-hidden="true">
        <line
          x1="0"
          y1="4"
          x2="26"
          y2="4"
          stroke={`var(${property})`}
          stroke-width="2.5"
          stroke-dasharray={dash.join(" ")}
        />
      </svg>
      {id === openedId.value ? <b>{name}</b> : <a href={addressOfRun(id)}>{name}</a>}
      <span class="numbers">
        {turnWords(turnOf(run, runs))}
        {compact(parameters)} parameters · held-out loss {shown(run.validation.at(-1)?.loss)}
      </span>
    </li>
  );
}
