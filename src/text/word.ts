/**
 * GPT-2's division of text into words: contractions, letters, digits, other marks, each with a space before it, and runs
 * of white space. It is the pattern that the `ByteLevel` pre-tokenizer of a tokenizer.json stands for; white space is
 * Unicode's, which is not quite JavaScript's `\s`.
 */
export const WORD =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
