/** A token layer of two channels and one output, for a picture: `GELU(τ A / ‖A‖) V` (arXiv 2410.23168, equations 5 to 7). */

export interface SmallToken {
  readonly key: readonly [number, number];
  readonly value: number;
}

/**
 * What each token is asked, and what the layer answers.
 * @param before tokens that the layer had when its τ, the square root of their number, was set
 */
export function tokenLayer([x, y]: readonly [number, number], tokens: readonly SmallToken[], before: number) {
  const scores = tokens.map(({ key }) => x * key[0] + y * key[1]);
  // Not by `Math.hypot`, whose rounding depends on how many numbers there are: tokens without a score change nothing at all.
  const norm = Math.sqrt(scores.reduce((sum, score) => sum + score ** 2, 0));
  const weights = scores.map((score) => (norm === 0 ? 0 : gelu((Math.sqrt(before) * score) / norm)));
  const output = tokens.reduce((sum, { value }, index) => sum + value * (weights[index] ?? 0), 0);
  return { weights, output };
}

/** The Gaussian error linear unit, by an approximation of the error function that is right to 2 × 10⁻⁷ (Abramowitz and Stegun, 7.1.26). */
function gelu(value: number): number {
  const size = Math.abs(value) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * size);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const error = (1 - series * Math.exp(-size * size)) * Math.sign(value);
  return (value * (1 + error)) / 2;
}
