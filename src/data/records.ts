/** Data for fine-tuning: lines of JSON, or rows of Parquet, that say what is given and what is to be learned. */

import { z } from "zod";
import { UserError } from "../errors.ts";
import { checkJsonLine, type JsonLine, parseJsonLine, parseJsonLines } from "../formats/portable.ts";
import { type Message, roles } from "../text/portable.ts";

/** A text, a prompt with what follows it, or a conversation. */
export type Record =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "completion"; readonly prompt: string; readonly completion: string }
  | { readonly kind: "conversation"; readonly messages: readonly Message[] };

/** A record and where it stands. */
export interface PlacedRecord {
  readonly record: Record;
  readonly line: number;
}

const filled = (name: string) => z.string().min(1, `is empty, expected a ${name}`);

const completionSchema = z.looseObject({ prompt: z.string(), completion: filled("text to learn") });

const conversationSchema = z.looseObject({
  messages: z
    .array(
      z.looseObject({
        role: z.enum(roles, { error: ({ input }) => `is ${JSON.stringify(input)}, expected ${roles.join(", ")}` }),
        content: filled("message"),
      }),
    )
    .min(1, "has none, expected at least one message"),
});

/** Whether an object is for fine-tuning: a prompt or a conversation. */
export function isForFineTuning(value: unknown): boolean {
  return typeof value === "object" && value !== null && ("messages" in value || "prompt" in value);
}

/**
 * What an object says.
 * @param key of the text, in an object that has neither messages nor a prompt
 * @throws UserError with the line and the key that is wrong
 */
export function recordOf(parsed: JsonLine, file: string, key: string): PlacedRecord {
  const { value, line } = parsed;
  if (typeof value === "object" && value !== null && "messages" in value) {
    const { messages } = checkJsonLine(parsed, file, conversationSchema);
    if (!messages.some(({ role }) => role === "assistant")) {
      throw new UserError(
        `${file}:${line}: messages: has no turn of the assistant, expected one to learn; add it or leave the line out`,
      );
    }
    return { record: { kind: "conversation", messages }, line };
  }
  if (typeof value === "object" && value !== null && "prompt" in value) {
    const { prompt, completion } = checkJsonLine(parsed, file, completionSchema);
    return { record: { kind: "completion", prompt, completion }, line };
  }
  const text = checkJsonLine(parsed, file, z.looseObject({ [key]: z.string() }))[key];
  return { record: { kind: "text", text: String(text) }, line };
}

/**
 * The records of a text for fine-tuning: lines of JSON, of which the first says that they are. Nothing for any other text.
 * @param name what messages call the text
 * @throws UserError with the line and the key that is wrong
 */
export function recordsIn(text: string, name: string): PlacedRecord[] | undefined {
  const [first = ""] = text.trimStart().split("\n", 1);
  if (!first.startsWith("{") || !isForFineTuning(valueIn(first))) return undefined;
  return parseJsonLines(text, name)
    .map((line) => recordOf(line, name, "text"))
    .filter(({ record }) => record.kind !== "text" || record.text !== "");
}

function valueIn(line: string): unknown {
  try {
    return parseJsonLine(line, "", 1).value;
  } catch {
    return undefined;
  }
}

/** All the text of a record, for a tokenizer that is made of it. */
export function textOfRecord(record: Record): string {
  switch (record.kind) {
    case "text":
      return record.text;
    case "completion":
      return record.prompt + record.completion;
    case "conversation":
      return record.messages.map(({ role, content }) => `${role}:\n${content}\n`).join("");
  }
}
