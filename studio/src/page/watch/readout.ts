/** What the curves say under the pointer. */

import type uPlot from "uplot";
import type { RunView } from "../../engine/api.ts";
import { compact, count, duration, flops, loss, pieceName } from "../format.ts";
import type { ChartOptions } from "../store/state.ts";

/** Series of a run: each update, its smooth course, and the losses on held-out text. */
const SERIES = 3;
const SMOOTH = 2;

const PLACE: Readonly<Record<ChartOptions["across"], (value: number, piece: string) => string>> = {
  step: (value) => `update ${count(value)}`,
  tokens: (value, piece) => `${compact(value)} ${piece}s`,
  flops,
  seconds: duration,
};

export function readout(runs: readonly RunView[], { across }: ChartOptions): uPlot.Plugin {
  const piece = pieceName(runs[0]?.pieces ?? "characters");
  const box = document.createElement("p");
  box.className = "readout numbers";
  box.hidden = true;
  return {
    hooks: {
      init: (plot) => void plot.over.append(box),
      setCursor: (plot) => {
        const { idx, left = -1 } = plot.cursor;
        const at = idx === null || idx === undefined ? undefined : plot.data[0][idx];
        box.hidden = at === undefined || left < 0;
        if (at === undefined || idx === null || idx === undefined) return;
        const said = runs.map(({ summary }, index) => {
          const value = nearest(plot.data[index * SERIES + SMOOTH] ?? [], idx);
          return `${runs.length > 1 ? `${summary.name}: ` : ""}${loss(value)}`;
        });
        box.textContent = `${PLACE[across](at, piece)} · ${said.join(" · ")}`;
      },
    },
  };
}

/** The value at an index, or the next before it: other curves have points there. */
function nearest(values: ArrayLike<number | null | undefined>, index: number): number | undefined {
  for (let at = index; at >= 0; at--) {
    const value = values[at];
    if (value !== null && value !== undefined) return value;
  }
  return undefined;
}
