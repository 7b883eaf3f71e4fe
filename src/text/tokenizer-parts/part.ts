/** Parts of a tokenizer.json: objects that name their type. */

import { type ZodType, z } from "zod";
import { UserError } from "../../errors.ts";
import { checkPlainly } from "../../plain-words.ts";

/**
 * A part as the schema makes it of what stands in the file.
 *
 * @param place where it stands, for messages: `model`, `decoder.decoders.1`.
 * @throws UserError with the path of the first value that does not fit.
 */
export function readPart<Part>(schema: ZodType<Part>, part: unknown, place: string): Part {
  const parsed = checkPlainly(schema, part);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [place, ...(issue?.path ?? [])]
    .filter((step) => step !== "")
    .map(String)
    .join(".");
  throw new UserError(`${path}: ${(issue?.message ?? "invalid").replaceAll("\n", " ")}`);
}

/** A part, one of several that follow one another, and where in the file it stands. */
export interface StagePart {
  readonly part: unknown;
  readonly place: string;
}

/** The type that a part names. */
export function typeOf(part: unknown, place: string): string {
  return readPart(z.looseObject({ type: z.string() }), part, place).type;
}

/** What to throw for a part whose tokens or texts would not be those of Python's `tokenizers`. */
export function unsupported(place: string, feature: string): UserError {
  return new UserError(`${place}: ${feature} is not supported`);
}

/** The UTF-8 bytes of a character as SentencePiece's tokens for bytes: `<0xE2>`. */
export function byteTokens(text: string): string[] {
  return Array.from(
    new TextEncoder().encode(text),
    (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
}
