/** Added tokens of a tokenizer.json: texts that are found before anything else is. */

import { z } from "zod";
import { UserError } from "../../errors.ts";
import type { Normalizer, Section } from "./normalizers.ts";
import { readPart } from "./part.ts";
import { checkToken, isId, shown, type Vocabulary } from "./vocabulary.ts";

const addedTokenSchema = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});

export type AddedToken = z.infer<typeof addedTokenSchema>;

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE = /\p{White_Space}/u;

/** The texts between added tokens, and the ids of these, in order. */
export type Sections = readonly (Section | number)[];

export class AddedTokens {
  /** The text for decoding of each id. */
  readonly texts = new Map<number, string>();
  /** Found in a text as it is, and in what the normalizer makes of it. */
  readonly #raw = new Finder();
  readonly #normalized = new Finder();
  readonly #normalizer: Normalizer | undefined;

  /** @throws UserError for tokens that are malformed, or whose ids are not those that Python's `tokenizers` gives them. */
  constructor(part: unknown, place: string, vocabulary: Vocabulary, normalizer: Normalizer | undefined) {
    this.#normalizer = normalizer;
    const tokens = readPart(z.array(addedTokenSchema), part, place).filter(({ content }) => content !== "");
    const ids = assignIds(tokens, place, vocabulary);
    // Of two entries with one id the last counts.
    const lasting = new Map(tokens.map((token) => [ids.get(token.content) ?? 0, token]));
    for (const [id, token] of lasting) this.#add(id, token, place);
  }

  /** Those that are found in a text as it is. */
  get inTexts(): AddedToken[] {
    return this.#raw.tokens;
  }

  /** Those that are found in what the normalizer makes of a text, with their contents as it makes them. */
  get inNormalizedTexts(): AddedToken[] {
    return this.#normalized.tokens;
  }

  /**
   * Finds the added tokens in a text: some in the text as it is, some in what the normalizer makes of it.
   * @param continues whether the text goes on one that was taken before.
   */
  sections(text: string, continues: boolean): Sections {
    const raw = this.#raw.sections({ text, first: !continues, continues });
    return raw.flatMap((section) => {
      if (typeof section === "number") return [section];
      return this.#normalized.sections(this.#normalizer?.(section) ?? section);
    });
  }

  #add(id: number, token: AddedToken, place: string): void {
    const isNormalized = token.normalized ?? !token.special;
    const text = isNormalized
      ? this.#normalizer?.({ text: token.content, first: true, continues: false }).text
      : undefined;
    this.texts.set(id, text ?? token.content);
    (isNormalized ? this.#normalized : this.#raw).add({ ...token, id, content: text ?? token.content }, place);
  }
}

/**
 * The ids of the contents. The order of the tokens decides, not what the file says: known ones keep their ids, others
 * follow those of the model one by one.
 */
function assignIds(tokens: readonly AddedToken[], place: string, vocabulary: Vocabulary): Map<string, number> {
  const ids = new Map<string, number>();
  let next = vocabulary.tokens.size;
  for (const { content, id: said } of tokens) {
    checkToken(content, place);
    const id = ids.get(content) ?? vocabulary.ids.get(content) ?? next++;
    if (id !== said || !isId(id)) {
      throw new UserError(
        `${place}: ${shown(content)} has the id ${said}, but in the order of the tokens it gets ${id}, also in Python`,
      );
    }
    ids.set(content, id);
  }
  return ids;
}

/** Finds texts in a text from left to right, at one place the longest of them. */
class Finder {
  readonly #tokens = new Map<string, AddedToken>();
  /** The lengths of the texts by their first UTF-16 unit, the longest first. */
  readonly #lengths = new Map<number, number[]>();

  add(token: AddedToken, place: string): void {
    const { content } = token;
    const reason = content === "" ? "are normalized to nothing" : this.#tokens.has(content) ? "are there twice" : "";
    if (reason !== "") throw new UserError(`${place}: tokens ${reason}: ${shown(token)}`);
    this.#tokens.set(content, token);
    const unit = content.charCodeAt(0);
    const lengths = new Set([...(this.#lengths.get(unit) ?? []), content.length]);
    this.#lengths.set(
      unit,
      [...lengths].sort((one, other) => other - one),
    );
  }

  get tokens(): AddedToken[] {
    return [...this.#tokens.values()];
  }

  sections({ text, first, continues }: Section): Sections {
    if (this.#tokens.size === 0) return text === "" ? [] : [{ text, first, continues }];
    const sections: (Section | number)[] = [];
    let done = 0;
    const between = (end: number) => {
      if (end <= done) return;
      sections.push({ text: text.slice(done, end), first: first && done === 0, continues: continues && done === 0 });
    };
    for (let place = 0; place < text.length; ) {
      const token = this.#tokenAt(text, place);
      const end = place + (token?.content.length ?? 1);
      if (token !== undefined && (!token.single_word || standsAlone(text, place, end))) {
        between(token.lstrip ? Math.max(done, beforeSpaces(text, place)) : place);
        sections.push(token.id);
        done = token.rstrip ? afterSpaces(text, end) : end;
      }
      place = end;
    }
    between(text.length);
    return sections;
  }

  #tokenAt(text: string, place: number): AddedToken | undefined {
    for (const length of this.#lengths.get(text.charCodeAt(place)) ?? []) {
      const token = this.#tokens.get(text.slice(place, place + length));
      if (token !== undefined) return token;
    }
    return;
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  const before = Array.from(text.slice(Math.max(0, start - 2), start)).at(-1) ?? "";
  const after = String.fromCodePoint(text.codePointAt(end) ?? 0x20);
  return !WORD.test(before) && !WORD.test(after);
}

function beforeSpaces(text: string, end: number): number {
  while (end > 0 && SPACE.test(text.charAt(end - 1))) end--;
  return end;
}

function afterSpaces(text: string, start: number): number {
  while (start < text.length && SPACE.test(text.charAt(start))) start++;
  return start;
}
