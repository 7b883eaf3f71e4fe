/** A recipe carried out: growth, training to the end of the budget, cooldown, and what came of it. */

import {
  type Checkpoint,
  type Config,
  type Corpus,
  type Device,
  openRun,
  parseConfig,
  type Run,
  randomBatch,
  type TrainingEvent,
} from "tokenformer";
import { grow, type ModelState } from "tokenformer/growth";
import { givenOf, modelOf } from "tokenformer/model";
import { gradients, type Tensor } from "tokenformer/tensor";
import { Inference, lossOf, uploadArrays } from "tokenformer/training";
import { cooldownOf } from "#tokenformer/configuration";
import { documentLosses, documentsOf, meanLoss } from "#tokenformer/lab/frontier";
import type { Recipe } from "./recipes.ts";
import { type Directions, directionsOfBases, GRADIENT_VALUES, leftSingularVectors, PROBES } from "./strategies.ts";
import {
  baseSteps,
  budgetOf,
  cooldownSteps,
  costOf,
  HELD_OUT_TOKENS,
  modelOfSize,
  recipeConfig,
  type Terms,
  WIDTH,
} from "./terms.ts";

export interface Outcome {
  /** Held-out loss at the end. */
  readonly loss: number;
  /** Held-out loss of a short prefix just before the first growth, and so many updates after it. */
  readonly around?: { readonly before: number; readonly after1: number; readonly after20: number };
  /** Updates in all, those of the base included. */
  readonly updates: number;
  readonly flops: number;
  readonly seconds: number;
}

/** Where recipes are carried out. */
export interface Place {
  readonly terms: Terms;
  readonly corpus: Corpus;
  readonly device: Device;
}

/** The small model at its constant rate, from which all recipes of a seed go on. */
export async function trainedBase({ terms, corpus, device }: Place, seed: number): Promise<Checkpoint> {
  const model = terms.small;
  const config = recipeConfig(terms, { model, seed, steps: baseSteps(terms) });
  return finished(await openRun({ config, data: corpus, device }));
}

/** What a recipe comes to. */
export async function outcomeOf(recipe: Recipe, base: Checkpoint, place: Place, seed: number): Promise<Outcome> {
  const { terms, corpus, device } = place;
  const began = performance.now();
  const { growths, trunk, cooldown, flops } = scheduleOf(recipe, terms, seed);
  const start = recipe.scratch ? undefined : withKeys(base, recipe.model ?? {});
  const [first] = growths;
  const evaluateAt = first === undefined || recipe.scratch ? [] : [first.step + 1, first.step + 20];
  const whole = recipe.growths.length === 0 && recipe.scratch ? terms.large : terms.small;
  const model = { ...whole, ...recipe.model };
  const config = recipeConfig(terms, { model, seed, steps: trunk, growths, evaluateAt });
  if (config.growth.some(({ init }) => init === GRADIENT_VALUES))
    directionsOfBases.set(seed, await directionsOf(base, config, place));
  const losses = new Map<number | "before", number>();
  const trained = await finished(await openRun({ config, data: corpus, device, from: start }), (event) => {
    if (event.type === "growth" && !losses.has("before")) losses.set("before", event.lossBefore);
    if (event.type === "validation") losses.set(event.step, event.validationLoss);
  });
  const [before, after1, after20] = ["before" as const, ...evaluateAt].map((at) => losses.get(at));
  const isWhole = before !== undefined && after1 !== undefined && after20 !== undefined;
  const { state, progress } = trained;
  const where = {
    trunk: config,
    step: trunk,
    rewarm: state.rewarm,
    growthsDone: progress.growthsDone,
    where: recipe.name,
  };
  const cooled = await openRun({
    config: cooldownOf({ ...config, model: state.config }, where, { updates: cooldown }),
    data: corpus,
    device,
    from: trained,
  });
  return {
    loss: await heldOutLoss(cooled, corpus),
    ...(isWhole && { around: { before, after1, after20 } }),
    updates: trunk + cooldown,
    flops,
    seconds: (performance.now() - began) / 1000,
  };
}

/** Runs to the end, and gives the checkpoint that it ends with. */
async function finished(run: Run, onEvent: (event: TrainingEvent) => void = () => {}): Promise<Checkpoint> {
  try {
    for await (const event of run.events()) onEvent(event);
    return await run.checkpoint();
  } finally {
    await run.close();
  }
}

/** Runs to the end, and measures it on documents. */
async function heldOutLoss(run: Run, corpus: Corpus): Promise<number> {
  try {
    for await (const _ of run.events());
    const { context } = run;
    const options = { context, tokens: HELD_OUT_TOKENS };
    const documents = await documentLosses(
      run.trainer.inference,
      corpus.validation,
      documentsOf(corpus, context),
      options,
    );
    return meanLoss(documents);
  } finally {
    await run.close();
  }
}

