/** Ways to learn a text by a part of a model, beside skills: what their runs start from. */

import { type Checkpoint, learningIn } from "../../checkpoint/portable.ts";
import type { TrainingConfig } from "../../configuration/index.ts";
import { type Generation, grow, type ModelState, tokenPlanSchema, withoutMoments } from "../../growth/index.ts";
import { modelOf, siteKinds, sites, sizesOf } from "../../model/index.ts";
import type { Corpus } from "../../text/index.ts";
import { initialState, NO_PROGRESS, type RunStart } from "../../training/portable.ts";
import { isLora, rankFor, withLora } from "./lora.ts";

/** A run of which a part learns. */
export interface PartStart {
  readonly start: RunStart;
  /** Numbers that learn: of tokens that are frozen in part, fewer than their tensors have. */
  readonly learning: number;
}

type Beginning = (
  base: Checkpoint,
  corpus: Corpus,
  how: { readonly size: number; readonly learning: number; readonly training: TrainingConfig },
) => PartStart;

/** Appended tokens under the norm of the old ones, which are frozen: unlike a skill, they change what old ones weigh. */
const shared: Beginning = (base, corpus, { size, learning, training }) => {
  const add = Object.fromEntries(siteKinds.map((kind) => [kind, size]));
  const freeze = training.steps;
  const plan = tokenPlanSchema.parse({ add, init: "zero-key", tau: "fixed", freeze, newWarmup: 0 });
  const state = grow(atStart(base.state), plan, training.seed);
  return { start: startOf(base, corpus, state, training, tokensOf(state)), learning };
};

/** The last tokens of each site learn; all others, and all else, stay as they are. */
const old: Beginning = (base, corpus, { size, training }) => {
  const lineage = new Map<string, readonly Generation[]>(base.state.lineage);
  let learning = 0;
  for (const { path, tokens } of sites(base.state.config)) {
    const count = Math.min(size, tokens);
    const part = (own: number, frozenUntil: number): Generation[] =>
      own === 0 ? [] : [{ tokens: own, born: 0, init: "initial", updates: 0, frozenUntil }];
    lineage.set(path, [...part(tokens - count, training.steps), ...part(count, 0)]);
    const keys = base.state.parameters.get(`${path}.keys`)?.shape[1] ?? 0;
    learning += 2 * keys * count;
  }
  const state = { ...atStart(base.state), lineage };
  return { start: startOf(base, corpus, state, training, tokensOf(state)), learning };
};

/** LoRA beside the weights of a GPT, of the rank with which as many numbers learn. */
const lora: Beginning = (base, corpus, { learning: wanted, training }) => {
  const { config: gpt, parameters } = base.state;
  if (gpt.type !== "transformer") throw new Error("internal: LoRA is for the GPT");
  const config = withLora(gpt, rankFor(gpt, wanted));
  const drawn = initialState(modelOf(config), training.seed, sizesOf(config));
  const whole = new Map([...drawn.parameters].map(([name, array]) => [name, parameters.get(name) ?? array]));
  const names = [...whole.keys()].filter(isLora);
  const state = { ...atStart(base.state), config, parameters: whole };
  const start = startOf(base, corpus, state, training, names);
  return { start, learning: learningIn({ parameters: names }, whole) };
};

export const beginnings = { shared, old, lora } as const;

export type PartWay = keyof typeof beginnings;

/** A state at step 0 of another run. */
const atStart = (state: ModelState): ModelState => ({
  ...withoutMoments(state),
  step: 0,
  ramps: [],
  rewarm: undefined,
});

const tokensOf = ({ config }: ModelState) => sites(config).flatMap(({ path }) => [`${path}.keys`, `${path}.values`]);

function startOf(
  { config: { formatVersion, tokenizer } }: Checkpoint,
  corpus: Corpus,
  state: ModelState,
  training: TrainingConfig,
  parameters: readonly string[],
): RunStart {
  const config = { formatVersion, tokenizer, training, growth: [], model: state.config };
  return { config, corpus, state, progress: NO_PROGRESS, part: { parameters: [...parameters] } };
}
