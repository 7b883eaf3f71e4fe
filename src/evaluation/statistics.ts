/** Means and their standard errors. */

export interface Estimate {
  readonly value: number;
  /** The standard error of the mean, from the sample's standard deviation. NaN for a single number. */
  readonly standardError: number;
}

export function mean(numbers: readonly number[]): Estimate {
  const count = numbers.length;
  const value = numbers.reduce((sum, x) => sum + x, 0) / count;
  const squares = numbers.reduce((sum, x) => sum + (x - value) ** 2, 0);
  return { value, standardError: count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1) / count) };
}

/** The exponential of a negative mean log-probability, with its standard error to first order. */
export function perplexity(logProbabilities: readonly number[]): Estimate {
  const { value, standardError } = mean(logProbabilities);
  return { value: Math.exp(-value), standardError: Math.exp(-value) * standardError };
}

/** The index of the largest number, the first of equal ones. */
export function largest(numbers: readonly number[]): number {
  return numbers.reduce((best, x, index) => (x > (numbers[best] ?? Number.NEGATIVE_INFINITY) ? index : best), 0);
}
