/** Names that are near to a wrong one. */

import { distance } from "fastest-levenshtein";

/** Ends a sentence, with the known name that is near to a wrong one, if there is one. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const near = nearest(wrong, known);
  return near === undefined ? "." : `; did you mean "${near}"?`;
}

/**
 * The known name that is nearest to a wrong one, if one is near: lower and upper case, dashes and underscores make no
 * difference, and of longer names a third of the letters may.
 */
export function nearest(wrong: string, known: readonly string[]): string | undefined {
  const plain = plainName(wrong);
  const [first] = known
    .filter((name) => name !== wrong)
    .map((name) => ({ name, letters: distance(plain, plainName(name)) }))
    .sort((a, b) => a.letters - b.letters);
  // Of a name of two or three letters, two wrong ones would make any other; of one letter, one would.
  const allowed = plain.length <= 3 ? Math.min(1, plain.length - 1) : Math.max(2, plain.length / 3);
  return first !== undefined && first.letters <= allowed ? first.name : undefined;
}

/** A name in the one way of writing it: `batch_size`, `batch-size` and `batchSize` are the same. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, "");
}
