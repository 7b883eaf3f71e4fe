// Compares the texts that our templates make with those of Python's Jinja: python figures.py --compare FOLDER... | node compare.js

import { readFileSync } from "node:fs";
import { CharacterTokenizer, chatTemplateOf, readSettings, withSettings } from "tokenformer";

const { conversations, templates } = JSON.parse(readFileSync(0, "utf8"));
let [same, differ] = [0, 0];
for (const [name, { settings, texts }] of Object.entries(templates)) {
  const tokenizer = withSettings(CharacterTokenizer.fromText("a"), readSettings(settings, name));
  const ours = conversations.map((messages) =>
    [false, true].map((reply) => {
      try {
        return chatTemplateOf(tokenizer).text(messages, { reply });
      } catch {
        return null;
      }
    }),
  );
  const wrong = ours.flatMap((pair, index) => pair.filter((text, reply) => text !== texts[index][reply]));
  if (wrong.length === 0) same++;
  else {
    differ++;
    console.log(`${name}: ${wrong.length} of ${2 * conversations.length} texts differ`);
  }
}
console.log(`${same} templates make the texts of Python's, ${differ} do not`);
process.exitCode = differ > 0 ? 1 : 0;
