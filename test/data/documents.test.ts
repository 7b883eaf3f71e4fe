/** Data for fine-tuning: what is given, what is learned, and what is told of lines that are wrong. */

import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type DataFiles, openCorpus } from "../../src/data/index.ts";
import {
  CharacterTokenizer,
  type Corpus,
  type DocumentSource,
  endOfText,
  hasDocuments,
  loadTokenizer,
  longDocuments,
  readSettings,
  type TokenSource,
  trainBytePairEncoding,
  withSettings,
} from "../../src/text/index.ts";
import { failure, useFolder } from "../formats/helpers.ts";

const folder = useFolder();

/** Opens lines of JSON, held out and trained on alike. */
async function opened(
  lines: readonly unknown[],
  tokenizer: Parameters<typeof openCorpus>[1],
  reading: Partial<DataFiles> = {},
) {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  await writeFile(folder.at("a.jsonl"), text);
  return openCorpus({ train: [folder.at("a.jsonl")], validation: [folder.at("a.jsonl")], ...reading }, tokenizer);
}

function documentsOf(source: TokenSource): DocumentSource {
  if (!hasDocuments(source)) throw new Error("it has no documents");
  return source;
}

/** Each document as its text, with what is learned of it in brackets. */
function marked({ train, tokenizer }: Corpus): string[] {
  const source = documentsOf(train);
  const { starts, learned } = source.documents;
  return Array.from(starts, (start, index) => {
    const end = starts[index + 1] ?? source.length;
    let text = "";
    for (let place = start; place < end; place++) {
      const [before, now] = [place > start ? learned[place - 1] : 0, learned[place]];
      text +=
        (now === 1 && before !== 1 ? "[" : now !== 1 && before === 1 ? "]" : "") +
        tokenizer.decode(source.read(place, 1));
    }
    return learned[end - 1] === 1 ? `${text}]` : text;
  });
}

const message = async (lines: readonly unknown[]) =>
  (await failure(opened(lines, "character"))).replaceAll(folder.at(), "<folder>");

const said = (...contents: readonly string[]) =>
  contents.map((content, index) => ({ role: index % 2 === 0 ? "user" : "assistant", content }));

it("records may be longer than a function's arguments", async () => {
  const corpus = await opened([{ prompt: "a", completion: "ab".repeat(100_000) }], "character");
  expect(corpus.train.length).toBe(200_002);
  expect(documentsOf(corpus.train).documents.learned.indexOf(0, 1)).toBe(-1);
});

describe("a prompt", () => {
  const lines = [
    { prompt: "2+2=", completion: "4" },
    { prompt: "", completion: "so" },
  ];

  it("is given, and what follows it is learned, with the token that ends a text", async () => {
    expect(marked(await opened(lines, "character"))).toEqual(["2+2=[4\n]", "[so\n]"]);
    const specialTokens = ["<|endoftext|>"];
    expect(marked(await opened(lines, "bpe:257", { specialTokens }))).toEqual([
      "2+2=[4<|endoftext|>]",
      "[so<|endoftext|>]",
    ]);
    expect(marked(await opened(lines, "character", { lossOn: "all" }))).toEqual(["[2+2=4\n]", "[so\n]"]);
  });

  it("whose last token goes on in what follows gives that to what is learned, as the tokens are those of the whole", async () => {
    const text = "abab abab";
    const tokenizer = loadTokenizer(trainBytePairEncoding(text, { vocabularySize: 257 }), "test");
    expect(marked(await opened([{ prompt: "xa", completion: "b" }], tokenizer))).toEqual(["x[ab\n]"]);
  });
});

