/** Curves of thousands of points, made small enough to draw. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type Range = readonly [low: number, high: number];

/** At most 2 × `buckets` of the points: the lowest and the highest of each stretch, so that no spike is lost. */
export function thin(points: readonly Point[], buckets: number): readonly Point[] {
  if (points.length <= 2 * buckets) return points;
  const size = points.length / buckets;
  return Array.from({ length: buckets }, (_, bucket) => {
    const stretch = points.slice(Math.floor(bucket * size), Math.floor((bucket + 1) * size));
    const low = stretch.reduce((best, point) => (point.y < best.y ? point : best));
    const high = stretch.reduce((best, point) => (point.y >= best.y ? point : best));
    return low.x <= high.x ? [low, high] : [high, low];
  }).flat();
}

/** How many points to each side a curve of `length` points is smoothed over; none where it is short. */
export const smoothingReach = (length: number): number => Math.round(length / 80);

/**
 * About `count` points of the smoothed curve: of the straight line that fits the points around each best. (Near an
 * end, where there are points on one side only, a mean would lag behind a falling loss.) It does not reach across the
 * `breaks`, or it would show the effect of a growth before its cause.
 */
export function smooth(points: readonly Point[], breaks: readonly number[], count: number): Point[] {
  const reach = smoothingReach(points.length);
  const starts = [Number.NEGATIVE_INFINITY, ...breaks.toSorted((a, b) => a - b)];
  return starts.flatMap((start, at) => {
    const part = points.filter(({ x }) => x > start && x <= (starts[at + 1] ?? Number.POSITIVE_INFINITY));
    const kept = Math.max(2, Math.round((count * part.length) / points.length));
    return sampleEvenly(part.length, kept).flatMap((middle) => {
      const window = part.slice(Math.max(0, middle - reach), middle + reach + 1);
      return part.slice(middle, middle + 1).map(({ x }) => ({ x, y: fittedAt(window, x) }));
    });
  });
}

/** The value at `x` of the line that fits the points best, by least squares. */
function fittedAt(points: readonly Point[], x: number): number {
  const mean = (value: (point: Point) => number) => points.reduce((sum, p) => sum + value(p) / points.length, 0);
  const [meanX, meanY] = [mean((p) => p.x), mean((p) => p.y)];
  const variance = mean((p) => (p.x - meanX) ** 2);
  const slope = variance === 0 ? 0 : mean((p) => (p.x - meanX) * (p.y - meanY)) / variance;
  return meanY + slope * (x - meanX);
}

/** At most `count` indices below `length`, evenly apart, the first and the last among them. */
export function sampleEvenly(length: number, count: number): number[] {
  if (length <= count) return Array.from({ length }, (_, at) => at);
  return Array.from({ length: count }, (_, at) => Math.round((at * (length - 1)) / (count - 1)));
}

/** The part of a curve within `range` of y. The curve is cut where it crosses the bounds; NaN marks each gap. */
export function crop(points: readonly Point[], range: Range): Point[] {
  const cut: Point[] = [];
  let previous: Point | undefined;
  for (const point of points) {
    if (previous !== undefined) cut.push(...crossings(previous, point, range));
    cut.push(within(point.y, range) ? point : { x: point.x, y: Number.NaN });
    previous = point;
  }
  return cut;
}

function crossings(from: Point, to: Point, range: Range): Point[] {
  return range
    .filter((bound) => from.y < bound !== to.y < bound)
    .map((bound) => ({ share: (bound - from.y) / (to.y - from.y), y: bound }))
    .sort((a, b) => a.share - b.share)
    .map(({ share, y }) => ({ x: from.x + share * (to.x - from.x), y }));
}

export const within = (value: number, [low, high]: Range): boolean => value >= low && value <= high;

/**
 * The losses worth showing. A run starts with a spike that would squash the rest: what lies above the loss that 97 %
 * of the steps stay below is left out, if that saves a fifth of the height.
 */
export function lossRange(training: readonly Point[], validation: readonly Point[]): Range {
  const sorted = training.map(({ y }) => y).sort((a, b) => a - b);
  const usual = sorted[Math.floor(0.97 * (sorted.length - 1))] ?? Number.NEGATIVE_INFINITY;
  const begin = Math.min(...ends(training)) + 0.03 * (Math.max(...ends(training)) - Math.min(...ends(training)));
  const late = validation.filter(({ x }) => x >= begin).map(({ y }) => y);
  const all = [...sorted, ...validation.map(({ y }) => y)];
  const [low, most] = extent(all);
  const top = late.reduce((a, b) => Math.max(a, b), usual);
  return padded([low, top - low > 0.8 * (most - low) ? most : top]);
}

const ends = (points: readonly Point[]): number[] => [points[0], points.at(-1)].map((point) => point?.x ?? 0);

/** The lowest and highest value; 0 and 0 of none. */
export function extent(values: readonly number[]): Range {
  const [first = 0] = values;
  return values.reduce<Range>(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [first, first]);
}

/** A range with some room around it, and never empty. */
export function padded([low, high]: Range, share = 0.05): Range {
  const room = high > low ? share * (high - low) : Math.max(0.1 * Math.abs(low), 0.1);
  return [low - room, high + room];
}
