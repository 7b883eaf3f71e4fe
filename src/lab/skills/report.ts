/** The page about the study `skills`, in Markdown. */

import { commitTexts, formatJson } from "../../formats/index.ts";
import { formatBytes, formatCount } from "../report/format.ts";
import { type Adapted, type Learned, type Losses, type SkillsResults, type Way, ways } from "./results.ts";

/** Writes `results.json` and `report.md`, together. Throws as `commitFiles` does. */
export async function writeSkillsReport(results: SkillsResults, out: string): Promise<void> {
  await commitTexts(out, { "results.json": formatJson(results), "report.md": skillsReport(results) });
}

export function skillsReport(results: SkillsResults): string {
  const { name, date, machine, software, command, seeds, rates, steps, diverged, missing } = results;
  const runs = `${seeds.length} seed${seeds.length === 1 ? "" : "s"}`;
  return `${[
    `# ${name}: does a model learn something new by tokens of its own?`,
    `${date}, ${software}, on ${machine}; ${runs}, means over them. Reproduce with:\n\n    ${command}`,
    `A base of ${formatCount(results.baseParameters)} parameters learned ${results.texts[0]} for ${steps.base} updates; each new text was then learned for ${steps.adapting} updates. Losses are held-out, in nats per token. The rate of each way is the best of ${rates.join(", ")} for the new text, with the first seed.`,
    ...(missing.length === 0 ? [] : [`**Missing**: ${missing.join("; ")}.`]),
    ...(diverged.length === 0 ? [] : [divergedLine(diverged)]),
    learnedSection(results),
    pairSection(results),
    continualSection(results),
  ]
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}

const divergedLine = (names: readonly string[]) =>
  `**Diverged**, which counts as an infinite loss where rates are chosen and is left out of all else: ${names.map((name) => `\`${name}\``).join(", ")}. The \`result.json\` of each, in its folder within \`runs\`, says what the loss became.`;

function learnedSection({ texts: [first = "", ...texts], bases, gpts, adapted, sizes }: SkillsResults): string {
  const rows = texts.flatMap((text) => {
    const before = (name: string, models: readonly Learned[]) =>
      models.length === 0 ? [] : [[name, "", "", "", "", lossOf(models, text), lossOf(models, first), "0"]];
    const own = ways.flatMap((way) =>
      [...sizes, undefined].flatMap((size) => {
        const made = adapted.filter((one) => one.text === text && one.way === way && one.size === size);
        return made.length === 0 ? [] : [rowOf(made, text, first, meanOf(way === "lora" ? gpts : bases, first))];
      }),
    );
    return [...before("— (the base)", bases), ...before("— (the GPT)", gpts), ...own].map((row) => [text, ...row]);
  });
  const head = [
    "text",
    "learned by",
    "rate",
    "learn",
    "memory",
    "seconds",
    "loss on it",
    `loss on ${first}`,
    "forgotten",
  ];
  return `## One text at a time\n\n${table(head, rows)}\n\n${explained(adapted, gpts, first)}`;
}

function explained(adapted: readonly Adapted[], [gpt]: readonly Learned[], first: string): string {
  const has = (way: Way) => adapted.some((one) => one.way === way);
  return [
    "A skill is appended tokens with a norm of their own.",
    has("shared") ? "Under the old norm, appended tokens share it with the old ones, which are frozen." : "",
    has("old")
      ? "Of old tokens, the last of each site learn, as far as there are so many, and all else is frozen."
      : "",
    has("lora") && gpt !== undefined
      ? `LoRA is beside all weights of the blocks of a GPT of ${formatCount(gpt.parameters)} parameters, as many as come near the base's, trained on the same, of the rank with which about as many numbers learn as in the skill of that size; what it forgets is measured against that GPT.`
      : "",
    `Forgotten is the rise of the loss on ${first}, with a skill while it is attached; without it that is 0, bitwise. Memory is the least that training takes, as this library does it: where tokens of a site are frozen in part, moments are kept of all of them. Seconds are of training, on a machine that did other things.`,
  ]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

function rowOf(made: readonly Adapted[], text: string, first: string, before: number): string[] {
  const [one] = made;
  const what = one === undefined ? "" : wordsOf[one.way](String(one.size ?? ""));
  // Rounded once: the difference of two rounded losses may be off by one in the last digit.
  const forgotten = meanOf(made, first) - before;
  return [
    what,
    String(one?.learningRate ?? ""),
    `${formatCount(one?.parameters ?? Number.NaN)}, ${formatBytes(one?.bytes ?? Number.NaN)}`,
    formatBytes(one?.memory ?? Number.NaN),
    average(made.map(({ seconds }) => seconds)).toFixed(0),
    lossOf(made, text),
    lossOf(made, first),
    `${forgotten < 0 ? "−" : "+"}${Math.abs(forgotten).toFixed(3)}`,
  ];
}

const wordsOf: Readonly<Record<Way, (size: string) => string>> = {
  skill: (size) => `a skill of ${size} tokens a site`,
  shared: (size) => `${size} more tokens a site under the old norm`,
  old: (size) => `${size} old tokens a site`,
  lora: (size) => `LoRA, as large as ${size} tokens a site`,
  full: () => "all parameters",
};

function pairSection({ pairs, adapted, sizes, texts: [first = ""] }: SkillsResults): string {
  const [any] = pairs;
  if (any === undefined) return "";
  const [one, two] = any.texts;
  const rows = sizes.flatMap((size) => {
    const own = pairs.filter((pair) => pair.size === size);
    if (own.length === 0) return [];
    const alone = (text: string) =>
      lossOf(
        adapted.filter((made) => made.text === text && made.way === "skill" && made.size === size),
        text,
      );
    return [[String(size), alone(one), lossOf(own, one), alone(two), lossOf(own, two), lossOf(own, first)]];
  });
  const head = ["tokens a site", `${one}, alone`, `${one}, both`, `${two}, alone`, `${two}, both`, `${first}, both`];
  return `## Two skills at once\n\n${table(head, rows)}`;
}

function continualSection({ continual, texts: [first = "", ...texts], sizes }: SkillsResults): string {
  if (continual.length === 0) return "";
  const kinds = [
    ...sizes.flatMap((size) => [
      {
        label: `${size} tokens a site, all skills attached`,
        of: (own: SkillsResults["continual"][number]) => own.way === "all" && own.size === size,
      },
      {
        label: `${size} tokens a site, each text with its skill`,
        of: (own: SkillsResults["continual"][number]) => own.way === "own" && own.size === size,
      },
    ]),
    { label: "all parameters, trained on", of: (own: SkillsResults["continual"][number]) => own.way === "full" },
  ];
  const rows = kinds.flatMap(({ label, of }) => {
    const own = continual.filter(of);
    if (own.length === 0) return [];
    return [
      [label, ...texts.map((_, index) => average(own.map(({ means }) => means[index] ?? Number.NaN)).toFixed(3))],
    ];
  });
  return `## One text after the other\n\nThe mean loss over ${first} and all texts so far, after each.\n\n${table(["", ...texts.map((text) => `after ${text}`)], rows)}`;
}

const average = (numbers: readonly number[]): number => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

const meanOf = (made: readonly { readonly losses: Losses }[], text: string): number =>
  average(made.map(({ losses }) => losses[text] ?? Number.NaN));

const lossOf = (made: readonly { readonly losses: Losses }[], text: string): string => meanOf(made, text).toFixed(3);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