/** A checkpoint whose model has other keys, with which it computes the same until it grows. */
function withKeys(checkpoint: Checkpoint, keys: Readonly<Record<string, unknown>>): Checkpoint {
  const model = { ...checkpoint.config.model, ...keys };
  return { ...checkpoint, config: { ...checkpoint.config, model }, state: { ...checkpoint.state, config: model } };
}

/** When a recipe grows, when its cooldown begins, and how long that is, so that it spends the budget. */
export function scheduleOf(recipe: Recipe, terms: Terms, seed: number) {
  const budget = budgetOf(terms);
  const start = recipe.scratch ? 0 : baseSteps(terms);
  const grows = recipe.growths.length > 0 || recipe.scratch;
  const cooldown = cooldownSteps(grows ? terms.large : terms.small, budget);
  const growthsBefore = (trunk: number) =>
    recipe.growths.map(({ at, share, plan }) => ({
      // The default of balanced models is another one: here all tokens learn at the same rate, unless the recipe says so.
      newRate: 1,
      ...plan,
      ...(plan["init"] === GRADIENT_VALUES && { options: { base: seed } }),
      step: start + Math.round(at * (trunk - start)),
      tokens: share * (terms.to - terms.from),
    }));
  const flopsTo = (trunk: number) => {
    const isLarge = recipe.scratch && recipe.growths.length === 0;
    let [flops, tokens, step] = [start * costOf(terms.small), isLarge ? terms.to : terms.from, start];
    for (const growth of growthsBefore(trunk)) {
      flops += (growth.step - step) * costOf(modelOfSize(tokens, terms));
      [tokens, step] = [tokens + growth.tokens, growth.step];
    }
    return flops + (trunk - step + cooldown) * costOf(modelOfSize(tokens, terms));
  };
  let [trunk, beyond] = [start + 1, start + Math.ceil(budget / costOf(terms.small))];
  while (beyond - trunk > 1) {
    const middle = Math.floor((trunk + beyond) / 2);
    if (flopsTo(middle) <= budget) trunk = middle;
    else beyond = middle;
  }
  return { growths: growthsBefore(trunk), trunk, cooldown, flops: flopsTo(trunk) };
}

/** What the name of a gradient begins with, before that of its keys. */
const GRADIENT = "gradient of ";

/** Batches over which the gradients of probes are averaged. */
const PROBE_BATCHES = 8;

/** For the values of a site's new tokens: the directions in which their keys, at zero, have the largest gradients. */
async function directionsOf(base: Checkpoint, config: Config, { terms, corpus, device }: Place): Promise<Directions> {
  const { context } = terms.small;
  const kinds = ["query", "key", "value", "projection", "feedForward"];
  const add = Object.fromEntries(kinds.map((kind) => [kind, WIDTH]));
  const probing = parseConfig({ ...config, growth: [{ step: base.state.step, add, init: PROBES, tau: "fixed" }] });
  const [plan] = probing.growth;
  if (plan === undefined) throw new Error("internal: no growth by probes");
  const state: ModelState = grow(base.state, plan, 0);
  const parameters = await uploadArrays(device, state.parameters);
  const inference = new Inference(device, modelOf(state.config), parameters, givenOf(state.config));
  try {
    const program = await inference.program("gradients of keys", (traced) => {
      const named = traced.scope.parameters.flatMap(({ name }, index): [string, Tensor][] => {
        const tensor = traced.scope.parameterTensors[index];
        return tensor !== undefined && name.endsWith(".keys") ? [[name, tensor]] : [];
      });
      const found = gradients(
        lossOf(traced),
        named.map(([, tensor]) => tensor),
      );
      return Object.fromEntries(found.map((gradient, index) => [`${GRADIENT}${named[index]?.[0]}`, gradient]));
    });
    const sums = new Map<string, Float32Array>();
    for (let pass = 0; pass < PROBE_BATCHES; pass++) {
      const place = { seed: base.config.training.seed, step: base.state.step + pass, sequences: 16, context };
      const batch = randomBatch(corpus.train, place);
      const { tokens, targets, sequences } = batch;
      const shape = [sequences, context];
      const { values } = await program.run({
        ...inference.inputs(),
        tokens: { dtype: "int32", shape, data: tokens },
        targets: { dtype: "int32", shape, data: targets },
        lossFactor: { dtype: "float32", shape: [], data: Float32Array.of(1 / tokens.length) },
      });
      for (const [name, { data }] of Object.entries(values)) {
        const sum = sums.get(name) ?? new Float32Array(data.length);
        sums.set(
          name,
          sum.map((value, index) => value + Number(data[index])),
        );
      }
    }
    return new Map(
      [...sums].map(([name, sum]) => {
        const probes = { shape: [WIDTH, WIDTH], data: sum.subarray(sum.length - WIDTH * WIDTH) };
        return [
          name.slice(GRADIENT.length).replace(/\.keys$/, ""),
          leftSingularVectors(probes, 4 * (terms.to - terms.from)),
        ];
      }),
    );
  } finally {
    await inference.release();
    device.dispose(parameters.values());
  }
}
