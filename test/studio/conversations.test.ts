/** Conversations as the text of a run in the studio. */

import { expect, it } from "vitest";
import { CharacterTokenizer, readSettings, withSettings } from "../../src/text/portable.ts";
import { inForm } from "../../studio/src/engine/conversations.ts";

const chat_template =
  "{% for message in messages %}{{ message.role }}> {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}assistant> {% endif %}";
const plain = CharacterTokenizer.fromText("abc");
const talker = withSettings(plain, readSettings({ chat_template }, "test"));

const lines = [
  {
    messages: [
      { role: "user", content: "ahoy" },
      { role: "assistant", content: "aye" },
    ],
    source: "a log",
  },
  {
    messages: [
      { role: "system", content: "sail" },
      { role: "user", content: "who" },
      { role: "assistant", content: "I" },
    ],
  },
];
const text = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n\n`;

it("is in the form that a model of conversations has, one after the other, without a beginning of a reply", () => {
  expect(inForm({ name: "talk", text }, talker)).toEqual({
    name: "talk",
    text: "user> ahoy\nassistant> aye\nsystem> sail\nuser> who\nassistant> I\n",
  });
});

it("is left as it is for any other model, and where a line is no conversation", () => {
  for (const tokenizer of [plain, undefined]) expect(inForm({ name: "talk", text }, tokenizer).text).toBe(text);
  for (const more of [
    "the whale\n",
    '{"messages": []}\n',
    '{"messages": [{"role": "captain", "content": "ahoy"}]}\n',
  ]) {
    const other = text + more;
    expect(inForm({ name: "talk", text: other }, talker).text).toBe(other);
  }
});
