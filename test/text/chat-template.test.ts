/** Conversations as texts: those of Python's Jinja, and the plain form. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { UserError } from "../../src/errors.ts";
import {
  CharacterTokenizer,
  chatTemplateOf,
  endOfText,
  loadTokenizer,
  type Message,
  readSettings,
  type Tokenizer,
  trainBytePairEncoding,
  withSettings,
} from "../../src/text/index.ts";

const message = z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() });
const figuresSchema = z.object({
  conversations: z.array(z.array(message)),
  templates: z.record(
    z.string(),
    z.object({
      settings: z.record(z.string(), z.string()),
      /** Of each conversation, without and with the beginning of a reply; null where the template refuses it. */
      texts: z.array(z.tuple([z.string().nullable(), z.string().nullable()])),
    }),
  ),
});

/** What Python's Jinja makes of conversations; bench/peers/chat-templates/figures.py wrote it. */
const file = new URL("../fixtures/chat-templates/figures.json", import.meta.url);
const figures = figuresSchema.parse(JSON.parse(readFileSync(file, "utf8")));

function tokenizerWith(settings: Record<string, unknown>, specialTokens: readonly string[] = []): Tokenizer {
  const json = trainBytePairEncoding("größer, größer", { vocabularySize: 256 + specialTokens.length, specialTokens });
  return withSettings(loadTokenizer(json, "test"), readSettings(settings, "tokenizer_config.json"));
}

function textOf(tokenizer: Tokenizer, messages: readonly Message[], reply: boolean): string | null {
  try {
    return chatTemplateOf(tokenizer).text(messages, { reply });
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

describe("templates", () => {
  it.each(Object.entries(figures.templates))("%s make the texts of Python's Jinja", (_, { settings, texts }) => {
    const tokenizer = tokenizerWith(settings);
    const ours = figures.conversations.map((messages) =>
      [false, true].map((reply) => textOf(tokenizer, messages, reply)),
    );
    expect(ours).toEqual(texts);
  });

  it.each([
    ["chatml", "<|im_end|>"],
    ["instructions", "</s>"],
    ["headers", "<|eot_id|>"],
    ["turns", "<end_of_turn>"],
    ["lines", "</s>"],
  ])("of %s tell that %s ends a turn, whether or not it ends a text", (name, end) => {
    const { settings } = figures.templates[name] ?? {};
    const tokens = new Set(["<|im", "<|", "<eos>", end]);
    const tokenizer = tokenizerWith({ ...settings, eos_token: "<eos>" }, [...tokens]);
    const ids = [
      ...tokenizer.encode(name === "lines" || name === "instructions" ? "<eos>" : end),
      ...tokenizer.encode("<eos>"),
    ];
    expect(chatTemplateOf(tokenizer).end).toEqual({ ids: new Set(ids), stop: undefined });
  });

  it("that are none are told, and what a template refuses", () => {
    const messages = [{ role: "user", content: "a" }] as const;
    expect(() => chatTemplateOf(tokenizerWith({ chat_template: "{% for %}" }))).toThrow(
      /^the chat template of the tokenizer is none \(.*\), expected Jinja; correct tokenizer_config.json$/,
    );
    const refusing = tokenizerWith({ chat_template: "{{ raise_exception('only dolphins') }}" });
    expect(() => chatTemplateOf(refusing).text(messages)).toThrow(
      new UserError("the model's chat template refuses the conversation: only dolphins"),
    );
    expect(chatTemplateOf(refusing).end).toEqual({ ids: new Set(), stop: undefined });
  });
});

describe("settings", () => {
  it("name the tokens that begin and end texts, as texts or as objects", () => {
    const tokens = ["<|endoftext|>", "<end>", "<begin>"];
    expect(endOfText(tokenizerWith({}, tokens))?.content).toBe("<|endoftext|>");
    for (const eos_token of ["<end>", { content: "<end>", special: true }]) {
      expect(endOfText(tokenizerWith({ eos_token }, tokens))).toMatchObject({ id: 257, content: "<end>" });
    }
  });

  it("with several templates have that for conversations", () => {
    const named = (names: readonly string[]) =>
      readSettings({ chat_template: names.map((name) => ({ name, template: name })) }, "").chatTemplate;
    expect(named(["tool_use", "default"])).toBe("default");
    expect(named(["rag"])).toBe("rag");
  });

  it("of another form are refused", () => {
    expect(() => readSettings({ chat_template: 5 }, "a/tokenizer_config.json")).toThrow(
      "a/tokenizer_config.json: chat_template: is 5, expected a text or a list; take the file from the model, or remove it",
    );
    expect(() => readSettings([], "a.json")).toThrow("a.json: the whole: is [], expected an object");
  });
});

describe("the plain form", () => {
  const conversation = [
    { role: "user", content: "Who are you?" },
    { role: "assistant", content: "A 'whale'.\nNo more." },
  ] as const;

  it("ends the assistant's turn with the token that ends a text", () => {
    const template = chatTemplateOf(tokenizerWith({}, ["<|endoftext|>"]));
    expect(template.text(conversation, { reply: false })).toBe(
      "user:\nWho are you?\nassistant:\nA 'whale'.\nNo more.<|endoftext|>\n",
    );
    expect(template.text(conversation.slice(0, 1))).toBe("user:\nWho are you?\nassistant:\n");
    expect(template.end).toEqual({ ids: new Set([256]), stop: undefined });
    expect(template.isPlain).toBe(true);
  });

  it("ends it with an empty line where there is none", () => {
    const template = chatTemplateOf(CharacterTokenizer.fromText("a"));
    expect(template.text(conversation, { reply: false })).toMatch(/\nassistant:\nA 'whale'\.\nNo more\.\n\n$/);
    expect(template.end).toEqual({ ids: new Set(), stop: "\n\n" });
  });
});
