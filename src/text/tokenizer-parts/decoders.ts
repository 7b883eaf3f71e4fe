/** Decoders of a tokenizer.json: how tokens become a text. */

import { z } from "zod";
import { byteCharacters } from "../byte-alphabet.ts";
import { readPart, typeOf, unsupported } from "./part.ts";
import { readPattern, replaceMatches } from "./pattern.ts";
import { metaspaceSchema } from "./pre-tokenizers.ts";

/** Changes tokens, or joins some; those that come out are joined. */
export type TokenDecoder = (tokens: readonly string[]) => readonly string[];

const wordPieceSchema = z.looseObject({ prefix: z.string(), cleanup: z.boolean() });
const suffixSchema = z.looseObject({ suffix: z.string() });
const ctcSchema = z.looseObject({ pad_token: z.string(), word_delimiter_token: z.string(), cleanup: z.boolean() });
const stripSchema = z.looseObject({ content: z.string(), start: z.int().nonnegative(), stop: z.int().nonnegative() });
const replaceSchema = z.looseObject({ pattern: z.unknown(), content: z.string() });
const sequenceSchema = z.looseObject({ decoders: z.array(z.unknown()) });

/** @throws UserError for a decoder that is malformed or not supported. */
export function readDecoder(part: unknown, place: string): TokenDecoder {
  const type = typeOf(part, place);
  switch (type) {
    case "Sequence": {
      const parts = readPart(sequenceSchema, part, place).decoders;
      const all = parts.map((one, index) => readDecoder(one, `${place}.decoders.${index}`));
      return (tokens) => all.reduce((decoded, decoder) => decoder(decoded), tokens);
    }
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "ByteLevel":
      return byteLevel;
    case "ByteFallback":
      return byteFallback;
    case "Metaspace":
      return metaspace(readPart(metaspaceSchema, part, place));
    case "WordPiece":
      return wordPiece(readPart(wordPieceSchema, part, place));
    case "BPEDecoder": {
      const { suffix } = readPart(suffixSchema, part, place);
      return (tokens) => tokens.map((token, index) => token.replaceAll(suffix, index === tokens.length - 1 ? "" : " "));
    }
    case "Strip": {
      const options = readPart(stripSchema, part, place);
      return (tokens) => tokens.map((token) => strip(token, options));
    }
    case "Replace": {
      const { pattern: given, content } = readPart(replaceSchema, part, place);
      const pattern = readPattern(given, `${place}.pattern`);
      return (tokens) => tokens.map((token) => replaceMatches(token, pattern, content));
    }
    case "CTC":
      return ctc(readPart(ctcSchema, part, place));
    default:
      throw unsupported(place, `the type ${JSON.stringify(type)}`);
  }
}

/** The byte of each character of GPT-2's alphabet by its code, -1 for others. */
const byteOfCode = new Int16Array(512).fill(-1);
for (const [byte, character] of byteCharacters.entries()) byteOfCode[character.charCodeAt(0)] = byte;

/** Tokens of GPT-2's alphabet are bytes; one with another character is its own text. */
function byteLevel(tokens: readonly string[]): string[] {
  const bytes = new Uint8Array(3 * tokens.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const token of tokens) {
    const start = length;
    for (let index = 0; index < token.length; index++) {
      const byte = byteOfCode[token.charCodeAt(index)] ?? -1;
      if (byte < 0) {
        length = start + new TextEncoder().encodeInto(token, bytes.subarray(start)).written;
        break;
      }
      bytes[length++] = byte;
    }
  }
  return [new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, length))];
}

/** A token for a byte, as Rust reads hexadecimal numbers. */
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/;
const BYTE_TOKEN_LENGTH = "<0xE2>".length;

/** Tokens for bytes side by side are characters; where they are not valid UTF-8, each is a replacement character. */
function byteFallback(tokens: readonly string[]): string[] {
  const decoded: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    for (const character of bytes.length > 0 ? charactersOf(bytes) : []) decoded.push(character);
    bytes = [];
  };
  for (const token of tokens) {
    const byte = token.length === BYTE_TOKEN_LENGTH ? BYTE_TOKEN.exec(token)?.[1] : undefined;
    if (byte !== undefined) {
      bytes.push(Number.parseInt(byte, 16));
      continue;
    }
    flush();
    decoded.push(token);
  }
  flush();
  return decoded;
}

function charactersOf(bytes: readonly number[]): string[] {
  try {
    return [new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))];
  } catch {
    return bytes.map(() => "\uFFFD");
  }
}

/** SentencePiece's mark stands for a space; in the first token, for none where one was put before the text. */
function metaspace({ replacement, prepend_scheme }: z.infer<typeof metaspaceSchema>): TokenDecoder {
  const first = prepend_scheme === "never" ? " " : "";
  return (tokens) => tokens.map((token, index) => token.replaceAll(replacement, index === 0 ? first : " "));
}

function wordPiece({ prefix, cleanup: clean }: z.infer<typeof wordPieceSchema>): TokenDecoder {
  return (tokens) =>
    tokens.map((token, index) => {
      const text = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return clean ? cleanup(text) : text;
    });
}

/** Takes spaces before English punctuation and contractions away. */
function cleanup(text: string): string {
  return text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

/** Takes up to `start` and `stop` of a character from the ends of a token. */
function strip(token: string, { content, start, stop }: z.infer<typeof stripSchema>): string {
  const characters = [...token];
  const different = characters.findIndex((character, index) => index >= start || character !== content);
  const first = different < 0 ? characters.length : different;
  let end = characters.length;
  while (end > first && characters.length - end < stop && characters[end - 1] === content) end--;
  return characters.slice(first, end).join("");
}

/** Decodes connectionist temporal classification: repeated tokens are one, padding is none. */
function ctc({ pad_token, word_delimiter_token, cleanup: clean }: z.infer<typeof ctcSchema>): TokenDecoder {
  return (tokens) =>
    tokens
      .filter((token, index) => token !== tokens[index - 1])
      .map((token) => token.replaceAll(pad_token, ""))
      .map((text) => (clean ? cleanup(text).replaceAll(word_delimiter_token, " ") : text))
      .filter((text) => text !== "");
}
