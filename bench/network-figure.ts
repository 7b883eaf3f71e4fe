/** Draws what the model predicts, as SVG. */

import { axisX, axisY, dot, frame, gridY, lineY, plot, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Prediction } from "./network-prediction.ts";

const COLOURS: Readonly<Record<string, string>> = {
  "124m": "#2a78b8",
  "354m": "#c9681a",
  "757m": "#3a8f4d",
  "1.4b": "#7d4fa8",
};

const TITLE = "Prediction, not measured: share of the time in which machines compute";

const columnOf = ({ teraflops, gigabits }: Prediction) => `${teraflops} TFLOP/s, ${gigabits} Gbit/s`;

/** The share of time that machines compute in, against their number: a column for each machine and link, a row for each way. */
export function networkFigure(points: readonly Prediction[]): string {
  const { document } = parseHTML("<html></html>");
  const rows = points.map((point) => ({ ...point, column: columnOf(point), row: point.way }));
  const place = { x: "machines", y: "efficiency", fx: "column", fy: "row" } as const;
  const machines = [...new Set(points.map((point) => point.machines))];
  const firstPanel = rows.filter(({ column, row }) => column === rows[0]?.column && row === rows[0]?.row);
  const legend = Object.entries(COLOURS).map(([size, fill], index) => ({ size, fill, x: 8, y: 0.5 - 0.13 * index }));
  const drawn = plot({
    document,
    width: 920,
    height: 620,
    marginLeft: 52,
    marginRight: 150,
    marginTop: 56,
    marginBottom: 44,
    style: { background: "white", color: "#222", fontFamily: "system-ui, sans-serif", fontSize: "12px" },
    x: { type: "point", domain: machines, padding: 0.25, label: null },
    y: { domain: [0, 1], label: null },
    fx: { label: null, padding: 0.12, domain: [...new Set(rows.map(({ column }) => column))] },
    fy: { label: null, padding: 0.14, domain: [...new Set(rows.map(({ row }) => row))] },
    marks: [
      frame({ stroke: "#ccc" }),
      gridY({ ticks: [0.25, 0.5, 0.75] }),
      axisX({ label: null }),
      axisY({ ticks: [0, 0.5, 1], tickFormat: (share: number) => `${100 * share} %` }),
      ...Object.entries(COLOURS).flatMap(([size, stroke]) => {
        const own = rows.filter((row) => row.size === size);
        return [lineY(own, { ...place, stroke, strokeWidth: 1.75 }), dot(own, { ...place, fill: stroke, r: 3 })];
      }),
      ...legend.map(({ size, fill, x, y }) =>
        text([{ ...firstPanel[0], machines: x, efficiency: y }], {
          ...place,
          text: () => size.toUpperCase(),
          fill,
          fontWeight: 600,
          textAnchor: "start",
        }),
      ),
      text([TITLE], {
        frameAnchor: "top-left",
        dy: -50,
        fontSize: 14,
        fontWeight: 600,
        facet: "super",
      }),
      text(["machines"], { frameAnchor: "bottom", dy: 40, facet: "super" }),
    ],
  });
  // The style is for a figure within a page.
  const alone = String(drawn.outerHTML).replace(/<style>.*?<\/style>/s, "");
  const title = `<title>${TITLE}</title>`;
  return `${alone.replace(/^<svg([^>]*)>/, `<svg xmlns="http://www.w3.org/2000/svg"$1>${title}`)}\n`;
}
