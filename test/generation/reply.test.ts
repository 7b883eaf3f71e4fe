/** What of a conversation goes into the prompt of a reply. */

import { expect, it } from "vitest";
import { fittingMessages } from "../../src/generation/index.ts";
import { CharacterTokenizer, type Message, readSettings, withSettings } from "../../src/text/index.ts";

const template = "{% for message in messages %}{{ message.role[0] }}{{ message.content }}|{% endfor %}";
const tokenizer = withSettings(
  CharacterTokenizer.fromText("abcstu|"),
  readSettings({ chat_template: template }, "the settings"),
);

const conversation = (text: string): Message[] =>
  text.split("|").map((turn) => ({
    role: turn.startsWith("s") ? "system" : turn.startsWith("u") ? "user" : "assistant",
    content: turn.slice(1),
  }));
const rest = (text: string, context: number) =>
  fittingMessages(conversation(text), tokenizer, context)
    .map(({ role, content }) => role[0] + content)
    .join("|");

it("is all of it where that leaves half of the context, else the latest, and always the last", () => {
  expect(rest("sb|uaaa|abb|uc", 30)).toBe("sb|uaaa|abb|uc");
  expect(rest("sb|uaaa|abb|uc", 24)).toBe("sb|uc");
  // Also where a message has no answer, or an answer is to be gone on with.
  expect(rest("uaaaaa|uc", 14)).toBe("uc");
  expect(rest("uaaa|abb|uc|acc", 16)).toBe("uc|acc");
  expect(rest("uaaa|abb|uc|acc", 12)).toBe("acc");
  expect(() => rest("ub|uaaaaaaa", 9)).toThrow("the message has 9 tokens with its template, and the model's context 9");
});
