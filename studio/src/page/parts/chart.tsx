/** A uPlot chart that is made anew when its options change, fits its box, and takes new points once a frame. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

interface ChartProps {
  readonly data: uPlot.AlignedData;
  /** Made with the width and height of the box. */
  readonly options: Omit<uPlot.Options, "width" | "height">;
  /** The chart is made anew when this changes. */
  readonly shape: string;
  /** For screen readers: what is to be seen. */
  readonly label: string;
}

/** Milliseconds between two drawings. */
const DRAW_EVERY = 200;

export function Chart({ data, options, shape, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef({ data, shape });
  latest.current = { data, shape };

  useEffect(() => {
    const { current } = box;
    if (current === null) return;
    const made = new uPlot({ ...options, ...sizeOf(current) }, data, current);
    const observer = new ResizeObserver(() => made.setSize(sizeOf(current)));
    observer.observe(current);
    let drawn = data;
    let frame = 0;
    const timer = setInterval(() => {
      const now = latest.current;
      // Points of another shape are for the chart that comes after this one.
      if (now.shape !== shape || now.data === drawn || document.hidden) return;
      drawn = now.data;
      frame = requestAnimationFrame(() => made.setData(drawn));
    }, DRAW_EVERY);
    return () => {
      clearInterval(timer);
      cancelAnimationFrame(frame);
      observer.disconnect();
      made.destroy();
    };
  }, [shape]);

  return <div class="chart" role="img" aria-label={label} ref={box} />;
}

const sizeOf = ({ clientWidth, clientHeight }: Element) => ({
  width: Math.max(160, clientWidth),
  height: Math.max(120, clientHeight),
});
