/** Places labels so that they do not cover each other. */

/** Width of a line of text, in pixels; generous, as the reader's font is not known. */
export const textWidth = (text: string, fontSize: number): number => 0.56 * fontSize * text.length;

/** A label on top of a vertical rule, in pixels. */
export interface Flag {
  /** The place of the rule that the label belongs to. */
  readonly x: number;
  readonly width: number;
}

/** Where a flag flies. */
export interface Placement {
  /** Rows above the plot; 0 is the lowest. */
  readonly lane: number;
  /** On which side of the rule the text is. */
  readonly side: "left" | "right";
}

interface Placed extends Placement {
  readonly at: number;
  readonly x: number;
  readonly span: readonly [number, number];
}

const gap = 10;

/**
 * A lane for each flag. The text is right of its rule, or left of it where it would pass `right`. Rules rise to their
 * text's lane, so later ones are placed first: a rule further left then passes no text on its way up.
 */
export function placeFlags(flags: readonly Flag[], right: number): Placement[] {
  const candidates = flags.map(({ x, width }, at): Omit<Placed, "lane"> => {
    const fits = x + width + gap <= right;
    return { at, x, side: fits ? "right" : "left", span: fits ? [x, x + width + gap] : [x - width - gap, x] };
  });
  const rightwards = candidates.filter(({ side }) => side === "right").sort((a, b) => b.x - a.x || a.at - b.at);
  const leftwards = candidates.filter(({ side }) => side === "left").sort((a, b) => a.x - b.x || a.at - b.at);
  const placed: Placed[] = [];
  for (const flag of [...rightwards, ...leftwards]) placed.push({ ...flag, lane: laneOf(flag, placed) });
  return placed.sort((a, b) => a.at - b.at);
}

/** One above every flag whose text it would touch, or whose rule its text would cross. */
function laneOf({ span }: Omit<Placed, "lane">, placed: readonly Placed[]): number {
  const touched = placed.filter((other) => span[0] < other.span[1] && other.span[0] < span[1]);
  return Math.max(-1, ...touched.map(({ lane }) => lane)) + 1;
}

/** Moves positions apart, as little as it takes, until neighbours are `distance` apart, and none passes `bottom`. */
export function spread(positions: readonly number[], distance: number, bottom: number): number[] {
  const order = positions.map((position, at) => ({ position, at })).sort((a, b) => a.position - b.position);
  const moved = order.map(({ position }) => position);
  moved.forEach((position, at) => {
    moved[at] = Math.max(position, (moved[at - 1] ?? Number.NEGATIVE_INFINITY) + distance);
  });
  for (let at = moved.length - 1; at >= 0; at--) {
    moved[at] = Math.min(moved[at] ?? 0, at === moved.length - 1 ? bottom : (moved[at + 1] ?? 0) - distance);
  }
  return positions.map((position, own) => moved[order.findIndex(({ at }) => at === own)] ?? position);
}
