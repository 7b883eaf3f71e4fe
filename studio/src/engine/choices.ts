/** From a visitor's choices to the configuration of a run, and back. */

import {
  type CompleteModelConfig,
  type Config,
  type ConfigInput,
  configFaults,
  countParameters,
  forecastMemory,
  learningRateAt,
  type MemoryForecast,
  parseConfig,
  parseModel,
  scheduleOf,
  type TrainingConfig,
  trainingFlopsPerToken,
  UserError,
} from "tokenformer/browser";
import { hasBlocks, sites, type TokenFormerConfig, type TransformerConfig } from "tokenformer/model";
import type { Choices, Complaint, Estimate, RunView } from "./api.ts";
import type { History } from "./history.ts";

/** More than a tab can count on: WebAssembly ends at 4 GiB, and what is forecast is the least that a run takes. */
const MEMORY_LIMIT = 1.5 * 2 ** 30;

/** A page's run has no end of its own: after its warm-up the learning rate stays. */
export const ENDLESS = { steps: 1_000_000, schedule: "constant" } as const;

/** Updates between two looks at held-out text, and its tokens: some hundredths of the time. */
export const EVALUATION = { evaluateEvery: 50, evaluationTokens: 4096 };

export const WARMUP = 20;

/** Choices of all but the text. */
type ModelChoices = Omit<Choices, "text" | "pieces">;

/** The configuration that choices stand for, not checked. */
export function configInputOf(choices: ModelChoices): ConfigInput {
  const { batch, learningRate, seed, growth = [] } = choices;
  return {
    model: modelInputOf(choices),
    growth: growth.map(({ layers, ...plan }) => ({ ...plan, ...(layers !== undefined && { layers: [...layers] }) })),
    training: {
      ...ENDLESS,
      ...EVALUATION,
      batch,
      learningRate,
      seed,
      warmup: WARMUP,
      checkpointEvery: 0,
      keepBest: false,
    },
  };
}

function modelInputOf({ architecture, layers, heads, width, context, ...choices }: ModelChoices): ConfigInput["model"] {
  const blocks = { layers, heads, width, context, tied: true, parametrisation: "balanced" } as const;
  if (architecture === "transformer") return { type: "transformer", ...blocks, activation: "gelu", biases: true };
  const { attentionTokens: attention, feedForwardTokens: feedForward } = choices;
  const tokens = { query: attention, key: attention, value: attention, projection: attention, feedForward };
  return { type: "tokenformer", ...blocks, tokens };
}

/** Which choice a place in the configuration comes from. */
const FIELDS: readonly (readonly [place: RegExp, field: keyof Choices])[] = [
  [/^model\.tokens\.feedForward/, "feedForwardTokens"],
  [/^model\.tokens/, "attentionTokens"],
  [/^model\.heads|^model\.rotaryFraction/, "heads"],
  [/^model\.layers/, "layers"],
  [/^model\.width/, "width"],
  [/^model\.context/, "context"],
  [/^training\.batch/, "batch"],
  [/^training\.learningRate/, "learningRate"],
  [/^training\.seed/, "seed"],
];

/** The configuration of choices, or what is wrong with them. */
export function configFromChoices(choices: ModelChoices): { config: Config } | { complaints: Complaint[] } {
  const input = configInputOf(choices);
  const faults = configFaults(input);
  if (faults.length === 0) return { config: parseConfig(input) };
  return {
    complaints: faults.map(({ path, message }) => {
      const place = path.join(".");
      return { field: FIELDS.find(([pattern]) => pattern.test(place))?.[1] ?? "name", message };
    }),
  };
}

/**
 * What choices come to.
 * @param vocabulary of the text, by characters
 */
export function estimateOf(choices: Choices, vocabulary: number): Estimate {
  const made = configFromChoices(choices);
  if ("complaints" in made) return made;
  const model = { ...made.config.model, vocabulary };
  const forecast = forecastMemory(made.config, model, true);
  const tooMuch = memoryComplaint(forecast);
  if (tooMuch !== undefined) return { complaints: [{ field: largestField(choices, forecast), message: tooMuch }] };
  const { parameters, memory, flopsPerUpdate } = costsOf(made.config, model);
  return { complaints: [], parameters, memory, flopsPerUpdate };
}

