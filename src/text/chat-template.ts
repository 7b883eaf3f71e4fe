/** Conversations as texts. */

import { Template } from "@huggingface/jinja";
import { messageOf, UserError } from "../errors.ts";
import { UnknownCharacterError } from "./character-tokenizer.ts";
import { endOfText, type SpecialToken, specialTokens } from "./special-tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Who can say something in a conversation. */
export const roles = ["system", "user", "assistant"] as const;

/** Something that was said. */
export interface Message {
  readonly role: (typeof roles)[number];
  /** Who of several has the role, for templates that tell. */
  readonly name?: string | undefined;
  readonly content: string;
}

/** What tells where the assistant's turn ends. */
export interface TurnEnd {
  /** The ids of tokens that end it. */
  readonly ids: ReadonlySet<number>;
  /** A text that ends it, where no token does. */
  readonly stop: string | undefined;
}

/** A template as it is compiled once for a tokenizer. */
const compiled = new WeakMap<Tokenizer, ChatTemplate>();

/** The template of a tokenizer's settings, else the plain one. @throws UserError where it is no template */
export function chatTemplateOf(tokenizer: Tokenizer): ChatTemplate {
  const known = compiled.get(tokenizer);
  if (known !== undefined) return known;
  const template = new ChatTemplate(tokenizer);
  compiled.set(tokenizer, template);
  return template;
}

/**
 * The form of conversations where a tokenizer has none: a line with the role, then what was said. The assistant's turn ends with
 * the token that ends a text, or, where the vocabulary has none, with an empty line.
 */
export function plainTemplate(tokenizer: Tokenizer): string {
  const end = endOfText(tokenizer)?.content ?? "\n";
  const turn = `message.role + ':\\n' + message.content + (${JSON.stringify(end)} if message.role == 'assistant' else '')`;
  return `{% for message in messages %}{{ ${turn} + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:\\n' }}{% endif %}`;
}

/** A text that stands for what the assistant says, where only what follows it is looked at. */
const MARK = "\u2042 what is said \u2042";

/** Makes one text of a conversation, as Python's `apply_chat_template` does. */
export class ChatTemplate {
  /** Whether it is the plain one, which nobody made for the model. */
  readonly isPlain: boolean;
  /** The template itself. */
  readonly source: string;
  readonly #template: Template;
  readonly #names: Readonly<Record<string, string>>;
  readonly #tokenizer: Tokenizer;
  #end: TurnEnd | undefined;
  #unreadable: { readonly reason: string | undefined } | undefined;

  /** @throws UserError where the tokenizer's template is none */
  constructor(tokenizer: Tokenizer) {
    const own = tokenizer.settings?.chatTemplate;
    this.isPlain = own === undefined || own === plainTemplate(tokenizer);
    this.source = own ?? plainTemplate(tokenizer);
    this.#names = tokenizer.settings?.names ?? {};
    this.#tokenizer = tokenizer;
    try {
      this.#template = new Template(this.source);
    } catch (error) {
      throw new UserError(
        `the chat template of the tokenizer is none (${messageOf(error)}), expected Jinja; correct tokenizer_config.json`,
      );
    }
  }

  /**
   * The text of a conversation.
   * @param reply whether it ends with the beginning of an assistant's turn, for the model to go on with. Default true.
   * @throws UserError where the template refuses it, as some do for roles that do not alternate
   */
  text(messages: readonly Message[], { reply = true } = {}): string {
    try {
      // Python's function gives templates no tools and no documents, which is not the same as not giving them.
      return this.#template.render({
        ...this.#names,
        messages,
        tools: null,
        documents: null,
        add_generation_prompt: reply,
      });
    } catch (error) {
      throw new UserError(`the model's chat template refuses the conversation: ${messageOf(error)}`);
    }
  }

  /** Why the model can hold no conversation, where its vocabulary lacks what the template itself writes. */
  get unreadable(): string | undefined {
    this.#unreadable ??= { reason: this.#whyUnreadable() };
    return this.#unreadable.reason;
  }

  #whyUnreadable(): string | undefined {
    try {
      this.#tokenizer.encode(this.text([{ role: "user", content: "" }]));
      return undefined;
    } catch (error) {
      if (error instanceof UnknownCharacterError) {
        return `the model can hold no conversation: its vocabulary lacks ${JSON.stringify(error.character)}, which the form of one has; give it texts to go on with, or train it on conversations`;
      }
      // A template may refuse so short a conversation.
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  /** What ends the assistant's turn: the token that ends a text, and what the template puts after what was said. */
  get end(): TurnEnd {
    this.#end ??= this.#findEnd();
    return this.#end;
  }

  #findEnd(): TurnEnd {
    const end = endOfText(this.#tokenizer);
    const ids = new Set(end === undefined ? [] : [end.id]);
    const rest = this.#afterReply();
    const token = tokenAt(rest.trimStart(), specialTokens(this.#tokenizer));
    if (token !== undefined) ids.add(token.id);
    return { ids, stop: token === undefined && rest !== "" ? rest : undefined };
  }

  /** The text that the template puts after what an assistant says; empty where it refuses so short a conversation. */
  #afterReply(): string {
    try {
      const text = this.text(
        [
          { role: "user", content: "?" },
          { role: "assistant", content: MARK },
        ],
        { reply: false },
      );
      const place = text.lastIndexOf(MARK);
      return place < 0 ? "" : text.slice(place + MARK.length);
    } catch (error) {
      if (error instanceof UserError) return "";
      throw error;
    }
  }
}

/** The longest of some tokens that a text begins with. */
function tokenAt(text: string, tokens: readonly SpecialToken[]): SpecialToken | undefined {
  return tokens
    .filter(({ content }) => text.startsWith(content))
    .toSorted((a, b) => b.content.length - a.content.length)
    .at(0);
}
