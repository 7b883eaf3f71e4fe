/**
 * How much a model uses its parameter tokens: the weight Θ(A) that each gets, what it so brings to the output, and the
 * gradient that reaches it.
 *
 * Shapes: B batch, T time, D channels, P parameter tokens of a site. What has B and T stays on the device: only [P] leave it.
 */

import {
  type BatchForm,
  countedIn,
  floatArray,
  formOf,
  type Inference,
  lossOf,
  type TokenBatch,
} from "../inference/index.ts";
import type { Traced } from "../model/index.ts";
import { required } from "../required.ts";
import type { HostTensor } from "../runtime/portable.ts";
import { abs, add, gradients, mul, sqrt, sum, type Tensor } from "../tensor/index.ts";
import { siteOf } from "../training/portable.ts";

/** What the tokens of a site are used for: [P], one number a token. */
export interface TokenUse {
  /** Mean of |Θ(A)_p| over the text. */
  readonly mass: Float64Array;
  /** Mean of |Θ(A)_p| ‖V_p‖ over the text: the length of what the token brings to the output. */
  readonly contribution: Float64Array;
  /** Mean share of the token in what Θ divides by: of the squared L2 norm of the scores, or of the sum of exponentials. */
  readonly normaliserShare: Float64Array;
}

/** By the path of the site. Empty for a model without sites. */
export type Usage = ReadonlyMap<string, TokenUse>;

/**
 * The use of each parameter token on a text.
 * @param batches of any sizes; every token of the text counts the same, those that are only read, such as prompts, too
 */
export async function measureUsage(inference: Inference, batches: Iterable<TokenBatch>): Promise<Usage> {
  const sites = sitePaths(inference.parameters.keys());
  if (sites.length === 0) return new Map();
  const sums = new Map<string, Float64Array>();
  let textTokens = 0;
  for (const batch of batches) {
    const { separate } = formOf(batch);
    const program = await inference.program("usage", usageOutputs, { separate });
    const { values } = await program.run({ ...inference.inputs(), ...inference.batchInputs(batch, 1) });
    for (const [name, value] of Object.entries(values)) sums.set(name, plus(sums.get(name), value));
    textTokens += batch.sequences * batch.context;
  }
  const mean = (name: string) => required(sums, name).map((total) => total / textTokens);
  return new Map(
    sites.map((site) => [
      site,
      {
        mass: mean(`mass:${site}`),
        contribution: mean(`contribution:${site}`),
        normaliserShare: mean(`normaliserShare:${site}`),
      },
    ]),
  );
}

/**
 * The norm of the gradient of a batch's mean loss, over the targets that count, with respect to each parameter token, its key and
 * value together, by the path of the site: [P]. Dropout is off.
 */
export async function tokenGradientNorms(inference: Inference, batch: TokenBatch): Promise<Map<string, Float64Array>> {
  const sites = sitePaths(inference.parameters.keys());
  if (sites.length === 0) return new Map();
  const form = formOf(batch);
  const program = await inference.program("token gradients", (traced) => gradientOutputs(traced, form), form);
  const { values } = await program.run({
    ...inference.inputs(),
    ...inference.batchInputs(batch, 1 / countedIn(batch)),
  });
  const norms = new Map(Object.entries(values));
  return new Map(sites.map((site) => [site, plus(undefined, required(norms, `gradient:${site}`))]));
}

function usageOutputs(traced: Traced): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  for (const [site, { values, weights, shares }] of siteTensors(traced)) {
    const mass = sum(abs(weights), [0, 1]); // Σ |Θ(A)| [P]
    outputs[`mass:${site}`] = mass;
    outputs[`contribution:${site}`] = mul(mass, sqrt(rowSquares(values)));
    outputs[`normaliserShare:${site}`] = sum(shares, [0, 1]);
  }
  return outputs;
}

function gradientOutputs(traced: Traced, form: BatchForm): Record<string, Tensor> {
  const sites = siteTensors(traced);
  const tensors = [...sites.values()].flatMap(({ keys, values }) => [keys, values]);
  const wrt = gradients(lossOf(traced, form), tensors);
  const squares = new Map(wrt.map((gradient, index) => [tensors[index], rowSquares(gradient)] as const));
  const norm = (keys: Tensor, values: Tensor) => sqrt(add(required(squares, keys), required(squares, values))); // [P]
  return Object.fromEntries([...sites].map(([site, { keys, values }]) => [`gradient:${site}`, norm(keys, values)]));
}

/** The tensors of each site in a trace: K [P, D], V [P, D], Θ(A) and the normaliser's shares [B, T, P]. */
function siteTensors({ scope }: Traced) {
  const tensors = new Map(scope.parameters.map(({ name }, index) => [name, scope.parameterTensors[index]]));
  const sites = new Map<string, { keys: Tensor; values: Tensor; weights: Tensor; shares: Tensor }>();
  for (const site of sitePaths(tensors.keys())) {
    const keys = tensors.get(`${site}.keys`);
    const values = tensors.get(`${site}.values`);
    const weights = scope.records.get(`${site}.weights`);
    const shares = scope.records.get(`${site}.shares`);
    if (keys && values && weights && shares) sites.set(site, { keys, values, weights, shares });
  }
  return sites;
}

/** Squared norms of the rows of x [P, D]: [P]. */
const rowSquares = (x: Tensor) => sum(mul(x, x), [1]);

/** The sites whose tokens are rows of some parameters. */
const sitePaths = (parameters: Iterable<string>): string[] => [
  ...new Set([...parameters].flatMap((name) => siteOf(name) ?? [])),
];

/** A sum in float64, as a text has many batches. */
function plus(sum: Float64Array | undefined, tensor: HostTensor): Float64Array {
  return Float64Array.from(floatArray(tensor).data, (value, index) => value + (sum?.[index] ?? 0));
}