/** Why a run would not fit into a tab, by a forecast that allocates nothing and traces nothing. */
export function memoryComplaint({ total }: MemoryForecast): string | undefined {
  if (total <= MEMORY_LIMIT) return undefined;
  const need = (total / 2 ** 30).toPrecision(2);
  return `needs ${need} GB at least, more than a browser tab can count on; choose less`;
}

/** The choice of which less helps most. */
function largestField(choices: Choices, { pass, state }: MemoryForecast): keyof Choices {
  if (pass > state) return choices.context > 512 ? "context" : "batch";
  return choices.width > 256 ? "width" : "feedForwardTokens";
}

/** Bytes and floating-point operations of training a model. */
export function costsOf(config: Config, model: CompleteModelConfig) {
  return {
    parameters: countParameters(model).total,
    memory: forecastMemory(config, model, true).total,
    flopsPerUpdate: trainingFlopsPerToken(model) * config.training.batch * model.context,
  };
}

/** The choices that a configuration stands for, as nearly as they can: sites may differ by layer. */
export function choicesOf(name: string, { model, training }: Config): RunView["choices"] {
  const { batch, learningRate, seed } = training;
  const common = { name, batch, learningRate, seed, context: model.context };
  const tokens = (kind: "query" | "feedForward") => sites(model).find((site) => site.kind === kind)?.tokens ?? 0;
  const blocks = hasBlocks(model) ? blocksOf(model) : { layers: 0, heads: 0, width: 0 };
  return {
    ...common,
    ...blocks,
    architecture: model.type === "tokenformer" ? "tokenformer" : "transformer",
    attentionTokens: tokens("query"),
    feedForwardTokens: tokens("feedForward"),
  };
}

function blocksOf({ layers, heads, width }: TransformerConfig | TokenFormerConfig) {
  return { layers, heads, width };
}

/** The configuration of a run that goes on here: one whose schedule has come to its end stays at the rate that it ended with. */
export function endlessOf(config: Config, step: number): Config {
  const { training } = config;
  if (step < training.steps) return config;
  const learningRate = learningRateAt(training.steps - 1, scheduleOf(config));
  const steps = step + ENDLESS.steps;
  return { ...config, training: { ...training, ...ENDLESS, steps, warmup: 0, learningRate } };
}

/**
 * How a run trains that is to be compared with another one from its first update on: at the rate that the other one has learned most
 * with, which need not be its rate now, and as runs of the page begin.
 * @param history of the other one
 */
function comparedTraining({ training }: Config, history: History): TrainingConfig {
  const rates = history.training.map((point) => point.learningRate);
  const learningRate = rates.reduce((highest, rate) => Math.max(highest, rate), training.learningRate);
  return { ...training, ...ENDLESS, warmup: WARMUP, learningRate };
}

/** A model of the same size that has not been trained, and will not grow. */
export function fromScratch(config: Config, history: History): Config {
  const { model } = config;
  const fresh = model.type === "tokenformer" ? { ...model, tau: undefined } : model;
  return parseConfig({ ...config, training: comparedTraining(config, history), model: fresh, growth: [] });
}

/** A plain GPT with about as many parameters: the width that comes nearest, with heads of as many channels. */
export function equalTransformer(config: Config & { readonly model: CompleteModelConfig }, history: History): Config {
  const wanted = countParameters(config.model).total;
  let heads = 1;
  while (countOf(withHeads(config, heads + 1)) <= wanted) heads++;
  const isNearer = countOf(withHeads(config, heads + 1)) - wanted < wanted - countOf(withHeads(config, heads));
  const model = withHeads(config, isNearer ? heads + 1 : heads);
  return parseConfig({ ...config, training: comparedTraining(config, history), growth: [], model });
}

function withHeads({ model }: { readonly model: CompleteModelConfig }, heads: number): CompleteModelConfig {
  if (!hasBlocks(model)) throw new UserError(`a ${model.type} has no width to compare; choose a TokenFormer`);
  const { context, layers, vocabulary, width, heads: were } = model;
  const blocks = {
    context,
    layers,
    vocabulary,
    heads,
    width: heads * (width / were),
    dropout: model.dropout,
    tied: true,
    parametrisation: model.parametrisation,
  };
  const parsed = parseModel({ type: "transformer", ...blocks, activation: "gelu", biases: true });
  return { ...parsed, vocabulary };
}

const countOf = (model: CompleteModelConfig) => countParameters(model).total;
