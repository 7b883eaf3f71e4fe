/** What a tokenizer_config.json says beside a tokenizer.json: which tokens begin and end a text, and how conversations become texts. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { checkPlainly } from "../plain-words.ts";
import { NOWHERE } from "./pieces.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The name of the file. */
export const SETTINGS = "tokenizer_config.json";

/** A token by its text, or with what else is said of it. */
const tokenSchema = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)])
  .nullish();

const settingsSchema = z.looseObject({
  bos_token: tokenSchema,
  eos_token: tokenSchema,
  unk_token: tokenSchema,
  pad_token: tokenSchema,
  /** One template, or several by name, of which "default" is for conversations. */
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
});

/** What is said beside a tokenizer of its tokens and of conversations. */
export interface TokenizerSettings {
  /** The texts of the tokens that begin and end a text, where they are named. */
  readonly beginningOfText: string | undefined;
  readonly endOfText: string | undefined;
  /** Jinja, in Hugging Face's manner; nothing where conversations have no form. */
  readonly chatTemplate: string | undefined;
  /** The texts of special tokens by the names that templates have for them, such as `eos_token`. */
  readonly names: Readonly<Record<string, string>>;
  /** The contents of a tokenizer_config.json. */
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Reads the parsed contents of a tokenizer_config.json.
 *
 * @param where the file they came from, for messages.
 * @throws UserError where they are of another form.
 */
export function readSettings(json: unknown, where: string): TokenizerSettings {
  const result = checkPlainly(settingsSchema, json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new UserError(
      `${where}: ${issue?.path.join(".") || "the whole"}: ${issue?.message}; take the file from the model, or remove it`,
    );
  }
  const { chat_template: templates, ...tokens } = result.data;
  const named = Object.entries(tokens).flatMap(([name, value]) => {
    const content = name.endsWith("_token") ? tokenSchema.safeParse(value).data : undefined;
    return content == null ? [] : [[name, content] as const];
  });
  const chosen = Array.isArray(templates)
    ? (templates.find(({ name }) => name === "default") ?? templates[0])?.template
    : (templates ?? undefined);
  return {
    beginningOfText: tokens.bos_token ?? undefined,
    endOfText: tokens.eos_token ?? undefined,
    chatTemplate: chosen,
    names: Object.fromEntries(named),
    json: z.record(z.string(), z.unknown()).parse(json),
  };
}

/** A tokenizer with settings; those that it had are replaced. */
export function withSettings(tokenizer: Tokenizer, settings: TokenizerSettings): Tokenizer {
  return {
    kind: tokenizer.kind,
    vocabularySize: tokenizer.vocabularySize,
    get boundary() {
      return tokenizer.boundary ?? NOWHERE;
    },
    settings,
    encode: (text, continues) => tokenizer.encode(text, continues),
    decode: (ids) => tokenizer.decode(ids),
    toJSON: () => tokenizer.toJSON(),
  };
}
