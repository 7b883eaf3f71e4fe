/** How much text a token can stand for, at most. */

import { z } from "zod";
import type { Tokenizer } from "./tokenizer.ts";

/** The text of a vocabulary's token for one byte, where it has those. */
const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/** A character of a text in UTF-8, at most: an unknown token can stand for any. */
const CHARACTER_BYTES = 4;

const tokenizerJson = z.looseObject({
  truncation: z.null().optional(),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  added_tokens: z
    .array(
      z.looseObject({
        content: z.string(),
        // Those that take the white space beside them have no longest text.
        lstrip: z.literal(false).optional(),
        rstrip: z.literal(false).optional(),
      }),
    )
    .optional(),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: z.record(z.string(), z.number()),
    unk_token: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
  }),
});

/**
 * The number of bytes (of a text in UTF-8) that one token can stand for, at most, so that a text of more than n times as many
 * takes more than n tokens: found from the longest token of the vocabulary, without a look at the text.
 *
 * `undefined` where there is no such number, or none is known: for tokenizers that drop white space or other parts of a text,
 * or have one token for any unknown word. Byte-pair encodings of characters and of bytes have one.
 */
export function longestTokenBytes(tokenizer: Tokenizer): number | undefined {
  const parsed = tokenizerJson.safeParse(tokenizer.toJSON());
  if (!parsed.success) return undefined;
  const { normalizer, pre_tokenizer, model, added_tokens = [] } = parsed.data;
  const shrinks = shrinkageOf(normalizer);
  const splits = splittingOf(pre_tokenizer);
  if (shrinks === undefined || splits === undefined || fusesUnknown(model)) return undefined;
  // In an alphabet of bytes each character of a token is one.
  const lengthOf = splits === "bytes" ? (token: string) => token.length : (token: string) => utf8Length(token);
  let longest = CHARACTER_BYTES;
  for (const token of Object.keys(model.vocab)) longest = Math.max(longest, lengthOf(token));
  for (const { content } of added_tokens) longest = Math.max(longest, utf8Length(content));
  return shrinks * longest;
}

export const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/** Whether a whole run of unknown characters becomes one token. */
function fusesUnknown({ unk_token, fuse_unk, byte_fallback, vocab }: z.infer<typeof tokenizerJson>["model"]): boolean {
  const allBytes =
    byte_fallback === true &&
    Array.from({ length: 256 }, (_, byte) => byteToken(byte)).every((token) => token in vocab);
  return unk_token != null && fuse_unk === true && !allBytes;
}

/**
 * NFC makes a text shorter by less than this factor: of the longest spellings of a character, U+1FBE U+0308 U+0301 are 7 bytes
 * for the 2 of U+0390.
 */
const NFC_SHRINKAGE = 4;

const normalizerJson = z.union([
  z.null(),
  z.looseObject({ type: z.literal("NFC") }),
  z.looseObject({ type: z.literal("Prepend") }),
  z.looseObject({
    type: z.literal("Replace"),
    pattern: z.looseObject({ String: z.string().min(1) }),
    content: z.string().min(1),
  }),
  z.looseObject({ type: z.literal("Sequence"), normalizers: z.array(z.unknown()) }),
]);

/** How many times longer, in bytes, a text can be than what a normalizer makes of it. `undefined`: any number of times. */
function shrinkageOf(normalizer: unknown): number | undefined {
  const parsed = normalizerJson.safeParse(normalizer ?? null);
  if (!parsed.success) return undefined;
  const { data } = parsed;
  switch (data?.type) {
    case "NFC":
      return NFC_SHRINKAGE;
    case "Replace":
      return Math.max(1, utf8Length(data.pattern.String) / utf8Length(data.content));
    case "Sequence": {
      const factors = data.normalizers.map(shrinkageOf);
      return factors.reduce(
        (product, factor) => (product === undefined || factor === undefined ? undefined : product * factor),
        1,
      );
    }
    default:
      return 1;
  }
}

const preTokenizerJson = z.union([
  z.null(),
  z.looseObject({ type: z.literal(["ByteLevel", "Metaspace", "Digits"]) }),
  z.looseObject({
    type: z.literal("Split"),
    behavior: z.literal("Isolated"),
    invert: z.literal(false).optional(),
  }),
  z.looseObject({ type: z.literal("Sequence"), pretokenizers: z.array(z.unknown()) }),
]);

/** What the words that a text is divided into are made of. `undefined`: parts of a text may be left out. */
function splittingOf(preTokenizer: unknown): "bytes" | "characters" | undefined {
  const parsed = preTokenizerJson.safeParse(preTokenizer ?? null);
  if (!parsed.success) return undefined;
  const { data } = parsed;
  if (data?.type === "ByteLevel") return "bytes";
  if (data?.type !== "Sequence") return "characters";
  const parts = data.pretokenizers.map(splittingOf);
  if (parts.includes(undefined)) return undefined;
  return parts.includes("bytes") ? "bytes" : "characters";
}
