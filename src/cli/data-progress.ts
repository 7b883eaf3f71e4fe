/** How the reading of long texts looks in a terminal, and in a file. */

import type { DataProgress, OnProgress } from "../data/index.ts";
import { formatBytes, formatCount } from "../lab/report/format.ts";
import { Bar } from "./bar.ts";
import { note } from "./output.ts";

/** Milliseconds between two drawings, and between two lines where no terminal watches. */
const REDRAW = 100;
const LINE = 10_000;

/** Shows what is told of texts while `work` goes on: at once in a terminal, else what takes more than some seconds. */
export async function withDataProgress<Result>(work: (onProgress: OnProgress) => Promise<Result>): Promise<Result> {
  const bar = new Bar();
  try {
    return await work(dataProgress(bar));
  } finally {
    bar.stop();
  }
}

/** Shows what is told of texts on a bar, or in lines where no terminal watches. */
export function dataProgress(bar: Bar): OnProgress {
  let shown = bar.isShown ? 0 : performance.now();
  return (progress) => {
    const now = performance.now();
    if (now - shown < (bar.isShown ? REDRAW : LINE)) return;
    shown = now;
    if (bar.isShown) bar.show(described(progress));
    else note(described(progress));
  };
}

function described({ doing, done, total }: DataProgress): string {
  const told = doing === "merging pairs" ? formatCount : formatBytes;
  return `${doing}: ${told(done)} of ${told(total)}`;
}
