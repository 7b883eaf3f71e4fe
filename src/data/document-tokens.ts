/** Records for fine-tuning as tokens: what is given in each, and what is learned. */

import { UserError } from "../errors.ts";
import {
  type Corpus,
  chatTemplateOf,
  createCorpus,
  type DocumentSource,
  endOfText,
  type Message,
  memoryTokens,
  plainTemplate,
  readSettings,
  type Tokenizer,
  withSettings,
} from "../text/portable.ts";
import type { LossPart } from "./loss-parts.ts";
import type { PlacedRecord, Record } from "./records.ts";

/** How records are learned from. */
export interface LearningOptions {
  /** What is learned of each. Default: completion. */
  readonly lossOn?: LossPart | undefined;
  /** Whether tokens attend to those of their own record alone. Default false. */
  readonly separateDocuments?: boolean | undefined;
}

/** The tokenizer with the form of conversations that these are learned in, which the run then keeps: its own, or the plain one. */
export function withChatTemplate(tokenizer: Tokenizer): Tokenizer {
  const { settings } = tokenizer;
  if (settings?.chatTemplate !== undefined) return tokenizer;
  const chat_template = plainTemplate(tokenizer);
  return withSettings(tokenizer, readSettings({ ...settings?.json, chat_template }, "the chat template"));
}

/** The tokens of records one after the other, in memory. */
export class DocumentTokens {
  readonly #tokenizer: Tokenizer;
  readonly #options: LearningOptions;
  readonly #documents: Document[] = [];
  readonly #places: string[] = [];

  constructor(tokenizer: Tokenizer, options: LearningOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** @throws UserError, with the file and line, for a record that the tokenizer or its chat template cannot take */
  add(placed: PlacedRecord, file: string): void {
    const place = `${file}:${placed.line}`;
    this.#documents.push(encoded(placed, place, this.#tokenizer, this.#options.lossOn ?? "completion"));
    this.#places.push(place);
  }

  source(): DocumentSource {
    return joined(this.#documents, this.#options.separateDocuments ?? false, this.#places);
  }
}

/**
 * Records to learn from, as `recordsIn` finds them, with some of them held out. Its tokenizer has a chat template, if not its own.
 * @throws UserError, with the line, for a record that the tokenizer or its chat template cannot take
 */
export function recordsCorpus(
  name: string,
  records: readonly PlacedRecord[],
  tokenizer: Tokenizer,
  options: LearningOptions = {},
): Corpus {
  const talking = withChatTemplate(tokenizer);
  const tokens = new DocumentTokens(talking, options);
  for (const record of records) tokens.add(record, name);
  return createCorpus(name, talking, tokens.source());
}

/** The tokens of a record, and which of them are learned. */
interface Document {
  readonly ids: Uint32Array;
  readonly learned: Uint8Array;
}

function encoded({ record }: PlacedRecord, place: string, tokenizer: Tokenizer, lossOn: LossPart): Document {
  try {
    return documentOf(record, tokenizer, lossOn);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${place}: ${error.message}`);
  }
}

function documentOf(record: Record, tokenizer: Tokenizer, lossOn: LossPart): Document {
  const { text, learned } = partsOf(record, tokenizer);
  const ids = tokenizer.encode(text);
  const marks = new Uint8Array(ids.length);
  for (const [from, to] of lossOn === "all" ? [[0, text.length] as const] : learned) {
    const start = sharedLength(ids, tokenizer.encode(text.slice(0, from)));
    const end = to === text.length ? ids.length : sharedLength(ids, tokenizer.encode(text.slice(0, to)));
    marks.fill(1, start, end);
  }
  return withEnd({ ids, learned: marks }, text, tokenizer);
}

/** A text and the parts of it that are learned, from … to, in UTF-16 units. */
interface Parts {
  readonly text: string;
  readonly learned: readonly (readonly [from: number, to: number])[];
}

function partsOf(record: Record, tokenizer: Tokenizer): Parts {
  switch (record.kind) {
    case "text":
      return { text: record.text, learned: [[0, record.text.length]] };
    case "completion": {
      const text = record.prompt + record.completion;
      return { text, learned: [[record.prompt.length, text.length]] };
    }
    case "conversation":
      return conversationParts(record.messages, tokenizer);
  }
}

/** The parts of a conversation that are learned, the assistant's turns: what the template adds to what it writes where a reply is to come. */
function conversationParts(messages: readonly Message[], tokenizer: Tokenizer): Parts {
  const template = chatTemplateOf(tokenizer);
  const { stop } = template.end;
  const text = template.text(messages, { reply: false });
  const learned = messages.flatMap(({ role, content }, index) => {
    if (role !== "assistant") return [];
    if (stop !== undefined && content.includes(stop)) {
      throw new UserError(
        `messages.${index}.content: has ${JSON.stringify(stop)}, which ends a turn where the tokenizer has no token for that; add one with --special-tokens, or change the text`,
      );
    }
    const before = template.text(messages.slice(0, index));
    const after = template.text(messages.slice(0, index + 1), { reply: false });
    if (!after.startsWith(before) || !text.startsWith(after)) {
      throw new UserError(
        "messages: the chat template does not write turn after turn, so that what is learned cannot be told from what is given; learn all of it with --loss-on all",
      );
    }
    return [[before.length, after.length] as const];
  });
  return { text, learned };
}

/** How many ids two sequences have in common at their beginnings: a token that reaches over an end belongs to what follows. */
function sharedLength(one: Uint32Array, other: Uint32Array): number {
  const end = Math.min(one.length, other.length);
  for (let index = 0; index < end; index++) if (one[index] !== other[index]) return index;
  return end;
}

/** Adds the token that ends a text, learned where what it follows is, unless the text has it there; a line break where there is none. */
function withEnd({ ids, learned }: Document, text: string, tokenizer: Tokenizer): Document {
  const end = endOfText(tokenizer);
  if (end !== undefined && text.trimEnd().endsWith(end.content)) return { ids, learned };
  const more = end === undefined ? tokenizer.encode("\n") : Uint32Array.of(end.id);
  const length = ids.length + more.length;
  const whole = { ids: new Uint32Array(length), learned: new Uint8Array(length).fill(learned.at(-1) ?? 1) };
  whole.ids.set(ids);
  whole.ids.set(more, ids.length);
  whole.learned.set(learned);
  return whole;
}

function joined(documents: readonly Document[], separate: boolean, places: readonly string[]): DocumentSource {
  const length = documents.reduce((sum, { ids }) => sum + ids.length, 0);
  const [ids, learned, starts] = [new Uint32Array(length), new Uint8Array(length), new Uint32Array(documents.length)];
  let offset = 0;
  for (const [index, document] of documents.entries()) {
    starts[index] = offset;
    ids.set(document.ids, offset);
    learned.set(document.learned, offset);
    offset += document.ids.length;
  }
  const placeOf = (document: number) => places[document] ?? "";
  return { ...memoryTokens(ids), documents: { starts, learned, separate, placeOf } };
}