describe("a conversation", () => {
  it("has the plain form where the tokenizer has none, and the run keeps it; the assistant's turns are learned", async () => {
    const messages = [{ role: "system", content: "Hm." }, ...said("Hi", "Ho", "Why", "So")];
    const specialTokens = ["<|endoftext|>"];
    const corpus = await opened([{ messages }], "character", { specialTokens });
    expect(marked(corpus)).toEqual([
      "system:\nHm.\nuser:\nHi\nassistant:\n[Ho<|endoftext|>\n]user:\nWhy\nassistant:\n[So<|endoftext|>\n]",
    ]);
    expect(corpus.tokenizer.settings?.chatTemplate).toContain("message.role");
    expect(marked(await opened([{ messages: said("Hi", "Ho") }], "character"))).toEqual([
      "user:\nHi\nassistant:\n[Ho\n\n\n]",
    ]);
    const all = await opened([{ messages: said("Hi", "Ho", "Why") }], "character", { specialTokens, lossOn: "all" });
    expect(marked(all)).toEqual(["[user:\nHi\nassistant:\nHo<|endoftext|>\nuser:\nWhy\n<|endoftext|>]"]);
    const last = await opened([{ messages: said("Hi", "Ho", "Why") }], "character", { specialTokens });
    expect(marked(last)[0]).toMatch(/\[Ho<\|endoftext\|>\n\]user:\nWhy\n<\|endoftext\|>$/);
  });

  it("is written by the template of the tokenizer's settings", async () => {
    const chat_template =
      "{% for m in messages %}{{ '<' + m.role + '>' + m.content + '<end>' }}{% endfor %}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}";
    const json = trainBytePairEncoding("", { vocabularySize: 258, specialTokens: ["<end>", "<eos>"] });
    const made = (settings: object) => withSettings(loadTokenizer(json, "test"), readSettings(settings, "test"));
    const corpus = await opened([{ messages: said("a", "b") }], made({ chat_template, eos_token: "<eos>" }));
    expect(marked(corpus)).toEqual(["<user>a<end><assistant>[b<end><eos>]"]);
    expect(endOfText(corpus.tokenizer)?.content).toBe("<eos>");
    const backwards = "{% for m in messages | reverse %}{{ m.content }}{% endfor %}";
    expect(
      (await failure(opened([{ messages: said("a", "b") }], made({ chat_template: backwards })))).replaceAll(
        folder.at(),
        "<folder>",
      ),
    ).toMatch(
      /^UserError: <folder>\/a.jsonl:1: messages: the chat template does not write turn after turn, .* --loss-on all$/,
    );
  });
});

describe("a text among prompts", () => {
  it("is learned whole, a document for itself; what is cut at the context is told", async () => {
    const corpus = await opened(
      [{ prompt: "a", completion: "b" }, { text: "cd" }, { text: "" }, { text: "efghi" }],
      "character",
    );
    expect(marked(corpus)).toEqual(["a[b\n]", "[cd\n]", "[efghi\n]"]);
    const source = documentsOf(corpus.train);
    expect(longDocuments(source, 4)).toEqual({ count: 1, first: `${folder.at("a.jsonl")}:4` });
    expect(longDocuments(source, 5)).toBe(undefined);
  });
});

describe("a line that is wrong is told by its number:", () => {
  const good = { prompt: "a", completion: "b" };
  it.each([
    ["no JSON", [good, "{"], "2:2: this is not JSON; expected one JSON object a line"],
    [
      "an empty completion",
      [good, "", { prompt: "a", completion: "" }],
      "3: completion: is empty, expected a text to learn; correct the line",
    ],
    ["no completion", [{ prompt: "a" }], "1: completion: is missing, expected a text; correct the line"],
    [
      "an unknown role",
      [good, { messages: [{ role: "bot", content: "a" }] }],
      '2: messages.0.role: is "bot", expected system, user, assistant; correct the line',
    ],
    [
      "an empty message",
      [{ messages: [{ role: "user", content: "" }] }],
      "1: messages.0.content: is empty, expected a message; correct the line",
    ],
    ["no message", [{ messages: [] }], "1: messages: has none, expected at least one message; correct the line"],
    [
      "no reply",
      [{ messages: said("a") }],
      "1: messages: has no turn of the assistant, expected one to learn; add it or leave the line out",
    ],
    ["another thing", [good, { txt: "a" }], "2: text: is missing, expected a text; correct the line"],
    [
      "an empty line in a reply, which ends turns here",
      [{ messages: said("a", "b\n\nc") }],
      '1: messages.1.content: has "\\n\\n", which ends a turn where the tokenizer has no token for that; add one with --special-tokens, or change the text',
    ],
  ])("%s", async (_, lines, expected) => {
    expect(await message(lines)).toBe(`UserError: <folder>/a.jsonl:${expected}`);
  });

  it("a character without a token", async () => {
    const tokenizer = CharacterTokenizer.fromText("ab\n");
    expect(
      (await failure(opened([good, { prompt: "a", completion: "Z" }], tokenizer))).replaceAll(folder.at(), "<folder>"),
    ).toMatch(/^UserError: <folder>\/a.jsonl:2: Character "Z"/);
  });
});
