/** The normalizer of tokenizers like SentencePiece's: a mark "▁" before the text and in place of its spaces. */
export const markSpaces = {
  type: "Sequence",
  normalizers: [
    { type: "Prepend", prepend: "▁" },
    { type: "Replace", pattern: { String: " " }, content: "▁" },
  ],
};
