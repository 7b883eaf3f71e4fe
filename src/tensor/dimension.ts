/**
 * Dimensions that may be unknown while a graph is traced: the batch, the time steps, the parameter tokens of a layer.
 *
 * A dimension is a number, or a polynomial with whole coefficients over named symbols such as `B*T` or `P + 1`. Polynomials
 * are kept in a canonical form, so that equal dimensions print equally and shapes can be compared.
 */

/** A number, or a polynomial over symbols. */
export type Dimension = number | SymbolicDimension;

export interface SymbolicDimension {
  /** Canonical text, for example `2*B*T + 1`. Equal dimensions have equal texts. */
  readonly text: string;
  /** Coefficient of each monomial; a monomial is its symbols, sorted and joined by `*`, the constant one is empty. */
  readonly terms: ReadonlyMap<string, number>;
}

const IDENTIFIER = /^[A-Za-z_][\w.]*$/;

/** A dimension that is known when a program runs. `name` must be an identifier: letters, digits, `_` and `.`. */
export function symbol(name: string): SymbolicDimension {
  if (!IDENTIFIER.test(name)) throw new Error(`symbol(): "${name}" is not an identifier`);
  return { text: name, terms: new Map([[name, 1]]) };
}

/** Whether a dimension is one symbol alone, which can be read off an input. */
export function isSymbol(dimension: Dimension): dimension is SymbolicDimension {
  return typeof dimension !== "number" && IDENTIFIER.test(dimension.text);
}

export function addDimensions(a: Dimension, b: Dimension): Dimension {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const sum = new Map(termsOf(a));
  for (const [monomial, coefficient] of termsOf(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + coefficient);
  return fromTerms(sum);
}

export function subtractDimensions(a: Dimension, b: Dimension): Dimension {
  return addDimensions(a, multiplyDimensions(b, -1));
}

export function multiplyDimensions(a: Dimension, b: Dimension): Dimension {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  const product = new Map<string, number>();
  for (const [left, leftCoefficient] of termsOf(a)) {
    for (const [right, rightCoefficient] of termsOf(b)) {
      const monomial = [...symbolsOf(left), ...symbolsOf(right)].toSorted((a, b) => (a < b ? -1 : 1)).join("*");
      product.set(monomial, (product.get(monomial) ?? 0) + leftCoefficient * rightCoefficient);
    }
  }
  return fromTerms(product);
}

export function sameDimension(a: Dimension, b: Dimension): boolean {
  return typeof a === "number" || typeof b === "number" ? a === b : a.text === b.text;
}

export function printDimension(dimension: Dimension): string {
  return typeof dimension === "number" ? String(dimension) : dimension.text;
}

/** The value of a dimension once every symbol has one. Throws for a symbol without a value. */
export function evaluateDimension(dimension: Dimension, values: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const [monomial, coefficient] of termsOf(dimension)) {
    let product = coefficient;
    for (const name of symbolsOf(monomial)) {
      const value = values.get(name);
      if (value === undefined) throw new Error(`dimension ${printDimension(dimension)}: no value for "${name}"`);
      product *= value;
    }
    total += product;
  }
  return total;
}

/** The symbols of a monomial, with repetition. */
export function symbolsOf(monomial: string): string[] {
  return monomial === "" ? [] : monomial.split("*");
}

export function termsOf(dimension: Dimension): ReadonlyMap<string, number> {
  return typeof dimension === "number" ? new Map([["", dimension]]) : dimension.terms;
}

function fromTerms(unordered: ReadonlyMap<string, number>): Dimension {
  const kept = [...unordered].filter(([, coefficient]) => coefficient !== 0);
  // The constant term last, the others by name: `B*T + P + 1`.
  kept.sort(([a], [b]) => (a === "" ? 1 : b === "" ? -1 : a < b ? -1 : 1));
  const terms = new Map(kept);
  if (terms.size === 0) return 0;
  const constant = terms.get("");
  if (terms.size === 1 && constant !== undefined) return constant;
  const text = kept.map(([monomial, coefficient]) =>
    monomial === "" ? String(coefficient) : coefficient === 1 ? monomial : `${coefficient}*${monomial}`,
  );
  return { text: text.join(" + "), terms };
}
