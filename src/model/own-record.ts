/** The record of every model of one's own: what its definition says, and what its graph tells where that says nothing. */

import { elementCount } from "../element-count.ts";
import { UserError } from "../errors.ts";
import type { Model, ParameterSpec } from "../nn/index.ts";
import {
  concreteShape,
  graph,
  inputName,
  printDimension,
  printType,
  productFlops,
  productSize,
  productsAmong,
  type Tensor,
} from "../tensor/index.ts";
import type { CompleteModelConfig } from "./config.ts";
import { type OwnModelConfig, ownModels, ownSites, withOwnSites } from "./own.ts";
import type { ModelRecord, TauRule } from "./record.ts";
import { type Traced, traceModel } from "./trace.ts";

export const ownRecord: ModelRecord<OwnModelConfig> = {
  forward: (config) => {
    const { forward, cached } = ownModels.of(config.type);
    const model = withDocuments(config, forward(config));
    return cached ? model : withoutCache(config, model);
  },
  check: (config) => void checkedTrace(config),
  sites: {
    of: ownSites,
    with: withOwnSites,
    tau: tauRuleOf,
    initials: (config) => new Map(checkedTrace(config).scope.parameters.map(({ name, initial }) => [name, initial])),
  },
  costs: {
    flops: (config, time) => {
      const { flops } = ownModels.of(config.type);
      if (flops !== undefined) return flops(config, time);
      return productsOf(config, time).reduce((sum, product) => sum + productFlops(product), 0);
    },
    parameters: (config) => {
      const sizes = sizesOf(config);
      const size = ({ shape }: ParameterSpec) => elementCount(concreteShape(shape, sizes));
      return checkedTrace(withVocabulary(config)).scope.parameters.reduce((sum, spec) => sum + size(spec), 0);
    },
    activations: (config) => {
      const whole = withVocabulary(config);
      const { activations } = ownModels.of(config.type);
      if (activations !== undefined) return activations(whole);
      const { context } = config;
      return productsOf(whole, context).reduce((sum, product) => sum + productSize(product), 0) / context;
    },
  },
  cached: ({ type }) => ownModels.of(type).cached,
};

/** A model that would take no notice of a cache, and give the logits of a text that begins with the new tokens. */
function withoutCache({ type }: OwnModelConfig, model: Model): Model {
  return (scope, tokens) => {
    if (scope.cache === undefined) return model(scope, tokens);
    throw new UserError(
      `the model "${type}": has no cache of keys and values to write with; use openSequences, or say cached: true where its tokens meet by causalAttention alone`,
    );
  };
}

/** A model that would take no notice of documents that are given, and mix tokens of one with those of others. */
function withDocuments({ type }: OwnModelConfig, model: Model): Model {
  return (scope, tokens) => {
    const logits = model(scope, tokens);
    if (scope.documents === undefined || inputsOf(logits).has("documents")) return logits;
    throw new UserError(
      `the model "${type}": takes no notice of the documents of tokens; use causalAttention, hide tokens by scope.documents, or leave out --separate-documents (separateDocuments)`,
    );
  };
}

/** The names of what a tensor is computed from. */
const inputsOf = (tensor: Tensor) => new Set(graph("inputs", { tensor }).inputs.map(inputName));

/** The rules that are known, by what of a configuration they depend on: a ramp of τ asks at every step. */
const tauRules = new Map<string, TauRule>();

/** Where the τ of a model's sites come from: `learned` where any is a parameter. */
function tauRuleOf({ sites: _, ...config }: OwnModelConfig): TauRule {
  const key = JSON.stringify(config);
  const known = tauRules.get(key);
  if (known !== undefined) return known;
  const rules = new Set(tausOf(config, checkedTrace(withVocabulary(config))).values());
  const rule = (["learned", "given"] as const).find((one) => rules.has(one)) ?? "none";
  tauRules.set(key, rule);
  return rule;
}

/** Where the τ of each site comes from, by its path. */
function tausOf(config: OwnModelConfig, { scope, logits }: Traced): Map<string, TauRule> {
  const learned = new Set(scope.parameters.map(({ name }) => name));
  const inputs = inputsOf(logits);
  return new Map(
    ownSites(config).map(({ path }) => {
      const tau = `${path}.tau`;
      return [path, learned.has(tau) ? "learned" : inputs.has(tau) ? "given" : "none"];
    }),
  );
}

/**
 * The trace of a model, once its logits are known to have the shape of logits, and its sites to be those that are declared, which
 * all learn τ, or none.
 * @throws UserError where they are not
 */
function checkedTrace(config: CompleteModelConfig<OwnModelConfig>): Traced {
  const refuse = (fault: string) => {
    throw new UserError(`the model "${config.type}": ${fault}`);
  };
  const traced = traceModel(ownRecord.forward(config), { training: false });
  const { scope, logits, tokens } = traced;
  const expected = { dtype: "float32", shape: [...tokens.shape, config.vocabulary] } as const;
  if (printType(logits) !== printType(expected)) {
    refuse(`its forward pass gives ${printType(logits)}, expected logits ${printType(expected)}`);
  }
  const declared = new Set(ownSites(config).map(({ path }) => path));
  const shapes = new Map(scope.parameters.map(({ name, shape }) => [name, shape.map(printDimension)]));
  for (const path of declared) {
    for (const part of ["keys", "values"]) {
      if (shapes.get(`${path}.${part}`)?.[0] === `${path}.tokens`) continue;
      refuse(`declares the site ${path}, at which its forward pass calls no pattention`);
    }
  }
  const taus = [...tausOf(config, traced)];
  const [learns, given] = (["learned", "given"] as const).map((rule) => taus.find(([, own]) => own === rule)?.[0]);
  if (learns !== undefined && given !== undefined) {
    refuse(`learns τ at ${learns} and is given it at ${given}; say learnedTau at all of its sites, or at none`);
  }
  for (const { name, shape } of scope.parameters) {
    const open = shape.find((size) => typeof size !== "number");
    const path = name.replace(/\.[^.]*$/, "");
    if (open !== undefined && !declared.has(path)) {
      refuse(`the parameter ${name} has ${printDimension(open)} rows; declare the site ${path} in its sites`);
    }
  }
  return traced;
}

const withVocabulary = (config: OwnModelConfig) => ({ ...config, vocabulary: config.vocabulary ?? 1 });

const sizesOf = (config: OwnModelConfig) =>
  new Map(ownSites(config).map(({ path, tokens }) => [`${path}.tokens`, tokens] as const));

/** The products of a forward pass over one sequence. */
function productsOf(config: CompleteModelConfig<OwnModelConfig>, time: number) {
  const { nodes } = graph("forward", { logits: checkedTrace(config).logits });
  return productsAmong(nodes, new Map([...sizesOf(config), ["B", 1], ["T", time]]));
}
