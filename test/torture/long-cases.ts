/** Commands that take long on any day: they serve until they are stopped, or go on where they were. Here they take moments. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasUnfinished } from "../../src/skills/index.ts";
import { type Outcome, TINY } from "../support/program.ts";
import { type CommandCase, type UnderWay, writingCases } from "./command-cases.ts";
import { check } from "./part.ts";

const set = (changes: Readonly<Record<string, unknown>>) =>
  Object.entries(changes).flatMap(([key, value]) => ["--set", `${key}=${JSON.stringify(value)}`]);

const MODEL = { layers: 1, heads: 2, width: 16, context: 8 };

/** A study: the same command goes on with whatever is there. Its pages and figures tell how long things took. */
const study = (args: (to: string) => readonly string[]) => ({
  args,
  goOn: async () => args,
  leavesParts: true,
  compared: /\.jsonl?$/,
});

const LADDER = [
  { attention: 4, feedForward: 6, steps: 3 },
  { attention: 8, feedForward: 12, steps: 2 },
];

const progressive = {
  model: MODEL,
  ladder: LADDER,
  ablation: { stage: 1, questions: [] },
  learningRates: [0.01],
  "training.evaluationTokens": 64,
};

const frontier = {
  model: MODEL,
  rungs: LADDER.map(({ attention, feedForward }) => ({ attention, feedForward })),
  tokensPerParameter: 0.1,
  tunedBudgets: 1,
  training: { batch: 5, warmup: 0 },
  heldOutTokens: 64,
  learningRates: [0.004, 0.008, 0.016],
  extensions: 0,
  seeds: [1, 1],
  arms: ["grown"],
};

const TOKENS = { query: 5, key: 5, value: 5, projection: 5, feedForward: 7 };

const skills = {
  ...Object.fromEntries(Object.entries({ ...MODEL, tokens: TOKENS }).map(([key, value]) => [`model.${key}`, value])),
  sizes: [2],
  rates: [0.001],
  seeds: [1],
  "base.steps": 2,
  "adapting.steps": 2,
  heldOutTokens: 64,
  tokenizer: "bpe:270",
};

/** What a server is asked, the same every time. */
const asked = [
  ["v1/completions", { prompt: "the whale", max_tokens: 4, temperature: 0 }],
  ["v1/completions", { prompt: "old man", max_tokens: 1, temperature: 0, echo: true, logprobs: 2 }],
  ["v1/chat/completions", { messages: [{ role: "user", content: "sea" }], max_tokens: 3, temperature: 0 }],
] as const;

/** What it answered when nothing was refused. */
const answered = new Map<string, string>();

/**
 * Asks a server, and has it end in order. One request that a device refuses is answered so, with as many as share its run; those after
 * it are answered as if nothing had been.
 */
async function askServer({ said, hasEnded }: UnderWay): Promise<void> {
  const address = /http:\/\/127\.0\.0\.1:\d+/;
  while (!address.test(said()) && !hasEnded()) await sleep(5);
  const [url] = address.exec(said()) ?? [];
  if (url === undefined || hasEnded()) return;
  try {
    let refused = 0;
    for (const [path, body] of asked) {
      const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      const response = await fetch(`${url}/${path}`, request);
      const { choices, error } = (await response.json()) as { choices?: unknown; error?: { message?: string } };
      if (response.status === 200) {
        const text = JSON.stringify(choices);
        const key = request.body;
        check((answered.get(key) ?? text) === text, () => `${path} answers ${text}, not ${answered.get(key)}`);
        answered.set(key, text);
      } else {
        refused++;
        check(response.status === 500, () => `${path} answers ${response.status}`);
        check((error?.message ?? "") !== "", () => `${path} gives no reason`);
      }
    }
    check(refused <= 1, () => `${refused} requests were refused`);
  } finally {
    process.emit("SIGTERM");
  }
}

/** The folder of a skill whose training was stopped after it had been saved. */
export const UNFINISHED = "unfinished";

/** What trains a skill. */
export function adaptCase(): CommandCase {
  const adapt = writingCases.find(({ name }) => name === "adapt");
  if (adapt === undefined) throw new Error("internal: there is no case adapt");
  return adapt;
}

/**
 * Makes that folder, by the last fault that leaves it.
 * @param count faults that training a skill can meet
 * @param attempt runs a command that meets the fault of a number
 */
export async function prepareUnfinished(
  folder: string,
  count: number,
  attempt: (nth: number, args: readonly string[]) => Promise<Outcome>,
): Promise<void> {
  const to = join(folder, UNFINISHED);
  for (let nth = count; nth > 0; nth--) {
    const { code } = await attempt(nth, adaptCase().args(to));
    if (code !== 0 && (await hasUnfinished(to))) return;
    await rm(to, { recursive: true, force: true });
  }
  throw new Error("internal: no fault leaves an unfinished skill");
}

export const longCases: readonly CommandCase[] = [
  {
    name: "adapt --resume",
    args: (to) => ["adapt", "run", "--resume", "--to", to],
    from: UNFINISHED,
    // Where it is finished, it serves.
    goOn: async (made) =>
      (await hasUnfinished(made))
        ? (to) => ["adapt", "run", "--resume", "--to", to]
        : (to) => ["eval", "run", "--with", to, "--data", "more.txt", "--split", "all"],
  },
  {
    name: "demo",
    args: (to) => ["demo", ...TINY, ...set({ growth: [] }), "--out", to],
    goOn: async () => undefined,
    // Its report tells how long things took.
    compared: /\.(jsonl?|safetensors)$/,
  },
  {
    name: "study progressive",
    ...study((to) => [
      ...["study", "progressive", "--data", "text.txt", "--seeds", "1", "--arms", "grown", "--parallel", "1"],
      ...set(progressive),
      ...["--out", to],
    ]),
  },
  {
    name: "study frontier",
    ...study((to) => [
      ...["study", "frontier", "--data", "text.txt", "--parallel", "1"],
      ...set(frontier),
      ...["--out", to],
    ]),
  },
  {
    name: "study skills",
    ...study((to) => [
      ...["study", "skills", "--base", "text.txt", "--text", "more=more.txt", ...set(skills), "--out", to],
    ]),
  },
  { name: "serve", args: () => ["serve", "talker", "--port", "0"], meanwhile: askServer },
];
