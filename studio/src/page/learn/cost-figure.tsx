/** What growing costs: the work of an update before and after, and of a whole run, as the library counts it. */

import { useSignal } from "@preact/signals";
import { compact, flops, percent } from "../format.ts";
import { PRESETS } from "../store/draft.ts";
import { engine } from "../store/state.ts";
import { useAnswer } from "./answer.ts";
import { Slider } from "./slider.tsx";

/** Updates of the runs that are compared. */
const UPDATES = 2000;

/** The model that the first screen begins with, and one with twice its parameter tokens. */
const [small] = PRESETS.filter(({ key }) => key === "small");

async function sizes() {
  if (small === undefined) throw new Error("internal: there is no small preset");
  const { draft } = small;
  const { attentionTokens, feedForwardTokens } = draft;
  const grown = { ...draft, attentionTokens: 2 * attentionTokens, feedForwardTokens: 2 * feedForwardTokens };
  const others = { name: "story", text: { kind: "gallery", key: "moby-dick" }, pieces: "characters" } as const;
  const [before, after] = [
    await engine().estimate({ ...draft, ...others }),
    await engine().estimate({ ...grown, ...others }),
  ];
  return { before, after };
}

export function CostFigure() {
  const at = useSignal(50);
  const found = useAnswer("sizes", sizes).value;
  const one = found?.before.flopsPerUpdate ?? 0;
  const two = found?.after.flopsPerUpdate ?? 0;
  const share = at.value / 100;
  const runs = [
    { name: "small to the end", before: 1, total: UPDATES * one },
    { name: "grown on the way", before: share, total: UPDATES * (share * one + (1 - share) * two) },
    { name: "large from the start", before: 0, total: UPDATES * two },
  ];
  const most = UPDATES * two;
  return (
    <figure class="learn-figure">
      <ul class="costs">
        {runs.map(({ name, before, total }) => (
          <li key={name}>
            <span>
              {name} <b class="numbers">{found === undefined ? "–" : flops(total)}</b>
            </span>
            <span class="cost-bar" aria-hidden="true">
              <i class="old" style={{ width: `${most === 0 ? 0 : (100 * UPDATES * before * one) / most}%` }} />
              <i class="new" style={{ width: `${most === 0 ? 0 : (100 * UPDATES * (1 - before) * two) / most}%` }} />
            </span>
          </li>
        ))}
      </ul>
      <Slider
        label="When it doubles its tokens"
        max={100}
        value={at.value}
        words={`after ${at.value} % of the updates`}
        chosen={(value) => {
          at.value = value;
        }}
      />
      <p class="numbers" aria-live="polite">
        {found !== undefined &&
          `${compact(found.before.parameters ?? 0)} → ${compact(found.after.parameters ?? 0)} parameters. An update takes ${(two / one).toFixed(2)} × the work; the whole run, of ${UPDATES} updates, ${percent((runs[1]?.total ?? 0) / most, 0)} of what it takes large from the start.`}
      </p>
    </figure>
  );
}
