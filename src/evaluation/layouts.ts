/**
 * The layouts of well-known tasks, and what each asks of a model: the prompts are those of lm-evaluation-harness 0.4, so that
 * the numbers can be compared.
 */

import { z } from "zod";
import { checkPlainly } from "../plain-words.ts";
import { capitalise, strip } from "./python-text.ts";

/** A text to be scored after another. */
export interface Pair {
  readonly context: string;
  readonly continuation: string;
}

/** What a line of a task asks. */
export type Question =
  | {
      /** Which continuation is the most likely. */
      readonly kind: "choice";
      readonly pairs: readonly [Pair, ...Pair[]];
      /** The index of the right one. */
      readonly answer: number;
      /** The texts by whose length a choice's log-probability is normalised; none where the contexts are what differs. */
      readonly choices?: readonly string[];
    }
  | { readonly kind: "word"; readonly pair: Pair }
  | { readonly kind: "text"; readonly text: string };

export const taskTypes = ["lambada", "hellaswag", "piqa", "arc", "winogrande", "text"] as const;

export type TaskType = (typeof taskTypes)[number];

/** The index of an answer among `count`, as a number or in digits. */
const indexBelow = (count: number) =>
  z
    .union([z.int(), z.string().regex(/^\d+$/).transform(Number)], { error: "expected a whole number" })
    .refine((index) => index >= 0 && index < count, { error: `expected a number from 0 to ${count - 1}` });

const text = z.looseObject({ text: z.string() });

/** LAMBADA: the last word, after all before it. */
const lambada = text.transform(({ text }): Question => {
  const words = text.split(" ");
  const last = words.pop() ?? "";
  return { kind: "word", pair: { context: words.join(" "), continuation: ` ${last}` } };
});

/** HellaSwag: one of several endings. */
const hellaswag = z
  .looseObject({
    ctx_a: z.string(),
    ctx_b: z.string(),
    activity_label: z.string(),
    endings: z.array(z.string()).min(1),
    label: z.unknown(),
  })
  .transform((row, context): Question => {
    const query = withoutMarks(`${row.activity_label}: ${row.ctx_a} ${capitalise(row.ctx_b)}`);
    return choice(query, row.endings.map(withoutMarks), checkedAnswer(row.label, row.endings.length, "label", context));
  });

/** What WikiHow's pages left behind, removed as the task's definition does. */
function withoutMarks(text: string): string {
  return strip(text)
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");
}

/** PIQA: one of two ways to a goal. */
const piqa = z
  .looseObject({ goal: z.string(), sol1: z.string(), sol2: z.string(), label: indexBelow(2) })
  .transform(({ goal, sol1, sol2, label }): Question => choice(`Question: ${goal}\nAnswer:`, [sol1, sol2], label));

/** ARC, easy or challenge: one of several answers, which have labels of their own. */
const arc = z
  .looseObject({
    question: z.string(),
    choices: z.looseObject({ text: z.array(z.string()).min(1), label: z.array(z.string()) }),
    answerKey: z.string(),
  })
  .transform(({ question, choices, answerKey }, context): Question => {
    const answer = choices.label.indexOf(answerKey);
    if (choices.label.length !== choices.text.length) {
      report(context, "choices.label", `has ${choices.label.length} labels for ${choices.text.length} texts`);
    } else if (answer < 0) {
      report(context, "answerKey", `"${answerKey}" is none of the labels ${choices.label.join(", ")}`);
    }
    return choice(`Question: ${question}\nAnswer:`, choices.text, answer);
  });

/** WinoGrande: which of two words fits a blank, by the likelihood of what follows it ("partial" scoring). */
const winogrande = z
  .looseObject({
    sentence: z.string().refine((sentence) => sentence.includes("_"), { error: "has no blank _ to fill" }),
    option1: z.string(),
    option2: z.string(),
    answer: z.enum(["1", "2"]),
  })
  .transform(({ sentence, option1, option2, answer }): Question => {
    const blank = sentence.indexOf("_");
    const continuation = ` ${strip(sentence.slice(blank + 1))}`;
    const pair = (option: string): Pair => ({ context: sentence.slice(0, blank) + option, continuation });
    return { kind: "choice", pairs: [pair(option1), pair(option2)], answer: Number(answer) - 1 };
  });

export const layouts: Readonly<Record<TaskType, z.ZodType<Question>>> = {
  lambada,
  hellaswag,
  piqa,
  arc,
  winogrande,
  text: text.transform(({ text }): Question => ({ kind: "text", text })),
};

/** Keys by which a layout is told; a text alone is taken for LAMBADA. */
const signs: readonly (readonly [TaskType, readonly string[]])[] = [
  ["hellaswag", ["ctx_a", "endings"]],
  ["piqa", ["goal", "sol1"]],
  ["arc", ["question", "choices", "answerKey"]],
  ["winogrande", ["sentence", "option1"]],
  ["lambada", ["text"]],
];

/** The task that the keys of a line belong to. */
export function taskTypeOf(row: unknown): TaskType | undefined {
  if (typeof row !== "object" || row === null) return undefined;
  return signs.find(([, keys]) => keys.every((key) => key in row))?.[0];
}

function choice(context: string, choices: readonly string[], answer: number): Question {
  const [first = "", ...others] = choices;
  const pair = (text: string): Pair => ({ context, continuation: ` ${text}` });
  return { kind: "choice", pairs: [pair(first), ...others.map(pair)], answer, choices };
}

function checkedAnswer(value: unknown, count: number, key: string, context: z.RefinementCtx): number {
  const parsed = checkPlainly(indexBelow(count), value);
  if (parsed.success) return parsed.data;
  report(context, key, parsed.error.issues[0]?.message ?? "invalid");
  return 0;
}

function report(context: z.RefinementCtx, path: string, message: string): void {
  context.addIssue({ code: "custom", path: path.split("."), message });
}
